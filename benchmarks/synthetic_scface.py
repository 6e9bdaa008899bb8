"""Draw 130 synthetic people in SCface's layout, as aligned faces, to try SCface's protocols without its data.

    python benchmarks/synthetic_scface.py scface_drawn
    python eval/evaluate_scface.py scface_drawn --alignment none --hr_model models/hr

Each person has a mugshot and an image from each of five cameras at three distances. A camera has a gamma, a
contrast and a noise of its own; at a distance a face is reduced to the stated number of pixels and enlarged again.
The faces are drawn by our own code and show no real person; the people are others than those of
`train/make_synthetic.py` with its default seed. Real surveillance images are much harder: the rates say how the
methods compare, no more.
"""

import argparse
from pathlib import Path

import numpy as np

from cshml_tf.data.scface import CAMERAS, DISTANCES, PEOPLE, image_name
from cshml_tf.data.synthetic.dataset import identity_seed_of
from cshml_tf.data.synthetic.photograph import draw_aligned
from cshml_tf.degradation import degrade
from cshml_tf.images import write_image

SEED = 7
SIDES = {1: 12, 2: 20, 3: 40}
# Gamma, contrast and standard deviation of the noise in grey levels, by camera.
LOOKS = {1: (1.0, 0.9, 4.0), 2: (0.7, 0.8, 8.0), 3: (1.4, 1.0, 6.0), 4: (1.8, 0.7, 10.0), 5: (0.6, 0.6, 12.0)}


def through_camera(face: np.ndarray, camera: int, distance: int, random: np.random.Generator) -> np.ndarray:
    """Return a face as a camera sees it at a distance: (H, W, 3) uint8."""
    gamma, contrast, noise = LOOKS[camera]
    toned = 255 * (0.5 + contrast * ((face / 255) ** gamma - 0.5))
    reduced = np.asarray(degrade(np.rint(np.clip(toned, 0, 255)).astype(np.uint8)[None], SIDES[distance]))[0]
    # The sensor's noise is at the low resolution: blocks of as many pixels as the face was reduced to.
    grid = random.normal(0, noise, (SIDES[distance], SIDES[distance], 3))
    rows, columns = (np.arange(side) * SIDES[distance] // side for side in face.shape[:2])
    return np.clip(np.rint(reduced + grid[rows][:, columns]), 0, 255).astype(np.uint8)


def main() -> None:
    """Draw all images."""
    parser = argparse.ArgumentParser(description="Draw 130 synthetic people in SCface's layout.")
    parser.add_argument("root", type=Path, help="folder to write to")
    root = parser.parse_args().root
    for person in PEOPLE:
        identity = identity_seed_of(SEED, person)
        random = np.random.default_rng([SEED, person])
        places = [(None, None), *((camera, distance) for distance in DISTANCES for camera in CAMERAS)]
        for picture, (camera, distance) in enumerate(places, start=1):
            face = draw_aligned(identity, picture, (112, 96))
            name = image_name(person, camera, distance)
            if camera is None or distance is None:
                path = root / "mugshot_frontal_cropped_all" / f"{name}.png"
            else:
                path = root / f"surveillance_cameras_distance_{distance}" / f"cam_{camera}" / f"{name}.png"
                face = through_camera(face, camera, distance, random)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path, face)


if __name__ == "__main__":
    main()

"""Draw faces as the simulated camera shows them, at each severity and several resolutions, on one page.

python benchmarks/camera_samples.py docs/camera.jpg
python benchmarks/camera_samples.py faces.png --faces aligned_faces --count 12
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from cshml_tf.data.sources import open_source
from cshml_tf.data.synthetic import draw_aligned
from cshml_tf.degradation import degrade
from cshml_tf.degradation.degrade import SEVERITIES
from cshml_tf.images import encode_image

RESOLUTIONS = (8, 12, 20)
MODES = ("antialias", *(f"camera-{severity}" for severity in SEVERITIES))
GAP, LABEL = 4, 84


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="a PNG or JPEG file")
    parser.add_argument("--faces", help="aligned faces to show (default: synthetic ones)")
    parser.add_argument("--count", type=int, default=6, help="number of faces (default: %(default)s)")
    given = parser.parse_args()
    faces = _synthetic(given.count) if given.faces is None else _some_of(given.faces, given.count)
    rows = [_row("HR", faces)]
    for resolution in RESOLUTIONS:
        rows += [_row(f"{resolution} {mode}", degrade(faces, resolution, mode)) for mode in MODES]
    given.output.write_bytes(encode_image(np.concatenate(rows), given.output.suffix))


def _synthetic(count: int) -> np.ndarray:
    return np.stack([draw_aligned(number, number) for number in range(count)])


def _some_of(folder: str, count: int) -> np.ndarray:
    source = open_source(folder)
    chosen = np.unique(np.linspace(0, len(source) - 1, count).astype(int))
    first = source.images[0]
    size = (first if isinstance(first, np.ndarray) else cv2.imread(str(first))).shape[:2]
    return source.read(chosen, size)


def _row(label: str, faces: np.ndarray) -> np.ndarray:
    """Return the faces side by side, with a label on their left: (height + GAP, width, 3) uint8."""
    height = faces.shape[1]
    text = np.full((height, LABEL, 3), 255, np.uint8)
    for line, word in enumerate(label.split()):
        place = (4, height // 2 + 16 * line)
        cv2.putText(text, word, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    cells = [text]
    for face in faces:
        cells += [face.astype(np.uint8), np.full((height, GAP, 3), 255, np.uint8)]
    row = np.concatenate(cells, axis=1)
    return np.concatenate([row, np.full((GAP, row.shape[1], 3), 255, np.uint8)])


if __name__ == "__main__":
    main()

"""Compare degradation with PIL's bicubic on a folder of aligned faces, in grey levels.

python benchmarks/degradation.py faces --images 750
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from cshml_tf.degradation.degrade import degrade
from cshml_tf.images import read_image

RESOLUTIONS = (8, 12, 16, 20, 30)


def pil_degrade(pixels: np.ndarray, side: int) -> np.ndarray:
    """Reduce an (H, W, 3) uint8 picture with PIL, antialiased and rounded to 8 bits, and enlarge it again."""
    height, width = pixels.shape[:2]
    small = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.float32)


def main() -> None:
    """Print the mean and the largest difference at each resolution."""
    parser = argparse.ArgumentParser(description="compare degradation with PIL's bicubic, in grey levels")
    parser.add_argument("faces", type=Path, help="folder of class folders of PNG images of the same size")
    parser.add_argument("--images", type=int, default=750, help="number of images, evenly spaced among the names")
    arguments = parser.parse_args()
    paths = sorted(arguments.faces.glob("*/*.png"))
    paths = paths[:: max(1, len(paths) // arguments.images)]
    faces = np.stack([read_image(path) for path in paths])
    print(f"{len(faces)} images of {faces.shape[1]} x {faces.shape[2]}")
    print("resolution   mean   worst")
    for side in RESOLUTIONS:
        expected = np.stack([pil_degrade(face, side) for face in faces])
        difference = np.abs(np.asarray(degrade(faces, side)) - expected)
        print(f"{side:4} x {side:<4}  {difference.mean():6.3f}  {difference.max():5.1f}")


if __name__ == "__main__":
    main()

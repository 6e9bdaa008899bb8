"""Compare the library's reader of photographs with only OpenCV and only Pillow, in images per second.

python benchmarks/decoding.py lfw --images 2000
"""

import argparse
import io
import statistics
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from cshml_tf.images import decode_image, list_images

REPEATS = 7
CHUNK = 100


def opencv_alone(data):
    """Decode without checking for truncation, orientation or frames."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def pillow_alone(data):
    """Decode and turn upright."""
    image = Image.open(io.BytesIO(data))
    ImageOps.exif_transpose(image, in_place=True)
    return np.array(image.convert("RGB"))


WAYS = {"the library": decode_image, "only OpenCV": opencv_alone, "only Pillow": pillow_alone}


def encode(pixels, suffix):
    """Encode (H, W, 3) uint8 RGB in the way that aligned faces are written."""
    return cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


def rates(files):
    """Measure the decoders in turns, some files at a time, so that another process slows all of them alike.

    Returns:
        dict from the name of a decoder to its images per second, the median of the repeats.
    """
    measured = {way: [] for way in WAYS}
    for _ in range(REPEATS):
        seconds = dict.fromkeys(WAYS, 0.0)
        for start in range(0, len(files), CHUNK):
            for way, decode in WAYS.items():
                begun = time.perf_counter()
                for data in files[start : start + CHUNK]:
                    decode(data)
                seconds[way] += time.perf_counter() - begun
        for way in WAYS:
            measured[way].append(len(files) / seconds[way])
    return {way: statistics.median(repeats) for way, repeats in measured.items()}


def main():
    """Print the images per second of each decoder: for photographs, and for faces of 112 x 112, JPEG and PNG."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", type=Path, help="folder of JPEG files of 112 x 112 or more, at any depth")
    parser.add_argument(
        "--images", type=int, default=2000, help="number of images, the first by name (default: 2000)"
    )
    arguments = parser.parse_args()
    paths = [path for path in list_images(arguments.photographs) if path.suffix.lower() == ".jpg"]
    photographs = [(arguments.photographs / path).read_bytes() for path in paths[: arguments.images]]
    faces = [np.ascontiguousarray(decode_image(data)[:112, :112]) for data in photographs]
    sets = {
        "photographs, JPEG": photographs,
        "112 x 112, JPEG": [encode(face, ".jpg") for face in faces],
        "112 x 112, PNG": [encode(face, ".png") for face in faces],
    }
    cv2.setNumThreads(1)
    print(f"{len(photographs)} images; images per second, median of {REPEATS}")
    print(f"{'':20}" + "".join(f"{way:>14}" for way in WAYS))
    for name, files in sets.items():
        print(f"{name:20}" + "".join(f"{rate:14.0f}" for rate in rates(files).values()))


if __name__ == "__main__":
    main()

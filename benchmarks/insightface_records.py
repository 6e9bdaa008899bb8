"""Measure the seconds and memory to open a `.rec`/`.idx` pair, and the records read and decoded per second.

python benchmarks/insightface_records.py --index_lines 500000 --faces 5000
"""

import argparse
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from cshml_tf.data.insightface.recordio import MAGIC
from cshml_tf.data.insightface.records import Records, open_records


def write_records(folder: Path, payloads: Sequence[bytes], images: int, people: int) -> None:
    """Write a training set: record 0, then `images` records that use the payloads in turn.

    Args:
        folder: folder to write to.
        payloads: encoded images, or stand-ins for them.
        images: number of images.
        people: number of labels among which the images are divided.
    """
    with open(folder / "train.rec", "wb") as records, open(folder / "train.idx", "w", newline="") as index:
        for key in range(images + 1):
            if key:
                label = float((key - 1) * people // images)
                payload = struct.pack("<IfQQ", 0, label, key, 0) + payloads[key % len(payloads)]
            else:
                payload = struct.pack("<IfQQff", 2, 0.0, 0, 0, images + 1.0, images + 1.0 + people)
            index.write(f"{key}\t{records.tell()}\n")
            records.write(struct.pack("<II", MAGIC, len(payload)) + payload + bytes(-len(payload) % 4))
    (folder / "property").write_text(f"{people},112,112")


def random_face(rng: np.random.Generator) -> bytes:
    """Draw a JPEG of 112 x 112 with about as many bytes as a face."""
    coarse = rng.integers(0, 256, (14, 14, 3)).astype(np.uint8)
    noise = rng.normal(0, 6, (112, 112, 3))
    pixels = np.clip(cv2.resize(coarse, (112, 112), interpolation=cv2.INTER_CUBIC) + noise, 0, 255)
    return cv2.imencode(".jpg", pixels.astype(np.uint8))[1].tobytes()


def open_and_label(folder: str) -> None:
    """Print the time and memory that opening takes; run in a process of its own, so that the peak is its own."""
    before = peak_megabytes()
    started = time.perf_counter()
    records = open_records(folder)
    opened, opened_peak = time.perf_counter() - started, peak_megabytes()
    classes = int(records.labels[-1]) + 1
    labelled, peak = time.perf_counter() - started - opened, peak_megabytes()
    new = opened_peak - before
    print(f"opening {len(records)} images: {opened:.2f} s, peak {opened_peak:.0f} MB, of which {new:.0f} MB new")
    print(f"reading their labels, {classes} people: {labelled:.2f} s more, peak {peak:.0f} MB")


def peak_megabytes() -> float:
    """Return the peak memory of this process in MB; Linux reports KiB, macOS bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e6 / 1024)


def read_all(records: Records, read: Callable[[int], object]) -> float:
    """Return the records read per second, over all records in random order."""
    order = np.random.default_rng(0).permutation(len(records))
    started = time.perf_counter()
    for index in order:
        read(index)
    return len(records) / (time.perf_counter() - started)


def main() -> None:
    """Write both sets, measure, and print."""
    parser = argparse.ArgumentParser(description="measure opening and reading InsightFace's training sets")
    parser.add_argument("--index_lines", type=int, default=500_000, help="images in the set to open")
    parser.add_argument("--faces", type=int, default=5000, help="JPEGs of 112 x 112 in the set to read")
    parser.add_argument("--opened", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.opened:
        return open_and_label(arguments.opened)
    with tempfile.TemporaryDirectory() as name:
        many, faces = Path(name, "many"), Path(name, "faces")
        many.mkdir()
        faces.mkdir()
        write_records(many, [bytes(range(40))], arguments.index_lines, arguments.index_lines // 46 + 1)
        subprocess.run([sys.executable, __file__, "--opened", str(many)], check=True)
        with open_records(many) as records:
            print(f"reading small records: {read_all(records, records.read_bytes):.0f} per second")
        rng = np.random.default_rng(0)
        jpegs = [random_face(rng) for _ in range(min(500, arguments.faces))]
        write_records(faces, jpegs, arguments.faces, arguments.faces // 46 + 1)
        cv2.setNumThreads(1)
        with open_records(faces) as records:
            mean = sum(map(len, jpegs)) / len(jpegs)
            print(f"reading JPEGs of {mean:.0f} bytes: {read_all(records, records.read_bytes):.0f} per second")
            print(f"reading and decoding, one thread: {read_all(records, records.read_image):.0f} per second")


if __name__ == "__main__":
    main()

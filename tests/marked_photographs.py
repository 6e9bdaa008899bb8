"""Photographs whose first pixel tells a detector what to find, so that tests of whole folders need no network."""

import csv

import numpy as np

from cshml_tf.images import write_image

# Red at 0, 0: number of faces. Green: 1 kills the process, 2 runs out of memory, 3 raises, 4 finds a face nowhere,
# 5 kills the process while it writes the crop.
# Blue: milliseconds to take.
DETECTOR = """
import os, pathlib, time
import numpy as np
from cshml_tf.alignment import folder
from cshml_tf.alignment.detector import Face
from cshml_tf.alignment.geometry import template
from cshml_tf.files import replacing

def die_writing(path, pixels):
    with replacing(path) as partial:
        partial.write_bytes(b"the first half")
        os._exit(1)

class MarkedDetector:
    def __init__(self, log=None):
        self.log = log

    def detect(self, image):
        faces, fault, wait = (int(value) for value in image[0, 0])
        if self.log is not None:
            with open(self.log, "a") as file:
                file.write(f"{os.getpid()}\\n")
        time.sleep(wait / 1000)
        if fault == 1:
            os._exit(1)
        if fault == 2:
            raise MemoryError
        if fault == 5:
            folder.write_image = die_writing
        if fault == 3:
            raise RuntimeError("a fault\\nwith a long report")
        place = np.nan if fault == 4 else 1
        return [Face(10.0 * n, 5.0, 96.0 * place, 112.0, 0.9, template() + [10 * n, 5]) for n in range(faces)]

class BrokenDetector(MarkedDetector):
    def detect(self, image):
        raise RuntimeError("no network")
"""


def photograph(path, faces=1, fault=0, wait=0):
    """Write 150 x 160 pixels of noise, the first of which tells the detector what to find."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(str(path))).integers(0, 256, (150, 160, 3)).astype(np.uint8)
    pixels[0, 0] = faces, fault, wait
    write_image(path, pixels)
    return pixels


def rows_of(output_dir):
    """Read `alignment.csv`; names that are not UTF-8 come as Python's own file names do."""
    with open(output_dir / "alignment.csv", encoding="utf-8", errors="surrogateescape", newline="") as file:
        return list(csv.DictReader(file))


def column(rows, name):
    return [row[name] for row in rows]

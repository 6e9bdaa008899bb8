"""InsightFace's training sets for tests, written byte by byte."""

import struct

import cv2
import numpy as np

MAGIC = b"\x0a\x23\xd7\xce"


def face(seed, height=112, width=112):
    pixels = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3)).astype(np.uint8)
    return cv2.resize(pixels, (width, height))


def encoded(pixels, suffix=".png"):
    return cv2.imencode(suffix, pixels[..., ::-1])[1].tobytes()


def payload(label, image, extra=()):
    return struct.pack(f"<IfQQ{len(extra)}f", len(extra), label, 7, 8, *extra) + image


def framed(content, flag=0):
    return MAGIC + struct.pack("<I", flag << 29 | len(content)) + content + b"\0" * (-len(content) % 4)


def write_set(folder, records, line_end="\n", order=None):
    """Write {key: framed record} as train.rec, with its index."""
    places, data = {}, b""
    for key, record in records.items():
        places[key] = len(data)
        data += record
    (folder / "train.rec").write_bytes(data)
    index = "".join(f"{key}\t{places[key]}{line_end}" for key in order or records)
    (folder / "train.idx").write_bytes(index.encode())
    return folder


def with_header(labels, extra=((),) * 99):
    """Return the records of a set with record 0, images and identity records; key k has face(k)."""
    images, people = len(labels), len(set(labels))
    records = {0: framed(payload(0, b"", (images + 1, images + 1 + people)))}
    for key, label in enumerate(labels, start=1):
        records[key] = framed(payload(label, encoded(face(key)), extra[key - 1]))
    for person in range(people):
        records[images + 1 + person] = framed(payload(0, b"", (1, 2)))
    return records


WHOLE = framed(payload(1, b"an image"))

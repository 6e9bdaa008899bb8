"""The textures in every form that training can read."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

MAGIC = struct.pack("<I", 0xCED7230A)


def write_records(folder, files, labels):
    """Write encoded images as InsightFace's train.rec and train.idx, without a record 0."""
    data, index = b"", ""
    for key, (file, label) in enumerate(zip(files, labels, strict=True), start=1):
        content = struct.pack("<IfQQ", 0, label, key, 0) + Path(file).read_bytes()
        index += f"{key}\t{len(data)}\n"
        data += MAGIC + struct.pack("<I", len(content)) + content + b"\0" * (-len(content) % 4)
    (folder / "train.rec").write_bytes(data)
    (folder / "train.idx").write_text(index)
    return folder


@pytest.fixture(scope="session")
def texture_records(texture_folder, tmp_path_factory):
    """The textures' own PNG files as records."""
    files = sorted(texture_folder.glob("*/*.png"))
    return write_records(tmp_path_factory.mktemp("records"), files, np.repeat(range(6), 5))


@pytest.fixture(scope="session")
def jpeg_forms(texture_folder, tmp_path_factory):
    """The textures as JPEG files in class folders, the same packed, and the same files as records: three paths."""
    from cshml_tf.data.packed.writer import pack

    folder = tmp_path_factory.mktemp("jpeg")
    files = []
    for path in sorted(texture_folder.glob("*/*.png")):
        files.append(folder / "faces" / path.parent.name / f"{path.stem}.jpg")
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(files[-1]), cv2.imread(str(path)))
    pack(folder / "faces", folder / "packed")
    (folder / "records").mkdir()
    write_records(folder / "records", files, np.repeat(range(6), 5))
    return folder / "faces", folder / "packed", folder / "records"

"""What is refused before it is opened or decoded, and what nobody sees."""

import os
import socket
import struct
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from bmp_files import bmp
from image_files import IMAGE, PICTURE, encode

from cshml_tf.images import (
    MAX_PIXELS,
    ImageTooLarge,
    UnreadableImage,
    decode_image,
    list_images,
    read_image,
    read_named,
)

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="these kinds of files exist on Linux")


def reason(path):
    with pytest.raises(UnreadableImage) as caught:
        read_image(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@LINUX
def test_only_regular_files_are_opened(tmp_path):
    begun = time.monotonic()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "broken.png").symlink_to(tmp_path / "absent")
    (tmp_path / "round.png").symlink_to(tmp_path / "round.png")
    with open(tmp_path / "sparse.png", "wb") as file:
        file.truncate(4 * 10**12)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket.png"))
    assert reason(tmp_path / "folder.png") == "expected a file, got a folder"
    for name in ("pipe", "zero", "socket"):
        assert reason(tmp_path / f"{name}.png") == "expected a regular file, got a pipe, a socket or a device"
    assert (
        reason(tmp_path / "sparse.png") == "expected a file of at most 4294967296 bytes, got 4000000000000 bytes"
    )
    assert reason(tmp_path / "broken.png") == "cannot open: No such file or directory"
    assert "cannot open: Too many levels of symbolic links" in reason(tmp_path / "round.png")
    assert time.monotonic() - begun < 5
    # All but the folder look like image files, and are listed so that a run reports them.
    listed = {path.stem for path in list_images(tmp_path)}
    assert listed == {"pipe", "zero", "broken", "round", "sparse", "socket"}


def test_a_large_file_of_a_compressed_format_is_not_read_into_memory(tmp_path):
    (tmp_path / "large.jpg").write_bytes(encode(IMAGE, "JPEG"))
    os.truncate(tmp_path / "large.jpg", 2**30)
    assert (
        reason(tmp_path / "large.jpg") == "expected a JPEG file of at most 536870912 bytes, got 1073741824 bytes"
    )


@LINUX
def test_names_that_are_not_utf8_or_have_line_ends(tmp_path):
    for name in (b"caf\xe9.png", b"two\nlines.png", "l\u2028s.png".encode()):
        path = os.path.join(os.fsencode(tmp_path), name)
        with open(path, "wb") as file:
            file.write(encode(IMAGE, "PNG"))
        np.testing.assert_array_equal(read_image(os.fsdecode(path)), PICTURE)
        with open(path, "wb") as file:
            file.write(b"no picture")
        with pytest.raises(ValueError, match="not a JPEG, PNG") as caught:
            read_named(os.fsdecode(path))
        assert str(caught.value).isprintable()
    assert len(list_images(tmp_path)) == 3


@pytest.mark.parametrize("brand", [b"isom", b"iso2", b"mp41", b"mp42", b"qt  ", b"M4V ", b"3gp4", b"avc1"])
def test_a_video_is_called_a_video(brand):
    """Its compatible brands may name HEIC's; what stands behind the first box does not count."""
    box = (24).to_bytes(4, "big") + b"ftyp" + brand + bytes(4) + b"mif1heic"
    with pytest.raises(UnreadableImage, match="^a video, not a JPEG, PNG"):
        decode_image(box + bytes(100))


@pytest.mark.parametrize("head", [b"\0\0\0\x08wide", b"\x1aE\xdf\xa3", b"RIFF\0\0\0\0AVI "])
def test_other_videos(head):
    with pytest.raises(UnreadableImage, match="^a video, not a JPEG, PNG"):
        decode_image(head.ljust(100, b"\0"))


def test_what_follows_the_brands_is_no_brand():
    with pytest.raises(UnreadableImage, match="^not a JPEG, PNG"):
        decode_image((16).to_bytes(4, "big") + b"ftypwhat" + bytes(4) + b"heic" + bytes(40))


@pytest.mark.parametrize("sides", [(32767, 8), (8, 40000), (24000, 24000)])
@pytest.mark.parametrize("kind", ["bmp", "png", "jpg"])
def test_sizes_are_refused_by_the_header(kind, sides):
    """The headers of small files, changed to claim more."""
    width, height = sides
    if kind == "bmp":
        data = bytearray(bmp([bytes(3)], 1, 24))
        data[18:26] = width.to_bytes(4, "little") + height.to_bytes(4, "little")
    elif kind == "png":
        data = bytearray(encode(IMAGE, "PNG"))
        data[16:24] = struct.pack(">II", width, height)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    else:
        data = bytearray(encode(IMAGE, "JPEG"))
        place = data.index(b"\xff\xc0") + 5
        data[place : place + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    match = f"more pixels than the limit of {MAX_PIXELS}$" if width == height else "longer than 32766 pixels"
    with pytest.raises(ImageTooLarge, match=match):
        decode_image(bytes(data))


def test_a_lower_limit_may_be_set():
    data = encode(IMAGE, "PNG")
    height, width = decode_image(data).shape[:2]
    assert decode_image(data, width * height).shape[:2] == (height, width)
    with pytest.raises(
        ImageTooLarge, match=f"{width} x {height}: more pixels than the limit of {width * height - 1}"
    ):
        decode_image(data, width * height - 1)


@pytest.mark.slow
def test_damaged_files_print_nothing(tmp_path):
    """Nothing from Pillow's warnings and logs, nor from libtiff and libpng, which write past Python."""
    random = np.random.default_rng(0)
    tables = [b"II*\0\x08\0\0\0\xff\xff", b"MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x05\0\x06\0\0"]
    files = [encode(IMAGE, name, exif=b"Exif\0\0" + table) for table in tables for name in ("JPEG", "PNG", "WEBP")]
    files.append(encode(IMAGE, "PNG", icc_profile=b"x" * 200))
    for compression in ("tiff_lzw", "jpeg", "tiff_adobe_deflate", "packbits"):
        whole = encode(IMAGE, "TIFF", compression=compression)
        for _ in range(30):
            damaged = bytearray(whole)
            for place in random.integers(0, len(whole), 3):
                damaged[place] = random.integers(256)
            files.append(bytes(damaged))
    for number, data in enumerate(files):
        (tmp_path / f"{number:04d}.png").write_bytes(data)
    code = (
        "import pathlib, sys\n"
        "from cshml_tf.images import UnreadableImage, read_image\n"
        "counts = [0, 0]\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):\n"
        "    try:\n"
        "        read_image(path)\n"
        "        counts[0] += 1\n"
        "    except UnreadableImage:\n"
        "        counts[1] += 1\n"
        "print(counts)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, tmp_path], check=True, capture_output=True, text=True)
    assert run.stderr == ""
    read, refused = eval(run.stdout)
    assert read > 10 and refused > 20

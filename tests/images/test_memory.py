"""How much memory a photograph takes: measured, and refused by the header where it would be too much."""

import io
import os
import subprocess
import sys

import cv2
import numpy as np
import pillow_heif
import pytest
from image_files import FADING, IMAGE, encode, exif
from PIL import Image

from cshml_tf.images import UnreadableImage, decode_image, limits

pillow_heif.register_heif_opener()

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
# The highest memory of a process can be reset to what it holds now.
_MEASURE = """
import gc, pathlib, re, sys
from cshml_tf.images import read_image

def highest():
    return int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) * 1024

read_image(sys.argv[2])
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    gc.collect()
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = highest()
    height, width, _ = read_image(path).shape
    print(path.name, height * width, highest() - before, sep=",")
"""
# 2280 x 2700 pixels of each kind: repeated colours compress well, so the files are small.
LARGE = np.tile(FADING, (60, 60, 1))
FIXED_BYTES = 8 * 2**20


def large_files():
    colour, faded = Image.fromarray(LARGE[..., :3]), Image.fromarray(LARGE)
    deep = LARGE.astype(np.uint16) * 255
    return {
        "jpeg": encode(colour, "JPEG"),
        "jpeg turned": encode(colour, "JPEG", exif=exif(6)),
        "jpeg turned and mirrored": encode(colour, "JPEG", exif=exif(7)),
        "jpeg progressive": encode(colour, "JPEG", progressive=True),
        "jpeg grey": encode(colour.convert("L"), "JPEG"),
        "jpeg cmyk": encode(colour.convert("CMYK"), "JPEG"),
        "png": encode(colour, "PNG", compress_level=1),
        "png turned": encode(colour, "PNG", compress_level=1, exif=exif(5)),
        "png opacity": encode(faded, "PNG", compress_level=1),
        "png palette": encode(colour.quantize(64), "PNG", transparency=3),
        "png 16": cv2.imencode(".png", deep[..., :3], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes(),
        "png 16 opacity": cv2.imencode(".png", deep, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes(),
        "bmp": encode(colour, "BMP"),
        "tiff": encode(colour, "TIFF"),
        "tiff lzw": encode(colour, "TIFF", compression="tiff_lzw"),
        "tiff opacity": encode(faded, "TIFF", compression="tiff_lzw"),
        "tiff 16": cv2.imencode(".tiff", deep[..., :3], [cv2.IMWRITE_TIFF_COMPRESSION, 5])[1].tobytes(),
        "tiff turned": encode(colour, "TIFF", exif=exif(6)),
        "webp": encode(colour, "WEBP", quality=50, method=0),
        "webp opacity": encode(faded, "WEBP", lossless=True, quality=0, method=0),
        "gif": encode(colour.quantize(64), "GIF"),
        "heic": encode(colour, "HEIF", quality=20),
        "avif grey": encode(colour.convert("L"), "AVIF", speed=10),
    }


# Kinds whose decoders hold the whole picture again, by their names in `limits.HELD`, each drawn from a colour
# picture and one with opacity.
LZW_OF_ONE_STRIP = [cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_ROWSPERSTRIP, 32766]
HELD = {
    "avif": ("AVIF file", lambda colour, faded: encode(colour, "AVIF", speed=10)),
    "avif 444 opacity": (
        "AVIF file",
        lambda colour, faded: encode(faded, "AVIF", subsampling="4:4:4", speed=10),
    ),
    "heic 444": ("HEIC file", lambda colour, faded: encode(colour, "HEIF", quality=20, chroma=444)),
    "heic 444 opacity": ("HEIC file", lambda colour, faded: encode(faded, "HEIF", quality=20, chroma=444)),
    "heic 10 opacity": ("HEIC file of more than 8 bits", lambda colour, faded: ten_bits(faded)),
    "jpeg progressive 444": (
        "progressive JPEG file",
        lambda colour, faded: encode(colour, "JPEG", progressive=True, subsampling=0),
    ),
    "jpeg progressive cmyk": (
        "progressive JPEG file in CMYK",
        lambda colour, faded: encode(colour.convert("CMYK"), "JPEG", progressive=True, subsampling=0),
    ),
    "jpeg of several scans": (
        "progressive JPEG file",
        lambda colour, faded: in_several_scans(encode(colour, "JPEG", subsampling=0)),
    ),
    "jpeg of several scans cmyk": (
        "progressive JPEG file in CMYK",
        lambda colour, faded: in_several_scans(encode(colour.convert("CMYK"), "JPEG", subsampling=0)),
    ),
    "tiff of one strip": (
        "TIFF file of few large parts",
        lambda colour, faded: encode(colour, "TIFF", compression="packbits", tiffinfo={278: colour.height}),
    ),
    "tiff 16 of one strip": (
        "TIFF file of few large parts of 16 bits",
        lambda colour, faded: cv2.imencode(".tiff", np.asarray(faded).astype(np.uint16) * 257, LZW_OF_ONE_STRIP)[
            1
        ].tobytes(),
    ),
}


def ten_bits(faded):
    """Return a HEIC file of more than 8 bits per channel."""
    deep = np.asarray(faded).astype(np.uint16) * 257
    image = pillow_heif.from_bytes("RGBA;16", faded.size, deep.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, quality=20, chroma=444)
    return buffer.getvalue()


def in_several_scans(jpeg):
    """Return a sequential JPEG whose first scan lists one colour; the others, which are missing, come out grey."""
    start = jpeg.index(b"\xff\xda")
    length = int.from_bytes(jpeg[start + 2 : start + 4], "big")
    scan = b"\xff\xda\0\x08\x01" + jpeg[start + 5 : start + 7] + b"\0\x3f\0"
    # Bytes of 255 may fill the space before a marker.
    return jpeg[:start] + b"\xff\xff" + scan + jpeg[start + 2 + length :]


def measured(tmp_path, files):
    """Return (name, pixels, bytes taken), measured in a child process, as the system counts it."""
    folder = tmp_path / "large"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (tmp_path / "small").write_bytes(encode(IMAGE, "PNG"))
    words = [sys.executable, "-c", _MEASURE, folder, tmp_path / "small"]
    # What one file took goes back to the system, instead of hiding what the next one takes.
    returned = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"}
    run = subprocess.run(words, check=True, capture_output=True, text=True, env=os.environ | returned)
    rows = [line.split(",") for line in run.stdout.splitlines()]
    assert [name for name, _, _ in rows] == sorted(files)
    return [(name, int(pixels), int(taken)) for name, pixels, taken in rows]


@pytest.mark.slow
@LINUX
def test_a_photograph_takes_at_most_eight_bytes_per_pixel(tmp_path):
    rows = measured(tmp_path, large_files())
    for name, pixels, taken in rows:
        assert taken <= 8 * pixels + FIXED_BYTES, f"{name}: {taken / pixels:.1f}"
    # At least the result itself: the measurement works. A decoder that keeps its memory may hide a single one.
    assert sum(taken >= 3 * pixels - FIXED_BYTES for _, pixels, taken in rows) > len(rows) // 2


@pytest.mark.slow
@LINUX
def test_kinds_held_whole_take_what_their_limits_assume(tmp_path):
    """With as many pixels as it may have, none takes more than 8 bytes per pixel and 1 GiB."""
    pictures = Image.fromarray(LARGE[:1140, :, :3]), Image.fromarray(LARGE[:1140])
    rows = measured(tmp_path, {name: make(*pictures) for name, (_, make) in HELD.items()})
    for name, pixels, taken in rows:
        kind = HELD[name][0]
        assert taken <= limits.HELD[kind] * pixels + FIXED_BYTES, f"{name}: {taken / pixels:.1f}"
    assert sum(taken > 8 * pixels for _, pixels, taken in rows) > len(rows) // 2, "the lower limits are needless"


@pytest.mark.parametrize("kind", limits.HELD)
def test_no_kind_exceeds_the_fixed_part(kind):
    most = limits.most_pixels_of(kind)
    assert limits.HELD[kind] * most <= 8 * most + 2**30
    assert most >= 89_000_000, "a photograph of a camera"


def small(make):
    return make(IMAGE, Image.fromarray(FADING))


@pytest.mark.parametrize("name", HELD)
def test_kinds_held_whole_have_a_lower_limit(name, monkeypatch):
    kind, make = HELD[name]
    data = small(make)
    decode_image(data)
    pixels = IMAGE.width * IMAGE.height
    monkeypatch.setattr(limits, "FIXED_BYTES", (limits.HELD[kind] - 8) * pixels - 1)
    match = f"^45 x 38: the {kind} has more pixels than the limit of {pixels - 1} for its kind$"
    with pytest.raises(UnreadableImage, match=match):
        decode_image(data)


@pytest.mark.parametrize(
    "make",
    [
        lambda colour, faded: encode(colour, "JPEG"),
        lambda colour, faded: encode(colour.convert("L"), "JPEG"),
        lambda colour, faded: encode(faded, "PNG"),
        lambda colour, faded: encode(faded, "WEBP"),
        lambda colour, faded: encode(colour, "GIF"),
        lambda colour, faded: encode(colour, "BMP"),
        lambda colour, faded: encode(colour, "TIFF"),
        lambda colour, faded: encode(colour, "TIFF", compression="tiff_lzw", tiffinfo={278: 2}),
    ],
)
def test_other_kinds_have_not(make, monkeypatch):
    monkeypatch.setattr(limits, "FIXED_BYTES", 100)
    assert decode_image(small(make)).shape == (38, 45, 3)


def test_the_lower_limit_is_that_of_the_header():
    """The header of a small file is changed to claim more than libjpeg's coefficients of four inks allow."""
    data = bytearray(encode(IMAGE.convert("CMYK"), "JPEG", progressive=True))
    place = data.index(b"\xff\xc2") + 5
    data[place : place + 4] = (15000).to_bytes(2, "big") * 2
    with pytest.raises(
        UnreadableImage, match="^15000 x 15000: .* in CMYK .* the limit of 214748364 for its kind$"
    ):
        decode_image(bytes(data))

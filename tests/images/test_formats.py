"""Formats beyond plain colour: HEIC and AVIF, GIF, 16 bits, transparency; damaged files, decompression bombs."""

import io
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from cshml_tf.images import IMAGE_SUFFIXES, READ_SUFFIXES, UnreadableImage, decode_image, list_images, read_image

pillow_heif.register_heif_opener()

Y, X = np.mgrid[:40, :60]
# (40, 60, 3) of smooth colour, no two corners alike.
PICTURE = np.stack([4 * X + 10, 5 * Y + 20, 255 - 2 * X - 2 * Y], axis=-1).astype(np.uint8)
IMAGE = Image.fromarray(PICTURE)
FADING = np.dstack([PICTURE, 4 * X]).astype(np.uint8)
TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6


def encode(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def worst(one, other):
    return np.abs(np.asarray(one, float) - other).max()


def over_white(rgba):
    opacity = rgba[..., 3:] / 255
    return rgba[..., :3] * opacity + 255 * (1 - opacity)


@pytest.mark.parametrize("file_format", ["AVIF", "HEIF"])
def test_avif_and_heic(file_format):
    pixels = decode_image(encode(IMAGE, file_format, quality=95))
    assert pixels.shape == PICTURE.shape and worst(pixels, PICTURE) < 12
    turned = decode_image(encode(IMAGE, file_format, quality=95, exif=TURNED))
    assert turned.shape == (60, 40, 3) and worst(turned, np.rot90(PICTURE, -1)) < 12
    faded = decode_image(encode(Image.fromarray(FADING), file_format, quality=95))
    assert worst(faded, over_white(FADING)) < 16


@pytest.mark.parametrize("file_format", ["AVIF", "HEIF", "GIF", "MPO"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.9])
def test_cut_files_are_unreadable(file_format, kept):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    whole = encode(noise, file_format)
    with pytest.raises(UnreadableImage):
        decode_image(whole[: int(kept * len(whole))])


def test_without_its_package_the_error_for_heic_names_it(tmp_path):
    (tmp_path / "photo.heic").write_bytes(encode(IMAGE, "HEIF"))
    code = (
        "import sys\n"
        "sys.modules['pillow_heif'] = None\n"
        "from cshml_tf.images import UnreadableImage, read_image\n"
        "try:\n"
        "    read_image(sys.argv[1])\n"
        "except UnreadableImage as error:\n"
        "    print(error)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "photo.heic"], check=True, capture_output=True, text=True
    )
    assert run.stdout == "reading HEIC needs pillow-heif: pip install 'cshml_tf[heic]'\n"


def test_one_gif_picture_is_read_and_two_are_refused():
    palette = IMAGE.quantize(16)
    expected = np.array(palette.convert("RGB"))
    np.testing.assert_array_equal(decode_image(encode(palette, "GIF")), expected)
    expected[np.asarray(palette) == 3] = 255
    np.testing.assert_array_equal(decode_image(encode(palette, "GIF", transparency=3)), expected)
    for file_format in ("GIF", "AVIF"):
        two = encode(IMAGE, file_format, save_all=True, append_images=[IMAGE.rotate(180)])
        with pytest.raises(UnreadableImage, match=f"an animated {file_format}: expected one picture"):
            decode_image(two)


@pytest.mark.parametrize("file_format", ["TIFF", "MPO"])
def test_of_further_pictures_that_are_not_motion_the_first_is_read(file_format):
    pixels = decode_image(encode(IMAGE, file_format, save_all=True, append_images=[IMAGE.resize((9, 9))]))
    assert pixels.shape == PICTURE.shape and worst(pixels, PICTURE) < 12


def test_a_turned_photograph_with_further_pictures():
    pixels = decode_image(encode(IMAGE, "MPO", exif=TURNED, save_all=True, append_images=[IMAGE], quality=95))
    assert worst(pixels, np.rot90(PICTURE, -1)) < 12


@pytest.mark.parametrize("suffix, channels", [(".png", 1), (".png", 3), (".png", 4), (".tif", 1), (".tif", 3)])
def test_sixteen_bits_are_rounded_not_cut(suffix, channels):
    """Of 2 x 200 = 400, 400 / 257 = 1.56 rounds to 2, where the high byte is 1."""
    deep = FADING.astype(np.uint16) * 200
    bgr = deep[..., [2, 1, 0, 3][:channels]] if channels > 1 else deep[..., 0]
    pixels = decode_image(cv2.imencode(suffix, bgr)[1].tobytes())
    eight = np.rint(deep / 257)
    if channels == 4:
        assert worst(pixels, over_white(eight)) <= 0.5 + 1e-4
    else:
        np.testing.assert_array_equal(pixels, eight[..., : min(channels, 3)] + np.zeros(3))
    assert pixels.dtype == np.uint8 and pixels.flags.c_contiguous


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_transparency_shows_white(mode, file_format):
    image = Image.fromarray(FADING).convert(mode)
    options = {"lossless": True, "exact": True} if file_format == "WEBP" else {}
    pixels = decode_image(encode(image, file_format, **options))
    assert worst(pixels, over_white(np.asarray(image.convert("RGBA")))) <= 0.5 + 1e-4


@pytest.mark.parametrize("mode, transparent", [("L", 80), ("RGB", (10, 20, 255))])
def test_the_transparent_colour_of_a_png_becomes_white(mode, transparent):
    pixels = np.asarray(IMAGE.convert(mode))
    data = encode(IMAGE.convert(mode), "PNG", transparency=transparent)
    hit = (pixels.reshape(40, 60, -1) == transparent).all(axis=2)
    expected = np.where(hit[..., None], 255, pixels.reshape(40, 60, -1))
    assert hit.any()
    np.testing.assert_array_equal(decode_image(data), np.broadcast_to(expected, PICTURE.shape))


def bitmap(bits, rows, palette=b""):
    """Return a BMP file with one row of pixels per entry of `rows`, the lowest first."""
    data = b"".join(row + bytes(-len(row) % 4) for row in rows)
    start = 54 + len(palette)
    width = len(rows[0]) * 8 // bits
    header = struct.pack("<IiiHHIIiiII", 40, width, len(rows), 1, bits, 0, len(data), 0, 0, len(palette) // 4, 0)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + palette + data


def test_bitmaps_with_a_colour_table_of_five_bits_and_of_an_unused_byte():
    palette = bytes([1, 2, 3, 0, 40, 50, 60, 0, 255, 0, 9, 0])  # blue, green, red, unused
    indexed = decode_image(bitmap(8, [bytes([2, 0]), bytes([1, 2])], palette))
    np.testing.assert_array_equal(indexed, [[[60, 50, 40], [9, 0, 255]], [[9, 0, 255], [3, 2, 1]]])
    # Five bits a channel, red the highest: 31 of 31 is white, as 255 of 255.
    colours = [0x7FFF, 0x7C00, 0x03E0, 0x001F, 0x0000, 0x4210]
    five = decode_image(bitmap(16, [struct.pack("<6H", *colours)]))
    levels = [[31] * 3, [31, 0, 0], [0, 31, 0], [0, 0, 31], [0] * 3, [16] * 3]
    assert worst(five[0], np.array(levels) * 255 / 31) < 1
    unused = decode_image(bitmap(32, [bytes([10, 20, 30, 0, 40, 50, 60, 0])]))
    np.testing.assert_array_equal(unused, [[[30, 20, 10], [60, 50, 40]]])


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_both_decoders_of_jpeg_agree(mode, options):
    data = encode(IMAGE.convert(mode), "JPEG", quality=70, **options)
    assert worst(decode_image(data), np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))) <= 2


def test_a_jpeg_cut_anywhere_is_refused():
    for image in (IMAGE, IMAGE.convert("CMYK")):
        whole = encode(image, "JPEG", exif=TURNED)
        assert decode_image(whole + b"trailing").shape == (60, 40, 3)
        for kept in range(len(whole)):
            with pytest.raises(UnreadableImage):
                decode_image(whole[:kept])


def test_a_damaged_exif_block_does_not_matter():
    for table in (b"", b"II*\0\xff\xff\xff\xff", b"XX*\0\x08\0\0\0", b"II*\0\x08\0\0\0\xff\xff"):
        for file_format in ("JPEG", "PNG", "WEBP"):
            assert decode_image(encode(IMAGE, file_format, exif=b"Exif\0\0" + table)).shape == PICTURE.shape
    impossible = Image.Exif()
    impossible[0x0112] = 9
    assert decode_image(encode(IMAGE, "JPEG", exif=impossible)).shape == PICTURE.shape


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "AVIF", "HEIF", "MPO"])
def test_a_damaged_file_is_a_picture_or_an_error_of_one_line(file_format):
    random = np.random.default_rng(0)
    whole = encode(IMAGE, file_format)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 4):
            damaged[place] = random.integers(256)
        try:
            pixels = decode_image(bytes(damaged))
        except UnreadableImage as error:
            assert str(error) and "\n" not in str(error)
        else:
            assert pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_a_decompression_bomb_is_refused_by_its_header():
    """24,000 x 24,000 pixels of colour would be 1.7 GB; the file contains little more than their header."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 24000, 24000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    limit = 2 * Image.MAX_IMAGE_PIXELS
    with pytest.raises(UnreadableImage, match=f"the PNG file has more pixels than the limit of {limit}$"):
        decode_image(bomb)


def test_a_file_of_each_suffix_is_listed_and_read(tmp_path):
    formats = Image.registered_extensions()
    for suffix in READ_SUFFIXES:
        (tmp_path / f"picture{suffix}").write_bytes(encode(IMAGE, formats[suffix]))
    listed = list_images(tmp_path)
    assert sorted(path.suffix for path in listed) == sorted(READ_SUFFIXES)
    assert all(read_image(tmp_path / path).shape == PICTURE.shape for path in listed)
    assert IMAGE_SUFFIXES > set(READ_SUFFIXES)

"""One set of files through every path: alignment, class folders, records, and the exported model's graph."""

import io
import re
import struct

import numpy as np
import pillow_heif
import pytest
from bmp_files import bmp, bmp_files
from image_files import (
    FADING,
    IMAGE,
    PICTURE,
    Y,
    chunk,
    encode,
    jpeg_files,
    other_files,
    over_white,
    png,
    png_files,
)
from PIL import Image, ImageOps
from tiff_files import tiff, tiff_files

from cshml_tf.data.folder import read_class_folders
from cshml_tf.data.insightface.decoding import decode_face
from cshml_tf.images import UnreadableImage, decode_image, read_image

pillow_heif.register_heif_opener()
FILES = {**png_files(), **bmp_files(), **tiff_files(), **jpeg_files(), **other_files()}
SUFFIXES = {"jpeg": ".jpg", "tiff": ".tif"}
# Formats that TensorFlow cannot decode, or that this library does not decode in a graph.
NOT_IN_A_GRAPH = ("bmp 4 rle", "bmp 8 rle", "tiff", "webp", "gif", "avif", "heic")


def shown(name):
    expected = FILES[name][1]
    return None if expected is None else np.broadcast_to(expected, (*expected.shape[:2], 3))


def test_exact_formats_have_exactly_their_pixels():
    exact = [name for name, (_, expected) in FILES.items() if expected is not None]
    assert len(exact) > 90
    for name in exact:
        np.testing.assert_array_equal(decode_image(FILES[name][0]), shown(name), name)


def test_alignment_class_folders_and_records_read_the_same_pixels(tmp_path):
    """Alignment reads with `read_image`, training with a source of faces, records with `decode_face`."""
    for name, (data, _) in FILES.items():
        folder = tmp_path / name / "person"
        folder.mkdir(parents=True)
        kind = name.split()[0]
        path = folder / f"picture{SUFFIXES.get(kind, '.' + kind)}"
        path.write_bytes(data)
        expected = read_image(path)
        source = read_class_folders(tmp_path / name)
        np.testing.assert_array_equal(source.read(np.zeros(1, int), expected.shape[:2])[0], expected, name)
        np.testing.assert_array_equal(decode_face(data, name), expected, name)
        np.testing.assert_array_equal(decode_image(data), expected, name)


@pytest.fixture(scope="module")
def in_graph():
    tf = pytest.importorskip("tensorflow")
    from cshml_tf.data.decoding import decode_image as decode

    signature = [tf.TensorSpec((), tf.string)]
    function = tf.function(decode, input_signature=signature, autograph=False)
    return lambda data: function(data).numpy()


def refusal(in_graph, data):
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        in_graph(data)
    return re.search(r"image_bytes: [^\]]*", str(caught.value))[0]


@pytest.mark.slow
def test_a_graph_has_the_same_pixels_or_refuses(in_graph):
    """JPEG too: the decoders that come with the tested versions agree on every pixel."""
    for name, (data, _) in FILES.items():
        if name.startswith(NOT_IN_A_GRAPH):
            message = refusal(in_graph, data)
            assert message.startswith("image_bytes: expected a ") and message.endswith("with its pixels"), name
            continue
        pixels = in_graph(data)
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, decode_image(data), name)


@pytest.mark.slow
def test_a_graph_says_what_it_refuses(in_graph):
    cmyk = FILES["jpeg cmyk"][0]
    plain = cmyk.replace(b"Adobe", b"Other")
    assert "expected a CMYK JPEG file with an Adobe marker, got one without" in refusal(in_graph, plain)
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
    for data in (encode(IMAGE, "JPEG", xmp=xmp), png(PICTURE, 8, 2, text)):
        assert "expected an orientation in EXIF, got one in XMP" in refusal(in_graph, data)
        # Read as a whole, the picture is turned.
        assert decode_image(data).shape == (45, 38, 3)
    two = encode(IMAGE, "PNG", save_all=True, append_images=[IMAGE.rotate(180)])
    assert "expected a PNG file of one picture, got an animation" in refusal(in_graph, two)
    large = encode(Image.new("L", (8200, 4100)), "PNG")
    assert "expected a picture of at most 16777216 pixels, got 8200 x 4100" in refusal(in_graph, large)
    assert "expected a JPEG, PNG or BMP file, got GIF" in refusal(in_graph, FILES["gif"][0])
    assert "expected a JPEG, PNG or BMP file, got an empty one" in refusal(in_graph, b"")


@pytest.mark.slow
def test_damaged_files_in_a_graph_are_pictures_or_errors(in_graph):
    """Nothing else than InvalidArgumentError, and no crash, whatever a header says."""
    import tensorflow as tf

    random = np.random.default_rng(0)
    for name in ("jpeg turned 6", "png rgba 16", "png turned", "bmp 8 os2", "bmp 16", "bmp 32 alpha"):
        whole = FILES[name][0]
        for _ in range(40):
            damaged = bytearray(whole)
            for place in random.integers(0, min(len(whole), 160), 3):
                damaged[place] = random.integers(256)
            try:
                pixels = in_graph(bytes(damaged))
            except tf.errors.InvalidArgumentError:
                continue
            assert pixels.shape[2] == 3


def test_the_two_decoders_of_plain_jpeg_agree():
    """OpenCV's JPEG is Pillow's: the bound on the rounding of the cosine transform is 0 in the tested versions."""
    for name, (data, _) in jpeg_files().items():
        by_pillow = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
        difference = np.abs(decode_image(data).astype(int) - np.asarray(by_pillow)).max()
        assert difference <= (0 if "cmyk" not in name else 1), name


@pytest.mark.slow
def test_odd_exif_counts_alike_in_both(in_graph):
    """An orientation of another type or out of range is none; of several, the first counts, as in Pillow."""

    def with_entries(*entries, order="<"):
        table = struct.pack(f"{order}H", len(entries))
        for kind, count, value in entries:
            stored = struct.pack(f"{order}{'H' if kind in (3, 8) else 'I'}", value).ljust(4, b"\0")
            table += struct.pack(f"{order}HHI", 0x0112, kind, count) + stored
        head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
        return encode(IMAGE, "JPEG", exif=b"Exif\0\0" + head + table + bytes(4))

    files = [with_entries((3, 1, value), order=order) for value in (0, 5, 8, 9) for order in "<>"]
    files += [with_entries((4, 1, 6)), with_entries((3, 1, 3), (3, 1, 6)), with_entries()]
    files += [with_entries((kind, 1, 6)) for kind in (1, 2, 6, 7, 8, 9, 13)]
    files += [with_entries((3, count, 6)) for count in (0, 2, 3)]
    shapes = []
    for data in files:
        np.testing.assert_array_equal(in_graph(data), decode_image(data))
        shapes.append(decode_image(data).shape)
    assert shapes[2] == (45, 38, 3) != shapes[0]


@pytest.mark.slow
def test_short_tables_of_bitmaps_are_black_beyond_their_end(in_graph):
    rows = [bytes([0, 1, 5, 200])]
    table = bytes([9, 8, 7, 0, 30, 20, 10, 0])
    data = bmp(rows, 4, 8, table, colours=2)
    expected = [[[7, 8, 9], [10, 20, 30], [0, 0, 0], [0, 0, 0]]]
    np.testing.assert_array_equal(decode_image(data), expected)
    np.testing.assert_array_equal(in_graph(data), expected)


def test_values_with_a_sign_and_of_32_bits_are_refused():
    tags = {256: [2], 257: [1], 259: [1], 262: [1], 277: [1], 278: [1]}
    for bits, kind, reason in ((16, 2, "expected whole numbers from 0, got signed ones"), (32, 3, "got 32")):
        data = tiff(tags | {258: [bits], 339: [kind]}, [bytes(bits // 4)])
        with pytest.raises(UnreadableImage, match=reason):
            decode_image(data)


def test_what_lies_behind_full_transparency_is_white():
    clear = FADING.copy()
    clear[..., 3] = np.where(Y % 2, 255, 0)
    np.testing.assert_array_equal(decode_image(png(clear, 8, 6)), over_white(clear))

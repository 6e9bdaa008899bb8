"""Common pictures, written by Pillow: the reader must return the same pixels, upright and as RGB."""

import errno
import io
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from cshml_tf.files import ListWarning
from cshml_tf.images import UnreadableImage, list_images, read_image, write_image


@pytest.fixture
def picture():
    """(40, 60, 3) of smooth colour, no two corners alike."""
    y, x = np.mgrid[:40, :60]
    return np.stack([4 * x + 10, 5 * y + 20, 255 - 2 * x - 2 * y], axis=-1).astype(np.uint8)


@pytest.fixture
def read(tmp_path):
    """Return a function that saves a Pillow image with options, or bytes, as a file and reads it."""

    def read_saved(content, file_format="PNG", name="picture", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else encode(content, file_format, **options))
        return read_image(path)

    return read_saved


def encode(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def worst(one, other):
    return np.abs(one.astype(int) - other.astype(int)).max()


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF"])
def test_lossless_colour_is_exact(read, picture, file_format):
    np.testing.assert_array_equal(read(Image.fromarray(picture), file_format), picture)


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP"])
def test_lossy_colour_is_close(read, picture, file_format):
    assert worst(read(Image.fromarray(picture), file_format, quality=95), picture) < 12


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_has_three_equal_channels(read, picture, mode):
    grey = Image.fromarray(picture).convert(mode)
    expected = np.asarray(grey.convert("RGB"))
    np.testing.assert_array_equal(read(grey), expected)


def test_cmyk_jpeg(read, picture):
    image = Image.fromarray(picture).convert("CMYK")
    expected = np.asarray(image.convert("RGB"))
    assert worst(read(image, "JPEG", quality=98, subsampling=0), expected) < 12


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_become_eight(read, picture, channels):
    pixels = picture[..., :channels]
    encoded = cv2.imencode(".png", pixels[..., ::-1].astype(np.uint16) * 257)[1].tobytes()
    np.testing.assert_array_equal(read(encoded), np.broadcast_to(pixels, picture.shape))


def test_transparency_shows_white(read, picture):
    opacity = np.zeros(picture.shape[:2], np.uint8)
    opacity[:, 20:40], opacity[:, 40:] = 51, 255  # 51 / 255 = 1 / 5
    rgba = Image.fromarray(np.dstack([picture, opacity]))
    pixels = read(rgba)
    assert (pixels[:, :20] == 255).all()
    np.testing.assert_array_equal(pixels[:, 40:], picture[:, 40:])
    expected = picture[:, 20:40] / 5 + 255 * 4 / 5
    assert np.abs(pixels[:, 20:40] - expected).max() <= 0.5 + 1e-4


def test_two_channels_and_transparent_palette(read, picture):
    opacity = Image.fromarray(np.full(picture.shape[:2], 255, np.uint8))
    grey = Image.fromarray(picture).convert("L")
    two_channels = Image.merge("LA", [grey, opacity])
    np.testing.assert_array_equal(read(two_channels), np.asarray(grey.convert("RGB")))
    palette = Image.fromarray(picture).quantize(8)
    expected = np.array(palette.convert("RGB"))
    expected[np.asarray(palette) == 3] = 255
    np.testing.assert_array_equal(read(palette, transparency=3), expected)


# What a viewer does to the stored pixels for each orientation, by the EXIF standard's table.
UPRIGHT = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation(read, picture, orientation, file_format):
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = read(Image.fromarray(picture), file_format, exif=exif, quality=95)
    assert worst(pixels, UPRIGHT[orientation](picture)) < 12


def test_exif_orientation_with_transparency(read, picture):
    exif = Image.Exif()
    exif[0x0112] = 6
    rgba = Image.fromarray(picture).convert("RGBA")
    np.testing.assert_array_equal(read(rgba, exif=exif), UPRIGHT[6](picture))


@pytest.mark.parametrize("name", ["Zoë 花子.jpg", "no suffix", "wrong.png"])
def test_names_do_not_matter(read, picture, name):
    assert worst(read(Image.fromarray(picture), "JPEG", name=name, quality=95), picture) < 12


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux are file names bytes")
def test_a_name_that_is_not_unicode(read, picture):
    name = os.fsdecode(b"caf\xe9.png")
    np.testing.assert_array_equal(read(Image.fromarray(picture), name=name), picture)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.9])
def test_cut_files_are_unreadable(read, file_format, kept):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    whole = encode(Image.fromarray(noise), file_format)
    with pytest.raises(UnreadableImage):
        read(whole[: int(kept * len(whole))])


def test_end_marker_of_a_thumbnail_does_not_make_a_jpeg_whole(read, picture):
    """The thumbnail in the EXIF block ends with its own end marker, before the cut."""
    exif = Image.Exif()
    exif[0x010E] = encode(Image.fromarray(picture), "JPEG").decode("latin1")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    whole = encode(Image.fromarray(noise), "JPEG", exif=exif)
    assert read(whole).shape == (64, 64, 3)
    with pytest.raises(UnreadableImage, match="cut short"):
        read(whole[:-200])


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "empty"),
        (b"this is a text named .jpg\n", "not a JPEG, PNG"),
        (b"\xff\xd8\xff", "cut short"),
        (b"GIF89a" + bytes(50), "the GIF file is cut short or damaged"),
        (b"\x00\x00\x00\x0cJXL " + bytes(50), "JPEG XL is not supported: convert it"),
        (bytes(4) + b"ftypisom" + bytes(50), "not a JPEG, PNG"),
        (bytes(4) + b"ftypheic" + bytes(50), "HEIC"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40) + b"IEND", "cannot be decoded"),
    ],
)
def test_reasons(read, content, reason):
    with pytest.raises(UnreadableImage, match=reason):
        read(content)


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_animation_is_refused(read, picture, file_format):
    frames = [Image.fromarray(picture), Image.fromarray(255 - picture)]
    with pytest.raises(UnreadableImage, match="animated"):
        read(frames[0], file_format, save_all=True, append_images=frames[1:])


def test_floating_point_and_missing_files(read, tmp_path):
    with pytest.raises(UnreadableImage):
        read(Image.fromarray(np.ones((8, 8), np.float32)), "TIFF")
    with pytest.raises(UnreadableImage, match="cannot open: No such file"):
        read_image(tmp_path / "missing.jpg")


def test_a_side_that_is_too_long_is_refused(read):
    with pytest.raises(UnreadableImage, match="40000 x 1: a side is longer than"):
        read(Image.fromarray(np.zeros((1, 40000), np.uint8)))


def test_write_then_read(tmp_path, picture):
    path = tmp_path / "Zoë.png"
    write_image(path, picture)
    np.testing.assert_array_equal(read_image(path), picture)
    assert [entry.name for entry in tmp_path.iterdir()] == ["Zoë.png"]


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, picture, monkeypatch):
    path = tmp_path / "a.png"
    write_image(path, picture)

    def fail(source, target):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_image(path, 255 - picture)
    np.testing.assert_array_equal(read_image(path), picture)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    "pixels", [None, np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_write_refuses_other_pixels(tmp_path, pixels):
    with pytest.raises(ValueError, match=r"pixels: expected an \(H, W, 3\) uint8 array, got"):
        write_image(tmp_path / "a.png", pixels)


def test_list_images(tmp_path):
    for name in ("b/2.JPG", "b/1.png", "a.jpeg", "b/notes.txt", ".hidden/1.png", "b/._1.png", "c/d/e.tif"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "in/c/loop").symlink_to(tmp_path / "in")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x.png").touch()
    (tmp_path / "in/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in/sibling").symlink_to(tmp_path / "in/c")
    found = [path.as_posix() for path in list_images(tmp_path / "in")]
    assert found == ["a.jpeg", "b/1.png", "b/2.JPG", "c/d/e.tif", "linked/x.png", "sibling/d/e.tif"]


def test_folders_that_link_to_one_another_are_listed_in_time(tmp_path):
    """Thirty folders, each with a link to every other one: followed in every order, they never end."""
    names = [f"{number:02d}" for number in range(30)]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "face.png").touch()
        for other in set(names) - {name}:
            (tmp_path / name / f"to_{other}").symlink_to(tmp_path / other)
    found = {path.as_posix() for path in list_images(tmp_path)}
    assert {f"{name}/face.png" for name in names} <= found
    assert {f"{name}/to_{other}/face.png" for name in names for other in names if name != other} <= found
    assert len(found) < 30 * 30 * 2


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    for name in ("a/1.png", "b/2.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    scan = os.scandir

    def refuse(folder):
        if Path(folder).name == "a":
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.warns(ListWarning, match="a: passed over, cannot be read: Permission denied$"):
        assert [path.as_posix() for path in list_images(tmp_path)] == ["b/2.png"]

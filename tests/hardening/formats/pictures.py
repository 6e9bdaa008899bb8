"""Pictures, in every format that `cshml_tf.images` reads."""

import numpy as np
from hardening.formats.format import Format
from PIL import ExifTags, Image

WIDTH, HEIGHT = 40, 32


def draw(seed=0):
    """Return a small picture: smooth, with some noise, so that every coder has something to code."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (4, 5, 3)).astype(np.uint8)).resize((WIDTH, HEIGHT))
    noisy = np.asarray(coarse) + random.integers(-9, 10, (HEIGHT, WIDTH, 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def _read(folder, changed):
    from cshml_tf.images import read_named

    pixels = read_named(folder / changed)
    assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.size


def _turned():
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "a camera"
    return exif


def _jpeg(folder):
    picture = draw()
    picture.save(folder / "plain.jpg", quality=90, exif=_turned())
    picture.save(folder / "progressive.jpg", progressive=True, restart_marker_blocks=2)
    picture.convert("L").save(folder / "grey.jpg")
    picture.convert("CMYK").save(folder / "cmyk.jpg")


def _png(folder):
    picture = draw()
    picture.save(folder / "rgb.png", exif=_turned(), dpi=(72, 72))
    picture.quantize(16).save(folder / "palette.png", transparency=3)
    picture.convert("L").convert("1").save(folder / "one_bit.png")
    picture.convert("RGBA").save(folder / "opacity.png")
    deep = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(folder / "deep.png")


def _bmp(folder):
    picture = draw()
    picture.save(folder / "rgb.bmp")
    picture.quantize(256).save(folder / "palette.bmp")
    picture.convert("1").save(folder / "one_bit.bmp")
    picture.convert("RGBA").save(folder / "opacity.bmp")


def _webp(folder):
    picture = draw()
    picture.save(folder / "lossy.webp", quality=80, exif=_turned())
    picture.convert("RGBA").save(folder / "lossless.webp", lossless=True)


def _tiff(folder):
    picture = draw()
    picture.save(folder / "raw.tif")
    for name in ("tiff_lzw", "jpeg", "tiff_adobe_deflate", "packbits"):
        picture.save(folder / f"{name}.tif", compression=name)
    picture.convert("1").save(folder / "fax.tif", compression="group4")
    picture.quantize(64).save(folder / "palette.tif")


def _gif(folder):
    draw().quantize(64).save(folder / "plain.gif")
    draw().quantize(16).save(folder / "transparent.gif", transparency=2, interlace=1)


def _avif(folder):
    draw().save(folder / "plain.avif", quality=80)
    draw().convert("RGBA").save(folder / "opacity.avif", quality=60)


def _heic(folder):
    from pillow_heif import from_pillow

    from_pillow(draw()).save(folder / "plain.heic", quality=80)
    from_pillow(draw().convert("RGBA")).save(folder / "opacity.heic", quality=60)


FORMATS = [
    Format("jpeg", _jpeg, _read),
    Format("png", _png, _read),
    Format("bmp", _bmp, _read),
    Format("webp", _webp, _read),
    Format("tiff", _tiff, _read),
    Format("gif", _gif, _read),
    Format("avif", _avif, _read),
    Format("heic", _heic, _read),
]

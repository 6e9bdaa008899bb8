"""TIFF files of every kind, drawn for tests."""

import struct

import cv2
import numpy as np
from image_files import FADING, IMAGE, PICTURE, eight, encode, exif, over_white, packed_rows
from PIL import Image


def tiff(tags, strips, order="<"):
    """Return a TIFF file.

    Args:
        tags: dict of tag number to a list of integers, stored as 16 or 32 bits.
        strips: bytes of each strip or tile; the tag of their places, 273 or 324, and of their lengths is added.
        order: "<" or ">".
    """
    places, lengths = (324, 325) if 322 in tags else (273, 279)
    start = 8
    tags = dict(tags) | {places: [], lengths: [len(strip) for strip in strips]}
    for strip in strips:
        tags[places].append(start)
        start += len(strip) + len(strip) % 2
    data = b"".join(strip + bytes(len(strip) % 2) for strip in strips)
    entries, extra, after = b"", b"", start + 2 + 12 * len(tags) + 4
    for tag, values in sorted(tags.items()):
        kind, code = (3, "H") if tag not in (places, lengths) else (4, "I")
        stored = struct.pack(f"{order}{len(values)}{code}", *values)
        if len(stored) > 4:
            place = struct.pack(f"{order}I", after + len(extra))
            extra += stored + bytes(len(stored) % 2)
            stored = place
        entries += struct.pack(f"{order}HHI", tag, kind, len(values)) + stored.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    return head + data + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + extra


def _tags(photometric, bits, **more):
    tags = {256: [45], 257: [38], 258: bits, 259: [1], 262: [photometric], 277: [len(bits)], 278: [38]}
    return tags | {int(name[1:]): value for name, value in more.items()}


def _tiles(pixels, side):
    height, width = pixels.shape[:2]
    for top in range(0, height, side):
        for left in range(0, width, side):
            tile = np.zeros((side, side, *pixels.shape[2:]), pixels.dtype)
            part = pixels[top : top + side, left : left + side]
            tile[: part.shape[0], : part.shape[1]] = part
            yield tile.tobytes()


def tiff_files():
    """Return TIFF files of many kinds, with the pixels that they show."""
    grey = PICTURE[..., 0]
    deep = (FADING.astype(int) * 257 - 77 * (FADING > 0)).astype(np.uint16)
    files = {}
    for name, order in (("little", "<"), ("big", ">")):
        stored = deep.astype(f"{order}u2")
        one, three, four = [16], [16] * 3, [16] * 4
        grey16, rgb16 = stored[..., 0].tobytes(), stored[..., :3].tobytes()
        premultiplied = (deep.astype(np.int64) * deep[..., 3:] // 65535).astype(f"{order}u2")
        premultiplied[..., 3] = deep[..., 3]
        laid = eight(premultiplied[..., :3]).astype(int) + 255 - eight(deep[..., 3:])
        files |= {
            f"tiff grey 16 {name}": (tiff(_tags(1, one), [grey16], order), eight(deep[..., :1])),
            f"tiff rgb 16 {name}": (tiff(_tags(2, three), [rgb16], order), eight(deep[..., :3])),
            f"tiff rgba 16 {name}": (
                tiff(_tags(2, four, t338=[2]), [stored.tobytes()], order),
                over_white(eight(deep)),
            ),
            f"tiff rgb 16 and an unused channel {name}": (
                tiff(_tags(2, four, t338=[0]), [stored.tobytes()], order),
                eight(deep[..., :3]),
            ),
            f"tiff rgba 16 premultiplied {name}": (
                tiff(_tags(2, four, t338=[1]), [premultiplied.tobytes()], order),
                np.minimum(laid, 255),
            ),
        }
    files |= {
        "tiff white is zero 8": (tiff(_tags(0, [8]), [grey.tobytes()]), 255 - grey[..., None]),
        "tiff white is zero 16": (
            tiff(_tags(0, [16]), [deep[..., 0].tobytes()]),
            eight(65535 - deep[..., :1]),
        ),
        "tiff white is zero 1": (
            tiff(_tags(0, [1]), [b"".join(packed_rows(grey >> 7, 1))]),
            255 - (grey[..., None] >> 7) * 255,
        ),
        "tiff tiled": (
            tiff(_tags(2, [8] * 3, t322=[16], t323=[16]), list(_tiles(PICTURE, 16))),
            PICTURE,
        ),
        "tiff tiled 16": (
            tiff(_tags(2, [16] * 3, t322=[16], t323=[16]), list(_tiles(deep[..., :3], 16))),
            eight(deep[..., :3]),
        ),
        "tiff planes": (tiff(_tags(2, [8] * 3, t284=[2]), [PICTURE[..., c].tobytes() for c in range(3)]), PICTURE),
        "tiff grey": (encode(IMAGE.convert("L"), "TIFF"), np.asarray(IMAGE.convert("L"))[..., None]),
        "tiff palette": (encode(IMAGE.quantize(64), "TIFF"), np.asarray(IMAGE.quantize(64).convert("RGB"))),
        "tiff cmyk": (encode(IMAGE.convert("CMYK"), "TIFF"), np.asarray(IMAGE.convert("CMYK").convert("RGB"))),
        "tiff rgba": (encode(Image.fromarray(FADING), "TIFF"), over_white(FADING)),
        "tiff turned": (encode(IMAGE, "TIFF", exif=exif(6)), np.rot90(PICTURE, -1)),
        "tiff turned, compressed": (
            encode(IMAGE, "TIFF", exif=exif(8), compression="tiff_lzw"),
            np.rot90(PICTURE, 1),
        ),
    }
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        files[f"tiff {compression}"] = encode(IMAGE, "TIFF", compression=compression), PICTURE
        for predictor in (1, 2):
            options = [cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_PREDICTOR, predictor]
            data = cv2.imencode(".tif", deep[..., 2::-1], options)[1].tobytes()
            files[f"tiff rgb 16 lzw {predictor}"] = data, eight(deep[..., :3])
    files["tiff jpeg"] = encode(IMAGE, "TIFF", compression="jpeg"), None
    return files

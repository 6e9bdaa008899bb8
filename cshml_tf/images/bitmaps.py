"""BMP files whose colour table is grey: Pillow reads their indices as 1 or 8 bits, whatever they are."""

from typing import BinaryIO

import numpy as np
from PIL import ImageFile, ImagePalette

_OS2_HEADER = 12
_RAW = {4: "P;4", 8: "P"}


def mend_grey_table(image: ImageFile.ImageFile, stream: BinaryIO) -> None:
    """Give an opened, not yet loaded BMP image the palette that its indices refer to.

    Pillow drops a table of black and white, or of the first greys in order. That fits 1 bit and 8 bits per pixel
    respectively; other depths need their table.

    Args:
        image: as opened by Pillow; changed in place.
        stream: the file; its position is kept.
    """
    position = stream.tell()
    stream.seek(14)
    header = stream.read(16)
    stream.seek(position)
    start = 10 if int.from_bytes(header[:4], "little") == _OS2_HEADER else 14
    bits = int.from_bytes(header[start : start + 2], "little")
    if image.mode not in ("1", "L") or bits not in _RAW or (image.mode, bits) == ("L", 8):
        return
    greys = np.array([0, 255]) if image.mode == "1" else np.arange(2**bits)
    tile = image.tile[0]
    if tile[0] == "raw":
        image.tile = [tile._replace(args=(_RAW[bits], *(tile[3] or ())[1:]))]
    image._mode = "P"
    image.palette = ImagePalette.raw("RGB", np.repeat(greys, 3).astype(np.uint8).tobytes())

"""BMP files of every kind, drawn for tests."""

import struct

import numpy as np
from image_files import FADING, PICTURE, over_white, packed_rows


def bmp(rows, width, bits, palette=b"", header=40, compression=0, masks=b"", top_down=False, colours=0):
    """Return a BMP file.

    Args:
        rows: bytes of each row, the lowest first unless `top_down`; one entry of all bytes if compressed.
        width: pixels per row.
        bits: bits per pixel.
        palette: bytes of the colour table.
        header: length of the header: 12 (OS/2), 40, or more.
        compression: 0 none, 1 and 2 run lengths of 8 and 4 bits, 3 bit fields.
        masks: bytes of the bit fields, red first.
        top_down: whether the first row is the highest.
        colours: entries of the colour table, 0 for all that the bits allow.
    """
    data = b"".join(row + bytes(-len(row) % 4) for row in rows)
    height = 38 if compression in (1, 2) else len(rows)
    if header == 12:
        fields = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        signed = -height if top_down else height
        fields = struct.pack(
            "<IiiHHIIiiII", header, width, signed, 1, bits, compression, len(data), 0, 0, colours, 0
        )
        fields += masks if header == 40 else (masks + bytes(header))[: header - 40]
    start = 14 + len(fields) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + fields + palette + data


def rle8(indices):
    """Compress (h, w) indices in run lengths: runs, and one absolute stretch per row."""
    data = b""
    for row in indices[::-1]:
        runs, rest = row[:-4], row[-4:]
        for value in runs:
            data += bytes([1, value])
        data += bytes([0, 4, *rest]) + b"\0\0"
    return data + b"\0\1"


def rle4(indices):
    return b"".join(b"".join(bytes([1, value << 4]) for value in row) + b"\0\0" for row in indices[::-1]) + b"\0\1"


def _bmp_tables(files):
    random = np.random.default_rng(1)
    for bits in (1, 4, 8):
        indices = (PICTURE[..., 0] >> (8 - bits)).astype(np.uint8)
        table = random.integers(0, 256, (2**bits, 4)).astype(np.uint8)
        shown, rows = table[indices][..., 2::-1], packed_rows(indices[::-1], bits)
        files[f"bmp {bits}"] = bmp(rows, 45, bits, table.tobytes()), shown
        files[f"bmp {bits} top down"] = bmp(rows[::-1], 45, bits, table.tobytes(), top_down=True), shown
        files[f"bmp {bits} os2"] = bmp(rows, 45, bits, table[:, :3].tobytes(), header=12), shown
        files[f"bmp {bits} v5"] = bmp(rows, 45, bits, table.tobytes(), header=124), shown
        few = np.minimum(indices, 1)
        two = np.array([[0, 0, 0, 0], [255, 255, 255, 0]], np.uint8)
        files[f"bmp {bits} two colours"] = (
            bmp(packed_rows(few[::-1], bits), 45, bits, two.tobytes(), colours=2),
            two[few][..., 2::-1],
        )
        greys = np.repeat(np.arange(2**bits)[:, None], 4, axis=1).astype(np.uint8)
        files[f"bmp {bits} dark greys"] = bmp(rows, 45, bits, greys.tobytes()), greys[indices][..., :3]
        if bits > 1:
            compressed = rle8(indices) if bits == 8 else rle4(indices)
            files[f"bmp {bits} rle"] = (
                bmp([compressed], 45, bits, table.tobytes(), compression=3 - bits // 4),
                shown,
            )


def bmp_files():
    """Return BMP files of every depth, with the pixels that they show."""
    files = {}
    _bmp_tables(files)
    red, green, blue = (PICTURE[..., channel].astype(int) for channel in range(3))
    five = (red >> 3 << 10) | (green >> 3 << 5) | (blue >> 3)
    six = (red >> 3 << 11) | (green >> 2 << 5) | (blue >> 3)
    shown = {
        5: np.dstack([(channel >> 3) * 255 // 31 for channel in (red, green, blue)]),
        6: np.dstack([(red >> 3) * 255 // 31, (green >> 2) * 255 // 63, (blue >> 3) * 255 // 31]),
    }
    rows = {
        5: [row.astype("<u2").tobytes() for row in five[::-1]],
        6: [row.astype("<u2").tobytes() for row in six[::-1]],
    }
    masks = {5: struct.pack("<3I", 0x7C00, 0x3E0, 0x1F), 6: struct.pack("<3I", 0xF800, 0x7E0, 0x1F)}
    files["bmp 16"] = bmp(rows[5], 45, 16), shown[5]
    for bits in (5, 6):
        for header in (40, 56, 124):
            data = bmp(rows[bits], 45, 16, header=header, compression=3, masks=masks[bits])
            files[f"bmp 16 {bits} bits of green, header {header}"] = data, shown[bits]
    bgr = PICTURE[..., ::-1]
    files["bmp 24"] = bmp([row.tobytes() for row in bgr[::-1]], 45, 24), PICTURE
    files["bmp 24 top down"] = bmp([row.tobytes() for row in bgr], 45, 24, top_down=True), PICTURE
    files["bmp 24 os2"] = bmp([row.tobytes() for row in bgr[::-1]], 45, 24, header=12), PICTURE
    bgra = FADING[..., [2, 1, 0, 3]]
    rows32 = [row.tobytes() for row in bgra[::-1]]
    files["bmp 32, last byte unused"] = bmp(rows32, 45, 32), PICTURE
    fields = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0)
    files["bmp 32 fields"] = bmp(rows32, 45, 32, header=56, compression=3, masks=fields), PICTURE
    fields = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    files["bmp 32 alpha"] = bmp(rows32, 45, 32, header=124, compression=3, masks=fields), over_white(FADING)
    fields = struct.pack("<4I", 0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    data = bmp([row.tobytes() for row in FADING[::-1]], 45, 32, header=108, compression=3, masks=fields)
    files["bmp 32 alpha, red first"] = data, over_white(FADING)
    return files

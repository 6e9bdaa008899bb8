"""Damage what lies inside a container, and renew the container's checksums: PNG, zip, TensorFlow's index."""

import functools
import io
import struct
import zipfile
import zlib
from collections.abc import Callable

_CRC32C = 0x82F63B78
_FOOTER_BYTES = 48


def kind_of(name: str) -> Callable | None:
    """Return the function that damages the inside of files of this name; None if it is no container.

    The function's arguments are the content, the random numbers, and `mutations.mutate` for what lies inside.
    """
    kinds = {".png": _inside_png, ".keras": _inside_zip, ".npz": _inside_zip, ".index": _inside_index}
    return next((kind for suffix, kind in kinds.items() if name.endswith(suffix)), None)


def _inside_zip(content, rng, mutate):
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # Damaged before; zipfile raises many types.
        return content
    if not members:
        return content
    name = rng.choice(sorted(members))
    if rng.random() < 0.1:
        del members[name]
    else:
        members[name] = mutate(members[name], name, rng)
    written = io.BytesIO()
    compression = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(written, "w", compression) as archive:
        for member, data in members.items():
            archive.writestr(zipfile.ZipInfo(member), data, compression)
    return written.getvalue()


def _inside_png(content, rng, mutate):
    """Damage the content of one chunk, mostly of the header."""
    chunks, place = [], 8
    while place + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        chunks.append((kind, content[place + 8 : place + 8 + length]))
        place += 12 + length
    if not chunks:
        return content
    chosen = rng.choice((0, rng.randrange(len(chunks))))
    kind, data = chunks[chosen]
    chunks[chosen] = kind, mutate(data, "", rng)
    return content[:8] + b"".join(_png_chunk(*chunk) for chunk in chunks)


def _png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _inside_index(content, rng, mutate):
    """Damage bytes of a block of TensorFlow's index, which is a table of LevelDB, without changing its length."""
    from hardening.mutations import mutate_in_place

    try:
        blocks = _blocks(content)
    except (IndexError, ValueError):
        return content
    start, length = rng.choice(blocks)
    if not 0 <= start < start + length + 5 <= len(content):
        return content
    block = mutate_in_place(content[start : start + length], rng) + content[start + length : start + length + 1]
    return content[:start] + block + struct.pack("<I", _masked(crc32c(block))) + content[start + length + 5 :]


def _blocks(content):
    """Return (offset, length) of the two blocks that the footer names, and of those that the index names."""
    footer, place, handles = content[-_FOOTER_BYTES:], 0, []
    for _ in range(2):
        start, place = _varint(footer, place)
        length, place = _varint(footer, place)
        handles.append((start, length))
    start, length = handles[1]
    _, place = _varint(content, start)
    not_shared, place = _varint(content, place)
    _, place = _varint(content, place)
    first, place = _varint(content, place + not_shared)
    size, _ = _varint(content, place)
    return [*handles, (first, size), (first, size), (first, size)]


def _varint(content, place):
    value = shift = 0
    while True:
        byte = content[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place


@functools.cache
def _table():
    def entry(value):
        for _ in range(8):
            value = value >> 1 ^ (_CRC32C if value & 1 else 0)
        return value

    return [entry(value) for value in range(256)]


def crc32c(data: bytes) -> int:
    """Return the checksum (Castagnoli) that TensorFlow's tables use."""
    table, value = _table(), 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 255] ^ value >> 8
    return value ^ 0xFFFFFFFF


def _masked(value):
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF

"""A checkpoint's index: entries at which TensorFlow ends the process are refused before it sees them."""

import struct

import pytest

from cshml_tf.pretrained.checkpoint_index import check_index, expanded


def varint(number):
    data = b""
    while number > 127:
        data, number = data + bytes([number & 127 | 128]), number >> 7
    return data + bytes([number])


def block(entries):
    content = b"".join(
        varint(0) + varint(len(key)) + varint(len(value)) + key + value for key, value in entries.items()
    )
    return content + struct.pack("<II", 0, 1)


def index(entries, compress=None):
    """Write a table of one block; the checksums, which TensorFlow checks, are left out."""
    entries = {b"": b"\x08\x01\x1a\x02\x08\x01"} | entries
    content = block(entries)
    stored = compress(content) if compress else content
    handle = varint(0) + varint(len(stored))
    data = stored + bytes([compress is not None]) + bytes(4)
    index_block = block({b"z": handle})
    footer = varint(0) + varint(0) + varint(len(data)) + varint(len(index_block))
    return data + index_block + bytes(5) + footer.ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")


def message(*fields):
    """Write the fields of a protocol buffer: (number, integer or bytes)."""
    parts = []
    for number, value in fields:
        if isinstance(value, bytes):
            parts.append(varint(number << 3 | 2) + varint(len(value)) + value)
        else:
            parts.append(varint(number << 3) + varint(value % 2**64))
    return b"".join(parts)


def entry(*sides, size=12):
    shape = message(*((2, message((1, side))) for side in sides))
    return message((1, 1), (2, shape), (5, size))


@pytest.mark.parametrize("sides", [(3,), (), (0, 5), (1,) * 254, (1792, 200_000_000)])
def test_shapes_of_arrays_are_accepted(tmp_path, sides):
    (tmp_path / "a.index").write_bytes(index({b"weights": entry(*sides)}))
    check_index(tmp_path / "a.index")


def test_compressed_blocks_are_expanded():
    """A literal, copies with distances of one, two and four bytes, the second overlapping itself."""
    copies = b"\x05\x05" + bytes([9 << 2 | 2, 2, 0]) + bytes([4 << 2 | 3, 20, 0, 0, 0])
    data = varint(5 + 5 + 10 + 5 + 70) + bytes([4 << 2]) + b"hello" + copies + bytes([60 << 2, 69]) + b"x" * 70
    assert expanded(data) == b"hello" + b"hello" + b"lolololo" + b"lo" + b"hello" + b"x" * 70


def test_a_compressed_index_is_checked(tmp_path):
    def compress(data):
        return varint(len(data)) + bytes([61 << 2]) + struct.pack("<H", len(data) - 1) + data

    (tmp_path / "a.index").write_bytes(index({b"w": entry(3)}, compress))
    check_index(tmp_path / "a.index")
    (tmp_path / "a.index").write_bytes(index({b"w": entry(-1)}, compress))
    with pytest.raises(ValueError, match="a shape beyond any array"):
        check_index(tmp_path / "a.index")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (index({b"w": entry(-1)}), "a shape beyond any array"),
        (index({b"w": entry(2**61, 2**61)}), "a shape beyond any array"),
        (index({b"w": entry(*[1] * 300)}), "a shape of 300 sides"),
        (index({b"w": entry(3, size=-12)}), "field 5 of "),
        (index({b"w": b"\xff\xff\xff\x01"}), "bytes are missing|a field of type 7"),
        (index({b"w": message((2, message((3, 1))))}), "a shape that is not known"),
        (index({b"w": message((2, 5))}), "field 2 of the wrong type"),
        (index({b"w": b"\x12\x7f"}), "127 bytes expected at byte 2, 0 are there"),
        (index({b"w": b"\x08" + b"\xff" * 11}), "a number of more than 10 bytes"),
        (index({b"w": entry(3)})[:-1], "its end is missing"),
        (index({b"w": entry(3)})[40:], "bytes expected at byte|bytes are missing|a block"),
        (index({}, lambda data: varint(2**40)), "a block that expands to 1099511627776 bytes"),
        (index({}, lambda data: varint(9) + b"\x02\x05\x00"), "refers to bytes before its start"),
        (index({}, lambda data: varint(9) + b"\x00x"), "does not expand to 9 bytes"),
        (b"", "its end is missing"),
    ],
)
def test_damage_is_named(tmp_path, content, reason):
    (tmp_path / "a.index").write_bytes(content)
    with pytest.raises(ValueError, match=f"a.index: cannot be read as a checkpoint's index: .*({reason})"):
        check_index(tmp_path / "a.index")

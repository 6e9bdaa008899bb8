"""Damage the content of a file: the same random numbers always give the same damage.

Bytes are damaged as disks, transfers and attackers do: flipped bits, cuts, chunks lost, doubled and swapped, long
runs, and words that a reader may take for a size. Text and JSON are also damaged in their own terms (see
`text_mutations`), and the content of a container is damaged inside the container, whose checksums are then
renewed (see `containers`): otherwise nearly every mutant would fail at the checksum, and the code behind it would
never be tried. For the same reason values are changed in a database as well (see `table_mutations`).
"""

import contextlib
import random
import sqlite3
import struct

from hardening import containers, table_mutations, text_mutations

# Values at which sizes, counts and offsets overflow, turn negative or ask for all memory.
EXTREMES = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    10**6,
    2 * 10**8,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)
LARGER_EXTREMES = (2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
_VARINTS = (
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x80" * 20,
    b"\x80\x94\xeb\xdc\x03",
)
_LONGEST_RUN = 200_000
_HEADER_BYTES = 64
_LARGEST = 2**21
TEXT_SUFFIXES = (".txt", ".csv", ".json", ".idx", "property")


def mutate(content: bytes, name: str, rng: random.Random) -> bytes:
    """Return the content of a file, damaged in one to four ways.

    Args:
        content: the content of a valid file.
        name: its name, by whose end the kind of damage is chosen.
        rng: decides what is damaged, and how.
    """
    for _ in range(rng.choice((1, 1, 1, 1, 2, 3, 4))):
        # Damage may multiply the size, and a disk is not what is tested.
        content = _mutate_once(content, name, rng)[:_LARGEST]
    return content


def _mutate_once(content, name, rng):
    kinds = [mutate_bytes]
    if name.endswith(TEXT_SUFFIXES):
        kinds += [text_mutations.mutate_text] * 3
    if name.endswith(".json"):
        kinds += [text_mutations.mutate_json] * 4
    if content.startswith(table_mutations.MAGIC):
        kinds += [_mutate_value] * 4
    if inside := containers.kind_of(name):
        kinds += [lambda data, source: inside(data, source, mutate)] * 3
    return rng.choice(kinds)(content, rng)


def _mutate_value(content, rng):
    # An earlier change may have left no table to change a value in, or none with a readable name.
    with contextlib.suppress(sqlite3.Error, UnicodeDecodeError, IndexError):
        return table_mutations.mutate_value(content, rng)
    return mutate_bytes(content, rng)


def mutate_bytes(content: bytes, rng: random.Random) -> bytes:
    """Damage bytes, whatever they mean."""
    return rng.choice(_BYTE_MUTATORS)(content, rng)


def mutate_in_place(content: bytes, rng: random.Random) -> bytes:
    """Damage bytes without changing their number."""
    return rng.choice((_flip_bits, _set_bytes, _set_word))(content, rng)


def _flip_bits(content, rng):
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8) if changed else 0):
        changed[_place(content, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _set_bytes(content, rng):
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4) if changed else 0):
        changed[_place(content, rng)] = rng.choice((0, 255))
    return bytes(changed)


def _set_word(content, rng):
    """Put an extreme number where a header may keep a size."""
    size = rng.choice((1, 2, 4, 8))
    values = EXTREMES + LARGER_EXTREMES if size == 8 else EXTREMES
    value = rng.choice(values + (len(content), len(content) + 1, max(len(content) - 1, 0)))
    word = struct.pack(rng.choice("<>") + "Q", value & (256**size - 1))
    word = word[:size] if word[:size].strip(b"\0") or not value else word[-size:]
    place = _place(content, rng)
    return content[:place] + word + content[place + size :] if place + size <= len(content) else content


def _cut(content, rng):
    return content[: rng.randint(0, len(content))]


def _remove_chunk(content, rng):
    start, end = _chunk(content, rng)
    return content[:start] + content[end:]


def _duplicate_chunk(content, rng):
    start, end = _chunk(content, rng)
    return content[:end] + content[start:end] * rng.choice((1, 1, 2, 50)) + content[end:]


def _swap_chunks(content, rng):
    a, b, c = sorted(rng.randint(0, len(content)) for _ in range(3))
    return content[:a] + content[b:c] + content[a:b] + content[c:]


def _splice(content, rng):
    """Overwrite one place with what stands at another."""
    start, end = _chunk(content, rng)
    place = rng.randint(0, len(content))
    return content[:place] + content[start:end] + content[place + end - start :]


def _insert_run(content, rng):
    place = _place(content, rng)
    run = rng.choice((b"\0", b"\xff", b"A", b"[", b"(", b"\x80", b"\n")) * rng.choice((1, 16, 1000, _LONGEST_RUN))
    return content[:place] + run + content[place:]


def _put_varint(content, rng):
    place = _place(content, rng)
    return content[:place] + rng.choice(_VARINTS) + content[place + rng.choice((0, 1, 2)) :]


_BYTE_MUTATORS = (
    *(_flip_bits, _set_bytes, _set_word, _set_word, _cut, _remove_chunk, _duplicate_chunk, _swap_chunks),
    *(_splice, _insert_run, _put_varint),
)


def _place(content, rng):
    """Choose a place: in one of three cases within the first bytes, where headers are."""
    if not content:
        return 0
    return rng.randrange(min(len(content), _HEADER_BYTES) if rng.random() < 1 / 3 else len(content))


def _chunk(content, rng):
    start = rng.randint(0, len(content))
    return start, min(len(content), start + rng.choice((1, 2, 4, 8, 64, 512)))

"""An ONNX file that would take far more memory than it has bytes is refused before it is parsed."""

import random
import re
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from cshml_tf.pretrained.wire import MAX_FIELDS, MAX_NUMBER_BYTES, Refused, check_fields, read_checked

EXPORTS = sorted((Path(__file__).parent / "exports").glob("*.onnx"))


def varint(value):
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def field(number, content):
    """Return a field of counted bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


# The numbers of ONNX's fields, from onnx.proto.
GRAPH, NODE, INITIALIZER, INPUT_OF_NODE, INT32_DATA, INT64_DATA, RAW_DATA = 7, 1, 5, 1, 5, 7, 9


def tensor(number, content):
    return field(GRAPH, field(INITIALIZER, field(number, content)))


@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: path.name)
def test_real_exports_pass(path):
    assert read_checked(path, onnx.ModelProto) == path.read_bytes()


def test_what_is_damaged_for_the_parser_is_damaged_here():
    """What the parser refuses in one of our bytes, we refuse or leave to it; what it reads, we let pass."""
    draw = random.Random(0)
    contents = [path.read_bytes() for path in EXPORTS if path.stat().st_size < 50_000]
    damaged = 0
    for _ in range(1500):
        content = bytearray(draw.choice(contents))
        for _ in range(draw.randint(1, 3)):
            content[draw.randrange(min(len(content), 3000))] = draw.randrange(256)
        try:
            check_fields(bytes(content), onnx.ModelProto)
        except Refused as error:
            damaged += 1
            assert str(error).startswith("expected an ONNX model, got ")
            with pytest.raises(Exception, match="Error parsing message|Failed to parse|cannot be parsed|decode"):
                onnx.ModelProto().ParseFromString(bytes(content))
    assert damaged > 200


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\x3a", "the end at byte 1, within a number"),
        (b"\x3a\x05\x0a", "a field of 5 bytes at byte 2, where 1 are left"),
        (b"\x3a\x02\x0a\x7f", "a field of 127 bytes at byte 4, where 0 are left"),
        (b"\x09\0\0\0", "a field of 8 bytes at byte 1, where 3 are left"),
        (b"\x0b", "a field of wire type 3 before byte 1"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "a number of more than 10 bytes before byte 11"),
    ],
)
def test_damage_is_named(content, what):
    with pytest.raises(Refused, match=f"^expected an ONNX model, got {what}$"):
        check_fields(content, onnx.ModelProto)


def test_messages_in_messages_without_end():
    content = b""
    for _ in range(120):  # The graph of an attribute of a node of a graph.
        content = field(NODE, field(5, field(6, content)))
    with pytest.raises(Refused, match="messages of more than 100 levels"):
        check_fields(field(GRAPH, content), onnx.ModelProto)


@pytest.mark.parametrize("number", [NODE, INITIALIZER])
def test_more_empty_messages_than_any_network_has(number):
    whole = field(GRAPH, field(number, b"") * (MAX_FIELDS - 1))
    check_fields(whole, onnx.ModelProto)
    with pytest.raises(Refused, match=f"^expected at most {MAX_FIELDS} fields, got more$"):
        check_fields(whole + field(2, b""), onnx.ModelProto)


def test_names_and_unpacked_numbers_count_too():
    for content in (field(INPUT_OF_NODE, b"") * MAX_FIELDS, field(5, b"\x40\x01" * MAX_FIELDS)):
        with pytest.raises(Refused, match="fields, got more"):
            check_fields(field(GRAPH, field(NODE, content)), onnx.ModelProto)


@pytest.mark.parametrize(("number", "size"), [(INT32_DATA, 4), (INT64_DATA, 8)])
def test_numbers_that_grow_when_they_are_read(monkeypatch, number, size):
    assert MAX_NUMBER_BYTES >= 2**29
    monkeypatch.setattr("cshml_tf.pretrained.wire.MAX_NUMBER_BYTES", 8000)
    most = 8000 // size
    check_fields(tensor(number, b"\x80\x01" * most), onnx.ModelProto)
    with pytest.raises(Refused, match="^expected at most 8000 bytes of numbers that are not raw, got more$"):
        check_fields(tensor(number, b"\x01" * (most + 1)), onnx.ModelProto)
    check_fields(tensor(RAW_DATA, b"\x01" * 100_000), onnx.ModelProto)


_IMPORT = """
import pathlib, re, sys
from cshml_tf.cli.import_recogniser import main

code = main(sys.argv[1:])
peak = re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]
print(code, peak, "tensorflow" in sys.modules)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
def test_ten_million_nodes_take_little_memory_and_no_tensorflow(tmp_path):
    (tmp_path / "many.onnx").write_bytes(field(GRAPH, field(NODE, b"") * 10**7))
    words = [sys.executable, "-c", _IMPORT, tmp_path / "many.onnx", tmp_path / "hr", "--standardisation", "fixed"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert re.fullmatch(rf"error: .*many.onnx: expected at most {MAX_FIELDS} fields, got more\n", done.stderr)
    code, kilobytes, has_tensorflow = done.stdout.split()
    assert (code, has_tensorflow) == ("2", "False") and int(kilobytes) < 300_000
    assert not (tmp_path / "hr").exists()

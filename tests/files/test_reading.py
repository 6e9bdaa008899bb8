"""Reading strictly: anything unexpected is refused with the file's name, before it blocks or fills memory."""

import codecs
import os
import re
from typing import Annotated, TypedDict

import msgspec
import pytest

from cshml_tf.files import (
    check_content,
    is_regular,
    open_regular,
    read_bytes,
    read_json,
    read_lines,
    read_text,
)


class Report(TypedDict):
    """What the tests expect of a file."""

    threshold: Annotated[float, msgspec.Meta(ge=-1, le=1)]
    rows: list[dict[str, int | None]]


GOOD = '{"threshold": 0.5, "rows": [{"a": 1, "b": null}], "more": "x"}'


def test_only_regular_files_of_a_limited_size(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(2**42)
    (tmp_path / "small").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("small")
    for name, reason in {
        "pipe": "expected a regular file, got a pipe, a socket or a device",
        "zero": "expected a regular file, got a pipe, a socket or a device",
        "sparse": "expected a file of at most 1000 bytes, got 4398046511104 bytes",
        "": "expected a file, got a folder",
    }.items():
        with pytest.raises(ValueError, match=re.escape(f"{tmp_path / name}: {reason}")):
            read_bytes(tmp_path / name, 1000)
    assert read_bytes(tmp_path / "link", 3) == b"abc"
    assert read_bytes(tmp_path / "link", 2**45) == b"abc", "memory is that of the file, not of the limit"
    with pytest.raises(ValueError), open_regular(tmp_path / "link", 2):
        pass
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "missing", 1000)
    assert [is_regular(tmp_path / name) for name in ("link", "pipe", "zero", "missing", "")] == [True] + [
        False
    ] * 4


def test_text_is_utf_8(tmp_path):
    (tmp_path / "a").write_bytes("\ufeffZo\u00eb\r\n".encode())
    assert read_text(tmp_path / "a") == "Zo\u00eb\r\n"
    (tmp_path / "b").write_bytes("Zo\u00eb".encode("latin-1"))
    with pytest.raises(
        ValueError, match=re.escape(f"{tmp_path / 'b'}: expected UTF-8 text, got byte 0xeb at offset 2")
    ):
        read_text(tmp_path / "b")


def test_json_as_expected_is_returned_whole(tmp_path):
    (tmp_path / "a.json").write_text(GOOD)
    expected = {"threshold": 0.5, "rows": [{"a": 1, "b": None}], "more": "x"}
    assert read_json(tmp_path / "a.json", Report) == read_json(tmp_path / "a.json") == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD.replace("0.5", "NaN"), "NaN is not JSON"),
        (GOOD.replace("0.5", "-Infinity"), "-Infinity is not JSON"),
        (GOOD.replace("0.5", "1e999"), "1e999 is out of range"),
        (GOOD.replace("0.5", "9" * 5000), "cannot be parsed"),
        (GOOD.replace("0.5", "5"), "threshold: expected float <= 1.0"),
        (GOOD.replace("0.5", "true"), "threshold: expected float, got bool"),
        (GOOD.replace("1,", '"1",'), "rows[0][...]: expected int | null, got str"),
        (GOOD.replace("more", "rows"), "a key is repeated"),
        (GOOD.replace("more", "\\ud800"), "got an escape that is not a letter"),
        ("{}", "object missing required field threshold"),
        ("[" * 10**6, "nested too deeply"),
        (GOOD[:-1], "cannot be parsed"),
        ("", "cannot be parsed"),
    ],
)
def test_other_json_is_refused(tmp_path, text, reason):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError) as caught:
        read_json(tmp_path / "a.json", Report)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'a.json'}: ") and reason in message and "\n" not in message


def test_content_that_refers_to_itself_is_refused():
    rows: list = []
    rows.append({"a": rows})
    with pytest.raises(ValueError, match="^report: rows"):
        check_content("report", {"threshold": 0, "rows": rows}, Report)


class TestLines:
    def test_lines_end_at_line_feeds_only(self, tmp_path):
        (tmp_path / "list").write_bytes("\ufeffa\u2028b\r\nc\x85d\n\n e\x1c\n".encode())
        assert read_lines(tmp_path / "list") == ["a\u2028b", "c\x85d", "", " e\x1c"]

    def test_the_last_line_needs_no_end(self, tmp_path):
        (tmp_path / "list").write_bytes(b"a\nb")
        assert read_lines(tmp_path / "list") == ["a", "b"]
        (tmp_path / "list").write_bytes(b"")
        assert read_lines(tmp_path / "list") == []

    def test_utf_16_with_its_mark_is_read(self, tmp_path):
        for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
            (tmp_path / "list").write_bytes(mark + "Zo\u00eb\r\nb\n".encode(encoding))
            assert read_lines(tmp_path / "list") == ["Zo\u00eb", "b"]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"a\nb\xe5\n", "list: expected a text file in UTF-8, got byte 0xe5 in line 2"),
            (b"a\rb\r", "list, line 1: expected lines of text .* got a carriage return inside a line"),
            (b"a\nb\0\n", "list, line 2: expected lines of text .* got a NUL character inside a line"),
            (codecs.BOM_UTF16_LE + b"a", "list: expected a text file in UTF-8, got byte 0x61"),
        ],
    )
    def test_other_files_are_refused(self, tmp_path, content, message):
        (tmp_path / "list").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_lines(tmp_path / "list")

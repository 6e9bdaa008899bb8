"""How commands end where nobody reads, where nothing can be written, and on terminals that lack characters."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cshml_tf.cli.errors import prints_utf8
from cshml_tf.gallery.identification import IdentifiedPicture
from cshml_tf.gallery.reports import identified_json

# A command that needs neither Keras nor a backend.
START = """\
import sys

from cshml_tf.cli.errors import one_line_errors


@one_line_errors
def main(argv=None):
"""
END = "\nsys.exit(main())\n"


def run(body, **options):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment} | options
    return subprocess.run([sys.executable, "-c", START + body + END], timeout=60, check=False, **options)


def test_names_are_escaped_on_a_terminal_that_lacks_them():
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    ended = run("    print('Zo\\u00eb \\udcff')\n    raise ValueError('no \\u5f20')", env=environment)
    assert (ended.returncode, ended.stdout) == (2, b"Zo\\xeb \\udcff\n")
    assert ended.stderr == b"error: no \\u5f20\n"


def test_an_error_is_one_line_whatever_a_name_contains():
    ended = run("    raise OSError(2, 'No such file', 'a\\nb\\u2028c\\x1b[0m')")
    assert (ended.returncode, ended.stderr) == (2, b"error: a\\nb\\u2028c\\x1b[0m: No such file\n")


@pytest.mark.parametrize("body", ["    print('a' * 100_000)", "    print('a')", "    print('a', flush=True)"])
def test_a_closed_pipe_ends_quietly(body):
    reader, writer = os.pipe()
    os.close(reader)
    ended = run(body, stdout=writer)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_a_closed_pipe_of_another_kind_is_an_error():
    ended = run("    raise BrokenPipeError(32, 'Broken pipe')")
    assert (ended.returncode, ended.stderr) == (2, b"error: [Errno 32] Broken pipe\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full device")
def test_a_full_disk_behind_the_output_is_one_line():
    with open("/dev/full", "wb") as full:
        ended = run("    print('a')", stdout=full)
        assert (ended.returncode, ended.stderr) == (2, b"error: standard output: No space left on device\n")
        assert run("    raise ValueError('bad')", stdout=full, stderr=full).returncode == 2


def test_closed_streams_are_no_error_and_no_file_takes_their_numbers(tmp_path):
    path = str(tmp_path / "report")
    body = f"    file = open({path!r}, 'w')\n    print('a')\n    file.write(str(file.fileno() > 2))"
    code = START + body + END
    script = 'exec "$0" -c "$1" >&- 2>&-'
    ended = subprocess.run(["sh", "-c", script, sys.executable, code], timeout=60, check=False)
    assert ended.returncode == 0 and (tmp_path / "report").read_text() == "True"


def test_warnings_about_lists_are_one_line_each_once():
    body = (
        "    from cshml_tf.data.people import check_listed\n"
        "    for _ in range(2):\n"
        "        check_listed(['a', 'b\\u2028'], ['a'], 'faces')\n"
    )
    ended = run(body)
    assert (ended.returncode, ended.stdout) == (0, b"")
    assert ended.stderr == (
        b"warning: 1 of the 2 people listed have no images in faces, and are left out: b\\u2028\n"
    )


def test_an_interrupted_command():
    assert run("    raise KeyboardInterrupt").returncode == 130


@pytest.mark.parametrize(("encoding", "answer"), [("utf-8", True), ("UTF8", True), ("ascii", False)])
def test_json_is_escaped_where_the_output_lacks_characters(monkeypatch, encoding, answer):
    """Python's own escapes of what a stream lacks are not JSON's."""
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    assert prints_utf8() == answer
    text = identified_json([IdentifiedPicture(Path("Jos\u00e9.png"), [], "")], [], ensure_ascii=not prints_utf8())
    assert text.isascii() != answer and json.loads(text)["pictures"][0]["file"] == "Jos\u00e9.png"

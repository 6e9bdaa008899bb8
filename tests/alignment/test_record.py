"""The record of a run: read strictly, repaired after a kill, written by one process and through no link."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from marked_photographs import photograph, rows_of

from cshml_tf.alignment.crops import ALIGNED, NO_FACE, UNREADABLE
from cshml_tf.alignment.detector import Face
from cshml_tf.alignment.folder import align_dataset
from cshml_tf.alignment.geometry import template
from cshml_tf.alignment.record import AlignmentRecord, AlignmentSettings, claim
from cshml_tf.alignment.rows import COLUMNS, line_of, make_row, read_rows

HEADER = line_of(dict(zip(COLUMNS, COLUMNS, strict=True)))
ROWS = [
    make_row("a/1.png", ALIGNED, "a/1.png", 2, Face(-1.5, 2, 30, 40, 0.9, template())),
    make_row('b"\n,é\x85.png', NO_FACE, faces=0, reason="no face detected"),
    make_row("c/3.png", UNREADABLE, reason="the file is empty"),
]


def text_of(rows):
    return HEADER + "".join(map(line_of, rows))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "alignment.csv"


def test_rows_are_read_as_written(path):
    path.write_bytes(text_of(ROWS).encode())
    assert list(read_rows(path)) == ROWS
    path.write_bytes(text_of(ROWS).replace("\n", "\r\n").replace('b""\r\n', 'b""\n').encode())
    assert list(read_rows(path)) == ROWS, "as a spreadsheet saves it"


def test_a_row_that_a_kill_has_cut_is_left_out_wherever_it_ends(path):
    content = text_of(ROWS).encode()
    ends = [len(text_of(ROWS[:count]).encode()) for count in range(4)]
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        whole = sum(end <= length for end in ends) - 1
        assert list(read_rows(path)) == ROWS[: max(whole, 0)], length


@pytest.mark.parametrize(
    ("line", "column", "value", "message"),
    [
        (2, "path", "", "path: expected a path below the folder, got ''"),
        (2, "path", "/etc/passwd", "path: expected a path below the folder, got '/etc/passwd'"),
        (2, "output", "../../x.png", "output: expected a path below the folder"),
        (2, "output", "a\0.png", r"output: expected a path below the folder, got 'a\\x00.png'"),
        (2, "output", "", "output: expected a path below the folder"),
        (2, "status", "alignet", "status: expected one of aligned, center, no_face, unreadable, got 'alignet'"),
        (2, "faces", "²", "faces: expected a number of faces"),
        (2, "faces", "0", "faces: expected a number of faces"),
        (2, "faces", "9" * 5000, "faces: expected a number of faces, got '9{60}'$"),
        (2, "nose_x", "nan", "nose_x: expected a decimal number, got 'nan'"),
        (2, "nose_x", "1e999", "nose_x: expected a decimal number"),
        (2, "box_width", "", "box_width: expected a decimal number, got ''"),
        (2, "score", "0.9 ", "score: expected a decimal number"),
        (3, "output", "b.png", "output: expected none for no_face, got 'b.png'"),
        (5, "box_x", "1.000", "box_x: expected none for unreadable, got '1.000'"),
        (5, "reason", "x" * 70000, "expected lines of at most 65536 characters"),
    ],
)
def test_a_damaged_field_is_named_with_its_line(path, line, column, value, message):
    rows = [dict(row) for row in ROWS]
    # The second row takes two lines.
    rows[{2: 0, 3: 1, 5: 2}[line]][column] = value
    path.write_bytes(text_of(rows).encode())
    with pytest.raises(ValueError, match=f"alignment.csv, line {line}: {message.removesuffix('$')}"):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfep\0a\0t\0h\0\n\0", "line 1: expected the columns path,status,output,faces"),
        (b"path,status\n", "line 1: expected the columns"),
        (HEADER.encode() + b"a,b\n", "line 2: expected 20 columns, got 2"),
        (HEADER.encode() + b'"a"b,' + b"," * 18 + b"\n", "line 2: ',' expected after '\"'"),
        (HEADER.encode() + b"a\rb,no_face" + b"," * 18 + b"\n", "line 2: new-line character"),
        (text_of(ROWS[:1] * 2).encode(), "line 3: output: expected each crop once, got 'a/1.png' again"),
        (HEADER.encode() + b'"' + b"x,\n" * 50000, "line 2: "),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(path, content, message):
    path.write_bytes(content)
    with pytest.raises(ValueError) as raised:
        list(read_rows(path))
    assert str(raised.value).startswith(f"{path}, {message}"), raised.value
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 500


def test_no_mutation_ends_in_another_error(path):
    """Bytes changed, inserted, cut out and repeated: read, or refused as a ValueError of one line."""
    draw = random.Random(0)
    content = text_of(ROWS).encode()
    refused = 0
    for _ in range(400):
        mutant = bytearray(content)
        for _ in range(draw.randint(1, 3)):
            at, length = draw.randrange(len(mutant)), draw.randint(0, 8)
            odd = draw.choice(
                [b"\0", b'"', b"\n", b"\r", b",", b"\xff", b"nan", b"9" * 30, b"-", mutant[at : at + 200]]
            )
            mutant[at : at + length] = odd
        path.write_bytes(mutant)
        try:
            list(read_rows(path))
        except ValueError as error:
            refused += 1
            assert str(error).startswith(f"{path}, line ") and "\n" not in str(error)
    assert refused > 120


def test_a_record_that_is_no_regular_file_is_refused(tmp_path):
    AlignmentRecord(tmp_path, tmp_path / "in", AlignmentSettings())
    (tmp_path / "alignment.csv").unlink()
    os.mkfifo(tmp_path / "alignment.csv")
    with pytest.raises(ValueError, match="expected a regular file"):
        AlignmentRecord(tmp_path, tmp_path / "in", AlignmentSettings())


@pytest.mark.parametrize(
    "content",
    [b"[", b"[1]", b"[" * 100000, b'{"margin": NaN}', b"\xff", b'{"crop": 1, "crop": 2}', b"{}", b"null"],
)
def test_damaged_settings_are_refused_in_one_line(tmp_path, content):
    (tmp_path / "alignment.json").write_bytes(content)
    with pytest.raises(ValueError) as raised:
        AlignmentRecord(tmp_path, tmp_path / "in", AlignmentSettings())
    assert str(tmp_path) in str(raised.value) and "\n" not in str(raised.value)


def test_a_folder_begun_before_an_option_existed_continues(tmp_path):
    """The option then had the value that is now its default; any other is a change."""
    AlignmentRecord(tmp_path, tmp_path / "in", AlignmentSettings())
    path = tmp_path / "alignment.json"
    earlier = json.loads(path.read_text())
    del earlier["min_face"]
    path.write_text(json.dumps(earlier))
    with pytest.raises(ValueError, match="expected min_face 20, with which the folder was begun, got 40"):
        AlignmentRecord(tmp_path, tmp_path / "in", AlignmentSettings(min_face=40))
    AlignmentRecord(tmp_path, tmp_path / "in", AlignmentSettings())
    assert json.loads(path.read_text()) == earlier | {"min_face": 20}


def test_nothing_is_written_through_a_link(tmp_path):
    precious = tmp_path / "precious"
    output = tmp_path / "out"
    precious.write_text(HEADER)
    AlignmentRecord(output, tmp_path / "in", AlignmentSettings())
    (output / "alignment.csv").unlink()
    for name in (".alignment.json.partial", ".alignment.csv.partial", ".lock", "alignment.csv"):
        (output / name).symlink_to(precious)
    with claim(output):
        record = AlignmentRecord(output, tmp_path / "in", AlignmentSettings())
        (output / "alignment.csv").unlink()
        (output / "alignment.csv").symlink_to(precious)
        with pytest.raises(OSError):
            record.append(ROWS[2:])
        record.finish()
    assert precious.read_text() == HEADER
    assert not (output / "alignment.csv").is_symlink() and rows_of(output) == []


ALIGN = """
import sys
from cshml_tf.alignment.folder import align_dataset
from cshml_tf.alignment.record import AlignmentSettings
from marked_detector import MarkedDetector

print("ready", flush=True)
sys.stdin.readline()
try:
    align_dataset(sys.argv[1], sys.argv[2], AlignmentSettings(), make_detector=MarkedDetector)
except ValueError as error:
    print(error)
"""


@pytest.mark.slow
def test_of_two_runs_into_one_folder_the_second_is_refused_whenever_it_comes(folders, marked_detector, tmp_path):
    source, target = folders
    for number in range(6):
        photograph(source / f"a/{number}.png", wait=2)
    align_dataset(source, tmp_path / "alone", AlignmentSettings(), make_detector=marked_detector.MarkedDetector)
    expected = {path.name: path.read_bytes() for path in (tmp_path / "alone").rglob("*.png")}
    paths = os.pathsep.join([str(Path(__file__).parents[2]), str(tmp_path / "modules")])
    (tmp_path / "run.py").write_text(ALIGN)
    command = [sys.executable, str(tmp_path / "run.py"), str(source), str(target)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    several = [
        subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, text=True, **pipes) for _ in range(3)
    ]
    for process in several:
        assert process.stdout.readline() == "ready\n"
    said = [process.communicate("go\n", timeout=60) for process in several]
    refusal = f"{target / 'alignment.csv'}: another process is writing it\n"
    assert all(out in ("", refusal) and not error for out, error in said), said
    assert {path.name: path.read_bytes() for path in target.rglob("*.png")} == expected
    assert (target / "alignment.csv").read_bytes() == (tmp_path / "alone/alignment.csv").read_bytes()
    assert not list(target.rglob(".*"))

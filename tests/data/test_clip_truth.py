"""The list of who is where in a clip: written, read, refused."""

import pytest

from cshml_tf.data.clip_truth import KnownFace, read_truth, write_truth

HEADING = "frame,time,name,left,top,width,height\n"


def test_what_is_written_is_read(tmp_path):
    faces = [
        KnownFace(0, 0.0, "Ann Lee", (10.25, 20.5, 8.0, 10.0)),
        KnownFace(3, 0.3, 'O"Hara, Bo', (-1.5, 0.0, 60.0, 75.75)),
    ]
    write_truth(tmp_path / "clip.csv", faces)
    assert read_truth(tmp_path / "clip.csv") == faces


def test_a_list_from_a_spreadsheet_is_read(tmp_path):
    text = "\ufeffFrame, Time,Name,Left,Top,Width,Height\r\n7,1.4, Jose\u0301 Lee ,1,2,3,4\r\n\r\n"
    (tmp_path / "clip.csv").write_bytes(text.encode())
    assert read_truth(tmp_path / "clip.csv") == [KnownFace(7, 1.4, "Jos\u00e9 Lee", (1.0, 2.0, 3.0, 4.0))]


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "name,file\n",
            "clip.csv, line 1: expected the heading frame,time,name,left,top,width,height, got 'name,file'",
        ),
        (HEADING, "clip.csv: expected at least one face, got none"),
        ("", "clip.csv: expected at least one face, got none"),
        (
            HEADING + "0,0,Ann,1,2,3\n",
            "clip.csv, line 2: expected frame,time,name,left,top,width,height, got '0,0,Ann",
        ),
        (HEADING + "0,0,Ann,1,2,3,4,5\n", "line 2: expected frame"),
        (HEADING + "half,0,Ann,1,2,3,4\n", "line 2: expected frame"),
        (HEADING + "0,0,Ann,1,2,3,4\n1,0,Ann,1,2,wide,4\n", "line 3: expected frame"),
        (HEADING + "0,0, ,1,2,3,4\n", "line 2: expected a name"),
        (HEADING + "-1,0,Ann,1,2,3,4\n", "line 2: expected a name, a frame of 0 or more"),
        (HEADING + "0,0,Ann,nan,2,3,4\n", "line 2: expected a name, a frame of 0 or more and finite numbers"),
        (HEADING + "0,-1,Ann,1,2,3,4\n", "line 2: expected a time of 0 or more"),
        (HEADING + "0,0,Ann,1,2,0,4\n", "line 2: expected a time of 0 or more and a box with an area"),
        (HEADING + '0,0,"Ann,1,2,3,4\n', "expected CSV"),
    ],
)
def test_a_bad_list_is_refused_with_its_line(tmp_path, text, message):
    (tmp_path / "clip.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError) as error:
        read_truth(tmp_path / "clip.csv")
    assert message in str(error.value) and "\n" not in str(error.value)

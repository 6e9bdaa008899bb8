"""`cshml-watch --truth`: what is refused before anything is loaded."""

import pytest

from cshml_tf.cli.watch import main


@pytest.fixture
def words(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"not looked at")
    return [str(tmp_path / "clip.mp4"), "--gallery", str(tmp_path / "people.gallery")]


def test_a_bad_list_is_refused_in_one_line(words, tmp_path, capsys):
    (tmp_path / "clip.csv").write_text("frame,name\n0,Ann\n", encoding="utf-8")
    assert main([*words, "--truth", str(tmp_path / "clip.csv")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert (
        "clip.csv, line 1: expected the heading frame,time,name,left,top,width,height, got 'frame,name'" in error
    )


def test_a_camera_has_no_list(words, tmp_path, capsys):
    (tmp_path / "clip.csv").write_text(
        "frame,time,name,left,top,width,height\n0,0,Ann,1,2,3,4\n", encoding="utf-8"
    )
    assert main(["0", *words[1:], "--truth", str(tmp_path / "clip.csv")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "--truth: expected a video file or a folder of frames to score" in error

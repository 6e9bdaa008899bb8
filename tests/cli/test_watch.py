"""What `cshml-watch` refuses before it loads anything, and how it ends."""

import json
import os
import signal

import numpy as np
import pytest
from drawn import SIZE, save_colour_network

from cshml_tf.cli.watch import main
from cshml_tf.gallery.creation import create_gallery
from cshml_tf.gallery.networks import load_gallery_networks
from cshml_tf.images import write_image


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with an empty gallery and ten frames without faces."""
    folder = tmp_path_factory.mktemp("watch")
    save_colour_network(folder / "hr", "hr", [])
    create_gallery(folder / "people.gallery", load_gallery_networks(folder / "hr")).database.close()
    (folder / "frames").mkdir()
    for number in range(10):
        write_image(folder / f"frames/{number}.png", np.full((*SIZE, 3), 99, np.uint8))
    return folder


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["absent.mp4"],
            "absent.mp4: expected a video file, a folder of pictures, the number of a camera or an",
        ),
        (["."], "expected pictures in the folder"),
        ([".", "--rate", "0"], "--rate: expected more than 0"),
        ([".", "--patience", "0"], "--patience: expected seconds, more than 0"),
        ([".", "--page", "a.html", "--output", "a.html"], "--page: expected another file than --output"),
        ([".", "--output", "."], "expected a file"),
    ],
)
def test_wrong_calls_end_in_one_line(words, message, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    try:
        code = main([*words, "--gallery", "people.gallery"])
    except SystemExit as stop:
        code = stop.code
    told = capfd.readouterr().err.strip().splitlines()
    assert code == 2 and message in told[-1]


def test_a_watch_without_faces_writes_all_outputs(place, tmp_path, capfd):
    words = ["--gallery", str(place / "people.gallery"), "--folder_rate", "10", "--frames"]
    outputs = ["--output", str(tmp_path / "out.mp4"), "--page", str(tmp_path / "page.html")]
    assert main([str(place / "frames"), *words, *outputs]) == 0
    told = capfd.readouterr()
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert lines == [{"frame": number, "time": number / 10, "faces": []} for number in (0, 2, 4, 6, 8)]
    assert "note: HR: not calibrated" in told.err
    assert (tmp_path / "out.mp4").stat().st_size > 500 and "0 tracks" in (tmp_path / "page.html").read_text()


def test_the_video_and_the_page_outlive_the_reader_of_the_lines(place, tmp_path, monkeypatch):
    read = []

    def print_lines(line):
        if len(read) == 2:
            raise BrokenPipeError
        read.append(line)

    monkeypatch.setattr("cshml_tf.cli.watch.print_lines", print_lines)
    monkeypatch.setattr("cshml_tf.cli.errors._is_closed", lambda stream: True)
    words = ["--gallery", str(place / "people.gallery"), "--folder_rate", "10", "--frames"]
    outputs = ["--output", str(tmp_path / "out.mp4"), "--page", str(tmp_path / "page.html")]
    assert main([str(place / "frames"), *words, *outputs]) == 141
    assert len(read) == 2
    assert (tmp_path / "out.mp4").stat().st_size > 500 and "0 tracks" in (tmp_path / "page.html").read_text()


def test_an_output_of_the_wrong_kind_is_refused(place, tmp_path, capfd):
    words = ["--gallery", str(place / "people.gallery"), "--output", str(tmp_path / "out.doc")]
    assert main([str(place / "frames"), *words]) == 2
    assert "out.doc: expected the name of a video" in capfd.readouterr().err


def test_an_interruption_ends_the_watch_in_good_order(place, tmp_path, capfd, monkeypatch):
    from cshml_tf.watch import finding

    found = []

    def find(self, frame):
        found.append(frame)
        if len(found) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return []

    monkeypatch.setattr(finding.FaceFinder, "find", find)
    before = signal.getsignal(signal.SIGTERM)
    words = ["--gallery", str(place / "people.gallery"), "--page", str(tmp_path / "page.html"), "--rate", "1000"]
    assert main([str(place / "frames"), *words]) == 0
    assert len(found) == 3 and (tmp_path / "page.html").exists()
    assert signal.getsignal(signal.SIGTERM) == before

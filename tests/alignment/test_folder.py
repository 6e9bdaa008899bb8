"""Whole folders: names, record, resuming, failures, kills. The detector reads its answer from a pixel."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from marked_photographs import column, photograph, rows_of

from cshml_tf.alignment.folder import align_dataset, plan_outputs
from cshml_tf.alignment.geometry import template
from cshml_tf.alignment.record import COLUMNS, AlignmentSettings
from cshml_tf.images import list_images, read_image, write_image


def run(folders, detector_class, workers=1, log=None, retry_failures=False, **settings):
    settings = AlignmentSettings(**settings)
    make = functools.partial(detector_class, log)
    return align_dataset(*folders, settings, workers, retry_failures, make)


@pytest.mark.parametrize("workers", [1, 2])
def test_class_folders_and_record(folders, marked_detector, workers):
    source, target = folders
    expected = photograph(source / "Zoë/Zoë_0001.png", faces=2)[5:117, 10:106]
    photograph(source / "Ann/Ann_0002.png", faces=0)
    (source / "Ann/Ann_0001.jpg").write_text("no picture")
    (source / "Ann/notes.txt").write_text("not an image either")
    photograph(source / "root.png")
    for number in range(10):
        photograph(source / f"Bob/Bob_{number:04d}.png")
    record = run(folders, marked_detector.MarkedDetector, workers)
    rows = rows_of(target)
    assert tuple(rows[0]) == COLUMNS
    assert column(rows, "path") == sorted(column(rows, "path"))
    assert [row for row in rows if "Bob" not in row["path"]] == [
        dict.fromkeys(COLUMNS, "")
        | {
            "path": "Ann/Ann_0001.jpg",
            "status": "unreadable",
            "reason": "not a JPEG, PNG, BMP, WebP, TIFF, GIF, AVIF or HEIC image",
        },
        dict.fromkeys(COLUMNS, "")
        | {"path": "Ann/Ann_0002.png", "status": "no_face", "faces": "0", "reason": "no face detected"},
        aligned_row("Zoë/Zoë_0001.png", faces=2, number=1),
        aligned_row("root.png", faces=1, number=0),
    ]
    # Of the two faces, the second is nearer to the middle: centres at 48 and 58, middle at 160 / 2 = 80.
    np.testing.assert_array_equal(read_image(target / "Zoë/Zoë_0001.png"), expected)
    assert record.counts() == {"aligned": 12, "no_face": 1, "unreadable": 1, "crops": 12}
    made = sorted(path.name for path in target.rglob("*") if path.is_file() and "Bob" not in path.name)
    assert made == ["Zoë_0001.png", "alignment.csv", "alignment.json", "root.png"]


def aligned_row(path, faces, number):
    x, y = 10 * number, 5
    values = [x, y, 96, 112, *(template() + [x, y]).ravel()]
    names = COLUMNS[5:19]
    row = {"path": path, "status": "aligned", "output": path, "faces": str(faces), "score": "0.900000"}
    return row | dict(zip(names, (f"{value:.3f}" for value in values), strict=True)) | {"reason": ""}


def test_multiple_faces_and_center(folders, marked_detector):
    source, target = folders
    photograph(source / "a/x.png", faces=3)
    photograph(source / "a/y.png", faces=0)
    run(folders, marked_detector.MarkedDetector, detect_multiple_faces=True, fallback="center")
    rows = rows_of(target)
    assert column(rows, "output") == ["a/x_0.png", "a/x_1.png", "a/x_2.png", "a/y_0.png"]
    assert column(rows, "status") == ["aligned"] * 3 + ["center"]
    assert column(rows, "faces") == ["3", "3", "3", "0"]
    assert rows[3]["reason"] == "no face detected" and rows[3]["box_x"] == ""
    assert all(read_image(target / row["output"]).shape == (112, 96, 3) for row in rows)


def test_second_run_does_only_what_is_missing(folders, marked_detector, tmp_path):
    source, target = folders
    for name in ("a/1", "a/2", "b/3"):
        photograph(source / f"{name}.png")
    photograph(source / "b/empty.png", faces=0)
    log = tmp_path / "log"
    run(folders, marked_detector.MarkedDetector, log=log)
    assert len(log.read_text().split()) == 4
    first = (target / "alignment.csv").read_bytes()
    old = (target / "a/1.png").stat().st_mtime_ns
    (target / "a/2.png").unlink()
    photograph(source / "c/new.png")
    record = run(folders, marked_detector.MarkedDetector, log=log)
    assert len(log.read_text().split()) == 4 + 2
    assert (target / "a/1.png").stat().st_mtime_ns == old
    assert set(first.splitlines()) < set((target / "alignment.csv").read_bytes().splitlines())
    assert record.counts() == {"aligned": 4, "no_face": 1, "crops": 4}


def test_failures_are_retried_on_request_or_for_a_new_fallback(folders, marked_detector):
    source, target = folders
    photograph(source / "a/none.png", faces=0)
    (source / "a/cut.png").write_bytes(b"")
    (source / "a/gone.png").write_bytes(b"")
    run(folders, marked_detector.MarkedDetector)
    photograph(source / "a/cut.png")
    (source / "a/gone.png").unlink()
    run(folders, marked_detector.MarkedDetector)
    assert column(rows_of(target), "status") == ["unreadable", "no_face"]
    run(folders, marked_detector.MarkedDetector, retry_failures=True)
    assert column(rows_of(target), "status") == ["aligned", "no_face"]
    run(folders, marked_detector.MarkedDetector, fallback="center")
    assert column(rows_of(target), "status") == ["aligned", "center"]
    with pytest.raises(ValueError, match="expected fallback center, with which the folder was begun, got skip"):
        run(folders, marked_detector.MarkedDetector)


def test_a_cut_record_is_repaired(folders, marked_detector):
    source, target = folders
    for name in ("1", "2", "3"):
        photograph(source / f"a/{name}.png", faces=2)
    run(folders, marked_detector.MarkedDetector, detect_multiple_faces=True)
    path = target / "alignment.csv"
    whole = path.read_bytes()
    assert len(whole.splitlines()) == 7
    for cut in (1, 40, len(whole) // 2, len(whole) - 40, len(whole) - len(whole.splitlines()[0])):
        path.write_bytes(whole[:-cut])
        run(folders, marked_detector.MarkedDetector, detect_multiple_faces=True)
        assert path.read_bytes() == whole


def test_inputs_that_differ_in_suffix_keep_it(folders, marked_detector):
    source, target = folders
    pixels = photograph(source / "a/x.png")
    cv2.imwrite(str(source / "a/x.bmp"), cv2.cvtColor(255 - pixels, cv2.COLOR_RGB2BGR))
    photograph(source / "a/y.png")
    run(folders, marked_detector.MarkedDetector, fallback="center")
    assert column(rows_of(target), "output") == ["a/x.bmp.png", "a/x.png.png", "a/y.png"]
    assert read_image(target / "a/x.png.png").tolist() != read_image(target / "a/x.bmp.png").tolist()


def test_plan_outputs_by_hand():
    paths = ["a.jpg", "a.png", "A.webp", "b.x.jpg", "c/a.jpg", "a.jpg.tif"]
    assert plan_outputs(paths, paths, taken=(), numbered=False) == {
        "a.jpg": "a.jpg",
        "a.png": "a.png",
        "A.webp": "A.webp",
        "b.x.jpg": "b.x",
        "c/a.jpg": "c/a",
        "a.jpg.tif": "a.jpg.tif",
    }
    assert plan_outputs(["b.jpg"], ["b.jpg"], {"B.png"}, numbered=False) == {"b.jpg": "b.jpg"}
    assert plan_outputs(["b.jpg"], ["b.jpg"], {"b_0.png"}, numbered=True) == {"b.jpg": "b.jpg"}
    assert plan_outputs(["b.jpg"], ["b.jpg"], {"b.png", "b.jpg.png"}, False) == {"b.jpg": "b.jpg-2"}


def test_different_settings_or_input_folder_are_refused(folders, marked_detector, tmp_path):
    photograph(folders[0] / "a.png")
    run(folders, marked_detector.MarkedDetector)
    message = r"out: expected image_size \[112, 96\], with which the folder was begun, got \[112, 112\]"
    with pytest.raises(ValueError, match=message):
        run(folders, marked_detector.MarkedDetector, image_size=(112, 112))
    photograph(tmp_path / "other/a.png")
    with pytest.raises(ValueError, match="expected input_dir .*in, with which the folder was begun, got .*other;"):
        run((tmp_path / "other", folders[1]), marked_detector.MarkedDetector)
    (folders[1] / "alignment.json").write_text("[")
    with pytest.raises(ValueError, match="alignment.json: expected the settings"):
        run(folders, marked_detector.MarkedDetector)


def test_unusable_folders_are_refused(folders, marked_detector, tmp_path):
    source, target = folders
    detector = marked_detector.MarkedDetector
    with pytest.raises(ValueError, match="found none in it or below"):
        run(folders, detector)
    with pytest.raises(ValueError, match="missing: expected a folder of images"):
        run((tmp_path / "missing", target), detector)
    photograph(source / "a.png")
    for wrong in (source, source / "crops", source.parent):
        with pytest.raises(ValueError, match="that does not overlap the input folder"):
            run((source, wrong), detector)
    target.mkdir()
    (target / "other.png").touch()
    with pytest.raises(ValueError, match="got a folder of other files"):
        run(folders, detector)
    with pytest.raises(ValueError, match="got a file"):
        run((source, target / "other.png"), detector)
    with pytest.raises(ValueError, match="workers: expected 1 to 128, got 0"):
        run(folders, detector, workers=0)


def test_an_image_that_kills_its_worker_is_listed(folders, marked_detector):
    source, target = folders
    for number in range(20):
        photograph(source / f"a/{number:02d}.png", fault=number == 5)
    run(folders, marked_detector.MarkedDetector, workers=2)
    rows = rows_of(target)
    assert len(rows) == 20
    assert [(row["path"], row["status"]) for row in rows if row["status"] != "aligned"] == [
        ("a/05.png", "unreadable")
    ]
    assert rows[5]["reason"] == "the worker process died while aligning this image"


def test_a_full_disk_ends_the_run_and_keeps_the_record(folders, marked_detector, monkeypatch):
    source, target = folders
    for number in range(3):
        photograph(source / f"a/{number}.png")
    written = []

    def write_or_fail(path, pixels):
        if len(written) == 2:
            raise OSError("no space left")
        written.append(path)
        write_image(path, pixels)

    monkeypatch.setattr("cshml_tf.alignment.folder.write_image", write_or_fail)
    with pytest.raises(OSError, match="no space left"):
        run(folders, marked_detector.MarkedDetector)
    assert column(rows_of(target), "output") == ["a/0.png", "a/1.png"]


KILLED_RUN = """
import functools, sys
from pathlib import Path
from cshml_tf.alignment.record import AlignmentSettings
from cshml_tf.alignment.folder import align_dataset
from marked_detector import MarkedDetector

if __name__ == "__main__":
    source, target, log = (Path(word) for word in sys.argv[1:])
    align_dataset(source, target, AlignmentSettings(), 2, make_detector=functools.partial(MarkedDetector, log))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_a_killed_run_leaves_no_partial_image_and_can_resume(folders, marked_detector, tmp_path):
    source, target = folders
    for number in range(60):
        photograph(source / f"p{number % 7}/{number:02d}.png", wait=30)
    script, log = tmp_path / "modules/killed_run.py", tmp_path / "log"
    script.write_text(KILLED_RUN)
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, script, source, target, log], env=os.environ | {"PYTHONPATH": paths}
    )
    wait_until(lambda: target.exists() and len(list(target.rglob("*.png"))) >= 20)
    process.send_signal(signal.SIGKILL)
    process.wait()
    workers = set(log.read_text().split())
    wait_until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))

    images = [path for path in list_images(target)]
    assert 20 <= len(images) < 60
    before = {path: read_image(target / path).tobytes() for path in images}
    text = (target / "alignment.csv").read_text()
    listed = [line.split(",")[2] for line in text[: text.rfind("\n") + 1].splitlines()[1:]]
    assert listed and set(listed) <= {path.as_posix() for path in images}

    log.unlink()
    record = run(folders, marked_detector.MarkedDetector, log=log)
    assert len(log.read_text().split()) == 60 - len(listed)
    assert record.counts() == {"aligned": 60, "crops": 60}
    assert all(read_image(target / path).tobytes() == content for path, content in before.items())
    left = {path.name for path in target.rglob("*") if path.is_file() and path.suffix != ".png"}
    assert left == {"alignment.csv", "alignment.json"}
    assert json.loads((target / "alignment.json").read_text())["image_size"] == [112, 96]


def wait_until(condition, seconds=30):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited too long"
        time.sleep(0.02)

"""One odd file never ends an alignment: it is that file's row, and running again neither repeats nor ends it."""

import errno
import functools
import multiprocessing
import os
import shutil
import signal
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from marked_photographs import column, photograph, rows_of

from cshml_tf.alignment.folder import align_dataset, plan_outputs
from cshml_tf.alignment.record import AlignmentSettings
from cshml_tf.images import read_image, write_image

LINE_ENDS = ["line\nend", "carriage\rreturn", "both\r\n", "next\x85line", "line\u2028separator", "\u2029"]
ODD_NAMES = [*LINE_ENDS, 'comma, "quoted"', "'", " blanks ", "tab\t", "back\\slash", "é", "e\u0301", "#=+@"]


@pytest.fixture
def run(folders, marked_detector):
    """Return a function that aligns the folders and returns the rows by path."""

    def align(detector="MarkedDetector", workers=1, retry_failures=False, log=None, **settings):
        make = functools.partial(getattr(marked_detector, detector), log)
        align_dataset(*folders, AlignmentSettings(**settings), workers, retry_failures, make)
        return {row["path"]: row for row in rows_of(folders[1])}

    return align


def files_below(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def is_listed(run, folders, path, reason, **settings):
    """Check that an odd file is a row with a reason, beside a good one, and that a second run leaves it."""
    photograph(folders[0] / "good/good.png")
    rows = run(**settings)
    assert rows[path]["status"] == "unreadable" and reason in rows[path]["reason"], rows[path]
    assert rows["good/good.png"]["status"] == "aligned"
    before = files_below(folders[1])
    log = folders[0].parent / "log"
    assert run(log=log, **settings) == rows
    assert files_below(folders[1]) == before and not log.exists()


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_of_files_and_classes(run, folders, name):
    for path in (f"{name}/{name}.png", f"plain/{name}.png", f"{name}/plain.bmp"):
        photograph(folders[0] / path)
    (folders[0] / name / "empty.png").touch()
    rows = run()
    assert column(rows.values(), "status") == [
        "unreadable" if path.endswith("empty.png") else "aligned" for path in sorted(rows)
    ]
    assert set(rows) == {f"{name}/{name}.png", f"plain/{name}.png", f"{name}/plain.bmp", f"{name}/empty.png"}
    for row in rows.values():
        assert row["status"] == "unreadable" or read_image(folders[1] / row["output"]).shape == (112, 96, 3)
    before = files_below(folders[1])
    assert run(workers=2) == rows and files_below(folders[1]) == before


def test_a_name_that_is_not_utf_8(run, folders):
    name = os.fsdecode(b"caf\xe9")
    try:
        photograph(folders[0] / name / f"{name}.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    rows = run()
    assert rows[f"{name}/{name}.png"]["status"] == "aligned"
    before = files_below(folders[1])
    assert b"caf\xe9/caf\xe9.png" in before[Path("alignment.csv")]
    assert run() == rows and files_below(folders[1]) == before


@pytest.mark.parametrize("several", [False, True])
def test_a_name_too_long_for_its_crop(run, folders, several):
    """251 letters and .png are the most that a name may have; _0.png is too much, as is .jpg.png."""
    name, reason = "n" * 251, "cannot be written: File name too long"
    photograph(folders[0] / f"a/{name}.png")
    if several:
        is_listed(
            run, folders, f"a/{name}.png", "cannot be written: File name too long", detect_multiple_faces=True
        )
    else:
        (folders[0] / f"a/{name}.jpg").write_bytes((folders[0] / f"a/{name}.png").read_bytes())
        is_listed(run, folders, f"a/{name}.jpg", reason)


def test_crops_of_a_photograph_with_a_name_too_long_for_the_last_are_removed(run, folders):
    """Of eleven crops, NAME_0.png to NAME_10.png, only the last has 256 letters."""
    name = "n" * 249
    photograph(folders[0] / f"a/{name}.png", faces=11)
    is_listed(run, folders, f"a/{name}.png", "File name too long", detect_multiple_faces=True)
    assert not list((folders[1] / "a").iterdir())


def test_folders_called_like_crops_and_like_the_record(run, folders):
    photograph(folders[0] / "a.bmp")
    photograph(folders[0] / "a.png/x.png")
    photograph(folders[0] / "A.BMP.PNG/x.png")
    (folders[0] / "empty.png").mkdir()
    photograph(folders[0] / "alignment.csv/x.png")
    is_listed(run, folders, "alignment.csv/x.png", "File exists")
    rows = run()
    assert rows["a.bmp"]["output"] == "a.bmp-2.png"
    assert rows["a.png/x.png"]["output"] == "a.png/x.png"


def test_a_failure_keeps_its_name_when_the_rest_is_done_later(run, folders):
    """Without a.bmp, whose crop would be a.bmp.png, a.bmp.tif would take that name."""
    photograph(folders[0] / "a.bmp", faces=0)
    photograph(folders[0] / "a.bmp.tif")
    photograph(folders[0] / "a.png")
    rows = run()
    assert rows["a.bmp.tif"]["output"] == "a.bmp.tif.png"
    (folders[1] / "a.bmp.tif.png").unlink()
    assert run() == rows


def test_two_forms_of_one_name_get_two_crops():
    paths = ["\u00e9.jpg", "e\u0301.png"]
    planned = plan_outputs(paths, paths, taken=(), numbered=False)
    assert planned == {path: path for path in paths}


def make_pipe(path):
    os.mkfifo(path)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as bound:
        # The whole path may be too long for a socket's address.
        here = os.getcwd()
        os.chdir(path.parent)
        bound.bind(path.name)
        os.chdir(here)


def make_sparse(path):
    with open(path, "wb") as file:
        file.truncate(2**42)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_pipe, "expected a regular file"),
        (make_socket, ""),
        (make_sparse, "expected a file of at most"),
        (lambda path: path.symlink_to("/dev/zero"), "expected a regular file"),
        (lambda path: path.symlink_to("nowhere"), "No such file"),
        (lambda path: path.symlink_to(path.name), "symbolic links"),
        (lambda path: path.symlink_to(path.parent), None),
        (lambda path: path.touch(mode=0o000), ""),
    ],
    ids=["pipe", "socket", "sparse", "device", "dangling", "loop", "to its folder", "unreadable"],
)
def test_files_that_are_no_photographs(run, folders, make, reason):
    (folders[0] / "a").mkdir()
    make(folders[0] / "a/odd.png")
    if reason is None:
        photograph(folders[0] / "a/good.png")
        assert set(run()) == {"a/good.png"}
    else:
        is_listed(run, folders, "a/odd.png", reason)


@pytest.mark.parametrize(
    ("fault", "reason"), [(2, "out of memory"), (3, "RuntimeError: a fault"), (4, "expected finite numbers")]
)
def test_a_photograph_at_which_the_detector_fails(run, folders, fault, reason):
    photograph(folders[0] / "a/odd.png", fault=fault)
    is_listed(run, folders, "a/odd.png", reason)
    assert "long report" not in rows_of(folders[1])[0]["reason"]


def test_a_detector_that_always_fails_ends_the_run(run, folders):
    photograph(folders[0] / "a/good.png")
    with pytest.raises(RuntimeError, match="no network"):
        run("BrokenDetector")
    assert not rows_of(folders[1])
    assert run()["a/good.png"]["status"] == "aligned"


@pytest.mark.slow
def test_workers_killed_while_they_write_leave_nothing(run, folders):
    """The half-written crops of dead processes go before the run ends, not with the next run."""
    photograph(folders[0] / "a/good.png")
    photograph(folders[0] / "a/odd.png", fault=5)
    rows = run(workers=2)
    assert rows["a/odd.png"]["reason"] == "the worker process died while aligning this image"
    assert {path.as_posix() for path in files_below(folders[1])} == {
        "a/good.png",
        "alignment.csv",
        "alignment.json",
    }


@pytest.mark.slow
def test_killed_workers_change_nothing(run, folders, tmp_path):
    """Kills while processes start and work: the same crops and the same record."""
    for number in range(60):
        photograph(folders[0] / f"p{number % 5}/{number:02d}.png", wait=20, faces=number % 3)
    rows = run(workers=2)
    expected = files_below(folders[1])
    again = folders[0], tmp_path / "again"
    random, done = np.random.default_rng(0), threading.Event()

    def kill():
        for _ in range(8):
            if done.wait(random.uniform(0.1, 0.5)):
                return
            for child in multiprocessing.active_children()[:1]:
                os.kill(child.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        import marked_detector

        align_dataset(*again, AlignmentSettings(), 2, make_detector=marked_detector.MarkedDetector)
    finally:
        done.set()
        killer.join()
    assert {row["path"] for row in rows_of(again[1])} == set(rows)
    died = [row for row in rows_of(again[1]) if row["status"] == "unreadable"]
    assert len(died) <= 2
    if not died:
        assert files_below(again[1]) == expected


@pytest.mark.parametrize("full_at", [0, 2, 3])
def test_a_full_disk_ends_the_run_and_the_same_call_finishes_it(run, folders, monkeypatch, full_at):
    for number in range(4):
        photograph(folders[0] / f"a/{number}.png")
    whole = run()
    expected = files_below(folders[1])
    shutil.rmtree(folders[1])
    written = []

    def write_or_fail(path, pixels):
        if len(written) == full_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        write_image(path, pixels)

    with monkeypatch.context() as full:
        full.setattr("cshml_tf.alignment.folder.write_image", write_or_fail)
        with pytest.raises(OSError) as raised:
            run()
        assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(folders[1]))
    assert run() == whole and files_below(folders[1]) == expected

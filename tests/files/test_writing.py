"""Writing files and folders: under its name there is always the whole new one or the old one, never a part."""

import errno
import json
import os
import signal
import subprocess
import sys

import pytest

from cshml_tf.files import (
    PARTIAL_PREFIX,
    remove_left_overs,
    remove_left_overs_below,
    replacing,
    write_json,
    write_text,
)


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_replaces_the_old_one_at_the_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as partial:
        assert partial.parent == tmp_path and not partial.exists()
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and names(tmp_path) == ["a.txt"]


def test_a_folder_appears_whole_and_replaces_only_an_empty_one(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    with replacing(path) as partial:
        (partial / "inner").mkdir(parents=True)
        (partial / "inner/a.txt").write_text("new")
        assert not list(path.iterdir())
    assert (path / "inner/a.txt").read_text() == "new" and names(tmp_path) == ["folder"]
    with pytest.raises(OSError), replacing(path) as partial:
        partial.mkdir()
    assert (path / "inner/a.txt").read_text() == "new" and names(tmp_path) == ["folder"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_in_the_block_leaves_the_old_file_alone(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), replacing(path) as partial:
        partial.write_text("half")
        raise error
    with pytest.raises(error), replacing(tmp_path / "folder") as partial:
        partial.mkdir()
        (partial / "a.txt").write_text("half")
        raise error
    with pytest.raises(error), replacing(path):
        raise error
    assert path.read_text() == "old" and names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("suffix", ["", "/inner.txt"], ids=["file", "folder"])
def test_errors_of_the_disk_name_the_file_and_not_the_temporary_one(tmp_path, suffix):
    path = tmp_path / "a.txt"
    for filename in ("temporary", None):
        with pytest.raises(OSError) as caught, replacing(path) as partial:
            raise OSError(errno.ENOSPC, "No space left on device", filename and f"{partial}{suffix}")
        assert caught.value.errno == errno.ENOSPC and caught.value.strerror == "No space left on device"
        assert caught.value.filename == (f"{path}{suffix}" if filename else str(path))


def test_errors_of_other_files_and_of_pipes_keep_their_names(tmp_path):
    other = FileNotFoundError(errno.ENOENT, "No such file or directory", str(tmp_path / "other.txt"))
    for error in (other, BrokenPipeError(errno.EPIPE, "Broken pipe"), OSError("no number")):
        with pytest.raises(type(error)) as caught, replacing(tmp_path / "a.txt"):
            raise error
        assert caught.value is error


def test_a_failed_move_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail(source, target):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_text(path, "new")
    assert path.read_text() == "old" and names(tmp_path) == ["a.txt"]


def test_everything_is_flushed_before_the_move(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (events.append(os.fstat(number).st_ino), fsync(number)))
    monkeypatch.setattr(os, "replace", lambda *names: (events.append("move"), replace(*names)))
    with replacing(tmp_path / "folder") as partial:
        (partial / "inner").mkdir(parents=True)
        for name in ("a", "inner/b"):
            (partial / name).write_text(name)
    inodes = [(tmp_path / "folder" / name).stat().st_ino for name in ("a", "inner/b")]
    assert sorted(events[:2]) == sorted(inodes) and events[2:] == ["move"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a.txt"):
        pass
    assert not names(tmp_path)


def test_temporary_names_are_hidden_unique_and_short(tmp_path):
    longest = tmp_path / ("n" * 251 + ".txt")
    with replacing(longest) as one, replacing(longest) as other, replacing(longest, ".npz") as third:
        assert len({one, other, third}) == 3
        assert all(path.name.startswith(PARTIAL_PREFIX) and len(path.name) < 60 for path in (one, other, third))
        assert (one.suffix, third.suffix) == ("", ".npz")
        for path in (one, other, third):
            path.write_text(path.name)
    assert longest.read_text() == one.name and names(tmp_path) == [longest.name]


def test_a_killed_process_leaves_hidden_files_that_can_be_removed(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from cshml_tf.files import replacing\n"
        "with replacing(sys.argv[1]) as partial:\n"
        "    partial.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (tmp_path / "report.json").write_text("{}")
    (tmp_path / "other.json").write_text("{}")
    for name in ("report.json", "other.json"):
        ended = subprocess.run([sys.executable, "-c", code, str(tmp_path / name)])
        assert ended.returncode == -signal.SIGKILL
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["other.json", "report.json"]
    assert len(names(tmp_path)) == 4
    remove_left_overs(tmp_path / "report.json")
    assert len(names(tmp_path)) == 3
    remove_left_overs(tmp_path / "other.json")
    assert names(tmp_path) == ["other.json", "report.json"]


def test_left_overs_below_a_folder(tmp_path):
    for name in ("a/b", f"a/{PARTIAL_PREFIX}1"):
        (tmp_path / name).mkdir(parents=True)
    for name in (f"a/{PARTIAL_PREFIX}1/x.png", f"a/b/{PARTIAL_PREFIX}2", "a/b/x.png", f"{PARTIAL_PREFIX}3.npz"):
        (tmp_path / name).touch()
    remove_left_overs_below(tmp_path)
    left = [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))]
    assert left == ["a", "a/b", "a/b/x.png"]
    remove_left_overs_below(tmp_path / "missing")


def test_text_and_json(tmp_path):
    write_json(tmp_path / "a.json", {"name": "Zoë", "values": [1, 0.5]})
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"name": "Zoë", "values": [1, 0.5]}
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", float("nan"))
    write_text(tmp_path / "b.txt", "Zoë\n")
    assert (tmp_path / "b.txt").read_bytes() == "Zoë\n".encode()
    assert names(tmp_path) == ["a.json", "b.txt"]

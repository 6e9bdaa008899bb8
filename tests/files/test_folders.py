"""Folders that are absent or empty get a whole result, or nothing that is in the way of the next try."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cshml_tf.files import claimed, claimed_empty, is_in_use, lock_folder

RESULT = {"card": b"whole", "a": b"first", "parts/b": b"second", "parts/c": b"first"}
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and permissions")


def make(partial):
    for name, content in RESULT.items():
        (partial / name).parent.mkdir(parents=True, exist_ok=True)
        (partial / name).write_bytes(content)


def write(folder):
    with claimed_empty(folder, "card") as writing, writing() as partial:
        make(partial)


def content_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".lock")
    }


def refuse_links(path, target):
    raise PermissionError(1, "Operation not permitted", str(path), None, str(target))


@pytest.fixture(params=["links", "no links"])
def links(request, monkeypatch):
    """With and without a file system that can give a file two names."""
    if request.param == "no links":
        monkeypatch.setattr(os, "link", refuse_links)


@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_is_written_whole(tmp_path, links, exists):
    if exists:
        (tmp_path / "out").mkdir()
    write(tmp_path / "out")
    assert content_of(tmp_path / "out") == RESULT and {path.name for path in tmp_path.iterdir()} == {"out"}
    assert is_in_use(tmp_path / "out")
    with pytest.raises(
        ValueError, match="out: expected a folder that is absent or empty, got a file or a folder in"
    ):
        write(tmp_path / "out")
    assert content_of(tmp_path / "out") == RESULT


@POSIX
def test_an_existing_folder_stays_the_same(tmp_path, monkeypatch):
    """Its permissions, its hidden files, the links to it, and the processes that stand in it."""
    (tmp_path / "out").mkdir(mode=0o2750)
    os.chmod(tmp_path / "out", 0o2750)
    (tmp_path / "out" / ".gitkeep").write_bytes(b"kept")
    (tmp_path / "link").symlink_to("out")
    before = (tmp_path / "out").stat()
    monkeypatch.chdir(tmp_path / "out")
    write(".")
    after = (tmp_path / "out").stat()
    assert (before.st_ino, stat.S_IMODE(after.st_mode)) == (after.st_ino, 0o2750)
    assert content_of(tmp_path / "link") == RESULT | {".gitkeep": b"kept"}
    assert sorted(os.listdir()) == [".gitkeep", "a", "card", "parts"]


# Writes into folders 0, 1, 2 ... until one is finished. Each time a fork of this process, which has no threads,
# ends without a word at the next call that places or removes something.
KILLED = """
import os, pathlib, sys
from test_folders import refuse_links, write

def counting(known):
    def call(*arguments, **more):
        if not left:
            os._exit(9)
        left.pop()
        return known(*arguments, **more)
    return call

where, exists, links = pathlib.Path(sys.argv[1]), sys.argv[2] == "True", sys.argv[3] == "links"
if not links:
    os.link = refuse_links
for name in ("link", "replace", "unlink", "rmdir"):
    setattr(os, name, counting(getattr(os, name)))
step, code = 0, 9
while code == 9:
    folder = where / str(step)
    if exists:
        folder.mkdir()
        (folder / ".gitkeep").write_bytes(b"kept")
    left = [None] * step
    child = os.fork()
    if child == 0:
        write(folder)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    step += 1
print(code, step - 1)
"""


@POSIX
@pytest.mark.parametrize("links", ["links", "no links"])
@pytest.mark.parametrize("exists", [False, True])
def test_a_kill_at_any_step_leaves_a_whole_folder_or_one_that_counts_as_empty(tmp_path, links, exists):
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])
    words = [sys.executable, "-c", KILLED, str(tmp_path), str(exists), links]
    done = subprocess.run(
        words, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=True
    )
    code, steps = map(int, done.stdout.split())
    assert code == 0 and steps >= (8 if exists else 1)
    kept, wholes = {".gitkeep": b"kept"} if exists else {}, 0
    for folder in (tmp_path / str(step) for step in range(steps)):
        if (folder / "card").exists():
            wholes += 1
            visible = {name: data for name, data in content_of(folder).items() if not name.startswith(".partial")}
            assert visible == RESULT | kept and is_in_use(folder)
        else:
            assert not folder.exists() or not is_in_use(folder)
            write(folder)
            assert content_of(folder) == RESULT | kept, folder.name
    assert 0 < wholes < steps


def test_an_error_while_files_take_their_places_leaves_nothing(tmp_path, monkeypatch):
    known, seen = os.link, []

    def fail_at_last(path, target):
        seen.append(target)
        if len(seen) == len(RESULT):
            raise OSError(28, "No space left on device", str(target))
        known(path, target)

    def no_copy(path, target):
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(os, "link", fail_at_last)
    monkeypatch.setattr("shutil.copyfile", no_copy)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path)
    assert [path.name for path in seen][-1] == "card" and content_of(tmp_path) == {}
    assert [path.name for path in tmp_path.iterdir()] == []


def test_what_others_put_there_meanwhile_stays(tmp_path):
    with pytest.raises(FileExistsError), claimed_empty(tmp_path, "card") as writing, writing() as partial:
        make(partial)
        (tmp_path / "parts").mkdir()
        (tmp_path / "parts" / "c").write_bytes(b"theirs")
    assert content_of(tmp_path) == {"parts/c": b"theirs"}


def test_one_process_at_a_time(tmp_path):
    with claimed(tmp_path / "new"), pytest.raises(ValueError, match="new: another process is writing it"):
        write(tmp_path / "new")
    (tmp_path / "old").mkdir()
    lock = lock_folder(tmp_path / "old")
    with pytest.raises(ValueError, match="old: another process is writing to this folder"):
        write(tmp_path / "old")
    lock.close()
    write(tmp_path / "old")
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file: expected a folder that is absent or empty"):
        write(tmp_path / "file")


def test_hidden_entries_of_others_count_if_asked_for(tmp_path):
    (tmp_path / ".lock").touch()
    (tmp_path / ".partial-0").touch()
    assert not is_in_use(tmp_path) and not is_in_use(tmp_path, with_hidden=True)
    (tmp_path / ".git").touch()
    assert not is_in_use(tmp_path) and is_in_use(tmp_path, with_hidden=True)

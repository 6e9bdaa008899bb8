"""Commands whose disk becomes full: one line, and the same command finishes once there is space.

The disk is a small tmpfs, which only root can mount; elsewhere these tests are skipped.
"""

import contextlib
import os
import subprocess

import pytest
from hardening.commands import COMMANDS, differing

_PAGE = 4096
# Space as shares of what the results take; with none, the first write fails.
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.95) if "KILLS" in os.environ else (0.0, 0.6)


@contextlib.contextmanager
def small_disk(folder, size):
    """Mount a tmpfs of a number of bytes, full if it is 0; or skip the test."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size or _PAGE}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    try:
        filler = folder / "filler"
        if not size:
            filler.write_bytes(bytes(_PAGE))
        yield filler
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def free_space(folder, filler):
    filler.unlink(missing_ok=True)
    subprocess.run(["mount", "-o", "remount,size=200m", str(folder)], check=True)


def size_of(folder):
    """Return the bytes that a folder's files take on a tmpfs."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return sum(-(-path.stat().st_size // _PAGE) * _PAGE for path in paths)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_finishes_once_there_is_space(workplace, whole, tmp_path, command):
    expected, _ = whole(command)
    (tmp_path / "measured").mkdir()
    assert workplace.starter.run(workplace.words(command, tmp_path / "measured")).code == 0
    needed = size_of(tmp_path / "measured")
    for number, share in enumerate(SHARES):
        place = tmp_path / str(number)
        with small_disk(place, int(share * needed) // _PAGE * _PAGE) as filler:
            words = workplace.words(command, place)
            done = workplace.starter.run(words)
            assert done.code not in (0, None), f"expected no success with {share} of {needed} bytes"
            assert done.error_line, done.shown
            free_space(place, filler)
            again = workplace.starter.run(words)
            assert again.code == 0, f"{share} of {needed} bytes, then more: {again.shown}"
            assert not differing(expected, place), f"{share} of {needed} bytes"

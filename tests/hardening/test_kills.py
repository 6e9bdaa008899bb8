"""Commands killed at random instants: the same command then finishes the work, as if nothing had happened.

A command is killed as a machine that loses its power kills it: with SIGKILL, its worker processes too, at seeded
shares of the time that an uninterrupted run takes. `make fuzz` asks for 20 kills of each command, each followed
by a run to the end; otherwise a few kills follow each other before the one run that must finish.
"""

import os
import random
import shutil

import pytest
from hardening.commands import differing

# Kills of each command that are each followed by a whole run.
KILLS = int(os.environ.get("KILLS", "0"))
SEED = int(os.environ.get("SEED", "0"))
KILLS_IN_A_ROW = 3
COMMANDS = ("align", "embed", "pack", "import", "import_into", "join", "widen", "train", "export", "ablation")


def kill_once(workplace, words, share, seconds):
    """Start a command and kill it after a share of the seconds; return whether it was still running."""
    number = workplace.starter.start(words)
    done = workplace.starter.wait(number, share * seconds)
    if done is None:
        workplace.starter.kill(number)
        return True
    assert done.code == 0, done.shown
    return False


def check_finished(workplace, words, place, expected, where):
    if not differing(expected, place, with_left_overs=False):
        return  # Killed between its last write and its end: the result is whole.
    done = workplace.starter.run(words)
    assert done.code == 0, f"{where}: {done.shown}"
    assert not differing(expected, place), f"{where}: not as without an interruption"


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_killed_command_is_finished_by_the_next(workplace, whole, tmp_path, command):
    expected, seconds = whole(command)
    rng = random.Random(f"{command} {SEED}")
    kills, tries = 0, 0
    while kills < (KILLS or KILLS_IN_A_ROW):
        words, where = workplace.words(command, tmp_path), f"{command}, seed {SEED}, kill {kills}"
        # Each kill that comes too late makes the next ones earlier: the machine may have become faster.
        late = kill_once(workplace, words, rng.random() * 0.95**tries, seconds)
        kills += late
        tries += not late
        assert tries < 10 * (KILLS or KILLS_IN_A_ROW), "expected kills before the end, nearly all came after it"
        # Some commands refuse to write a result again that was whole when they were killed.
        if (
            KILLS
            or not late
            or kills == KILLS_IN_A_ROW
            or not differing(expected, tmp_path, with_left_overs=False)
        ):
            check_finished(workplace, words, tmp_path, expected, where)
            shutil.rmtree(tmp_path)
            tmp_path.mkdir()

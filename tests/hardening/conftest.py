"""The data of the commands that are interrupted, drawn once."""

import pytest
from hardening.commands import Starter, Workplace, content_of


@pytest.fixture(scope="session")
def workplace(tmp_path_factory):
    """The data of all commands, and the process that starts them."""
    starter = Starter(tmp_path_factory.mktemp("shown"))
    try:
        yield Workplace(tmp_path_factory.mktemp("workplace"), starter)
    finally:
        starter.close()


@pytest.fixture(scope="session")
def whole(workplace, tmp_path_factory):
    """Return a function of a command: (content of its results, seconds), when nothing interrupts it."""
    known = {}

    def run(command):
        if command not in known:
            place = tmp_path_factory.mktemp(command)
            done = workplace.starter.run(workplace.words(command, place))
            assert done.code == 0, done.shown
            known[command] = content_of(place), done.seconds
        return known[command]

    return run

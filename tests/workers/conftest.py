"""Fixtures of worker processes: functions that they can import, of which some kill their process."""

import sys

import pytest
from dying_functions import SOME_DIE


@pytest.fixture
def some_die(tmp_path, monkeypatch):
    """Import functions that worker processes can import too."""
    (tmp_path / "some_die.py").write_text(SOME_DIE)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("some_die", None)
    import some_die

    return some_die

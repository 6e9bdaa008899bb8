"""Worker processes that work, raise and die."""

import functools
import operator
import os

import pytest

from cshml_tf.alignment.workers import in_this_process, in_workers

# Called once in each worker process; returns the function that adds one.
MAKE_ADD_ONE = functools.partial(functools.partial, operator.add, 1)
# Returns the function that ends its process with the task as exit code; a str task makes it raise instead.
MAKE_EXIT = functools.partial(functools.partial, os._exit)
# Cannot be called without arguments, so the process cannot start.
MAKE_NOTHING = functools.partial(operator.add, 1)

SOME_DIE = """
import os

def make():
    return work

def work(task):
    if task % 10 == 3:
        os._exit(1)
    return task + 1
"""


def test_in_this_process():
    assert list(in_this_process([1, 2], MAKE_ADD_ONE)) == [(1, 2), (2, 3)]
    assert list(in_this_process([], MAKE_NOTHING)) == []


def test_every_task_gets_its_result():
    results = list(in_workers(list(range(50)), MAKE_ADD_ONE, workers=2))
    assert sorted(results) == [(task, task + 1) for task in range(50)]
    assert list(in_workers([], MAKE_ADD_ONE, workers=2)) == []


def test_a_task_that_kills_its_process_is_found_and_the_others_are_done(tmp_path, monkeypatch):
    (tmp_path / "some_die.py").write_text(SOME_DIE)
    monkeypatch.syspath_prepend(tmp_path)
    import some_die

    results = list(in_workers(list(range(40)), some_die.make, workers=2))
    assert sorted(results) == [(task, None if task % 10 == 3 else task + 1) for task in range(40)]


def test_an_exception_is_raised_here():
    with pytest.raises(TypeError):
        list(in_workers(["text"] * 9, MAKE_EXIT, workers=2))


def test_processes_that_cannot_start():
    with pytest.raises(ChildProcessError, match="do not start"):
        list(in_workers(list(range(9)), MAKE_NOTHING, workers=2))

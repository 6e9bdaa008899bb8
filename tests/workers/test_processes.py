"""Worker processes that work, raise and die."""

import functools
import multiprocessing
import operator
import os
import signal
import threading

import numpy as np
import pytest

from cshml_tf.workers import in_this_process, in_workers

# Called once in each worker process; returns the function that adds one.
MAKE_ADD_ONE = functools.partial(functools.partial, operator.add, 1)
# Returns the function that ends its process with the task as exit code; a str task makes it raise instead.
MAKE_EXIT = functools.partial(functools.partial, os._exit)
# Cannot be called without arguments, so the process cannot start.
MAKE_NOTHING = functools.partial(operator.add, 1)


def test_in_this_process():
    assert list(in_this_process([1, 2], MAKE_ADD_ONE)) == [(1, 2), (2, 3)]
    assert list(in_this_process([], MAKE_NOTHING)) == []


def test_every_task_gets_its_result():
    results = list(in_workers(list(range(50)), MAKE_ADD_ONE, workers=2))
    assert sorted(results) == [(task, task + 1) for task in range(50)]
    assert list(in_workers([], MAKE_ADD_ONE, workers=2)) == []


def test_a_task_that_kills_its_process_is_found_and_the_others_are_done(some_die):
    results = list(in_workers(list(range(40)), some_die.make, workers=2))
    assert sorted(results) == [(task, None if task % 10 == 3 else task + 1) for task in range(40)]


@pytest.mark.parametrize("make", ["make_after_a_death", "make_after_deaths_at_work"])
def test_a_death_while_a_process_starts_is_no_tasks_fault(some_die, make):
    tasks = [task for task in range(20) if make != "make_after_a_death" or task % 10 != 3]
    results = list(in_workers(tasks, getattr(some_die, make), workers=1))
    assert sorted(results) == [(task, task + 1) for task in tasks]


def test_running_out_of_memory_is_a_death(some_die):
    expected = [(task, None if task == 3 else task + 1) for task in range(12)]
    assert sorted(in_workers(list(range(12)), some_die.make_hungry, workers=2)) == expected


def test_running_out_of_memory_in_this_process(some_die):
    results = list(in_this_process(list(range(9)), some_die.make_hungry))
    assert results == [(task, task + 1) for task in (0, 1, 2, 4, 5, 6, 8)] + [(3, None), (7, 8)]


@pytest.mark.slow
def test_processes_killed_at_any_instant_are_replaced(some_die):
    """Wherever the kills fall, every task is answered once, rightly or, if it was killed twice, with None."""
    random = np.random.default_rng(0)
    done = threading.Event()

    def kill():
        while not done.wait(random.uniform(0.05, 0.6)):
            for child in multiprocessing.active_children():
                if random.random() < 0.5:
                    os.kill(child.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        results = sorted(in_workers(list(range(200)), some_die.make_slowly, workers=3))
    finally:
        done.set()
        killer.join()
    assert [task for task, _ in results] == list(range(200))
    assert all(result in (task + 1, None) for task, result in results)
    assert sum(result is None for _, result in results) < 20


def test_an_exception_is_raised_here():
    with pytest.raises(TypeError):
        list(in_workers(["text"] * 9, MAKE_EXIT, workers=2))


def test_an_answer_that_cannot_be_sent_is_an_exception(some_die):
    with pytest.raises(RuntimeError, match="expected a picklable answer"):
        list(in_workers([1], some_die.make_unpicklable, workers=1))


def test_processes_that_cannot_start(some_die, tmp_path):
    with pytest.raises(ChildProcessError, match="do not start: TypeError"):
        list(in_workers(list(range(9)), MAKE_NOTHING, workers=2))
    for make in (some_die.never_make, some_die.make_without_memory):
        with pytest.raises(ChildProcessError, match="do not start; run with one worker"):
            list(in_workers(list(range(9)), make, workers=1))
    assert len(list(tmp_path.glob("start *"))) == 8
    assert not multiprocessing.active_children()

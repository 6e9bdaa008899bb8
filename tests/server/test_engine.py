"""The worker: tasks that wait are answered together, functions by themselves, in order."""

import threading

import pytest

from cshml_tf.server.engine import Engine


def test_what_waits_is_answered_together_in_order():
    seen, release = [], threading.Event()

    def answer(tasks):
        seen.append(list(tasks))
        return [task * 10 for task in tasks]

    engine = Engine(answer, batch_size=3)
    engine.call(release.wait)
    futures = [engine.submit(number) for number in range(5)]
    call = engine.call(lambda: seen.append("call"))
    futures.append(engine.submit(5))
    release.set()
    assert [future.result(10) for future in futures] == [0, 10, 20, 30, 40, 50] and call.result(10) is None
    assert seen == [[0, 1, 2], [3, 4], "call", [5]]
    engine.close()


def test_errors_reach_whom_they_concern():
    def answer(tasks):
        if "all" in tasks:
            raise KeyError("all")
        return [ValueError(task) if task == "bad" else task for task in tasks]

    engine, release = Engine(answer, batch_size=8), threading.Event()
    engine.call(release.wait)
    good, bad = engine.submit("good"), engine.submit("bad")
    release.set()
    assert good.result(10) == "good"
    with pytest.raises(ValueError, match="bad"):
        bad.result(10)
    with pytest.raises(KeyError):
        engine.submit("all").result(10)
    with pytest.raises(ZeroDivisionError):
        engine.call(lambda: 1 // 0).result(10)
    assert engine.submit("still").result(10) == "still"
    engine.close()


def test_close_finishes_what_waits():
    engine, release = Engine(lambda tasks: tasks, batch_size=1), threading.Event()
    engine.call(release.wait)
    futures = [engine.submit(number) for number in range(4)]
    threading.Timer(0.05, release.set).start()
    engine.close()
    assert [future.result(0) for future in futures] == [0, 1, 2, 3]
    with pytest.raises(RuntimeError, match="closed"):
        engine.submit(4)

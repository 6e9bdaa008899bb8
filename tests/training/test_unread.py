"""Loss terms are read together, checked in the order of the steps, and recorded as if read one by one."""

import numpy as np
import pytest

from cshml_tf.training.history import History
from cshml_tf.training.unread import TrainingDiverged, UnreadTerms


class Scalar:
    """A scalar on a device that counts how often it is read."""

    reads = 0

    def __init__(self, value):
        self.value = value

    def __float__(self):
        Scalar.reads += 1
        return float(self.value)


@pytest.fixture(autouse=True)
def _no_reads_yet():
    Scalar.reads = 0


def history_of(folder, log_every=4):
    folder.mkdir(exist_ok=True)
    return History(folder, 0, 1000, log_every, batch_size=8, show_progress=False)


def add(unread, step, total=1.0, seconds=0.5, **terms):
    scalars = {name: Scalar(value) for name, value in ({"total": total} | terms).items()}
    unread.add(step, 0.1, scalars, seconds, None)


def test_no_step_is_read_before_its_time(tmp_path):
    unread = UnreadTerms(history_of(tmp_path), log_every=4)
    counts = []
    for step in range(1, 10):
        add(unread, step)
        counts.append(Scalar.reads)
    assert counts == [0, 0, 0, 4, 4, 4, 4, 8, 8]
    unread.read()
    unread.read()
    assert Scalar.reads == 9


def test_at_most_a_hundred_steps_wait(tmp_path):
    unread = UnreadTerms(history_of(tmp_path, 1000), log_every=1000)
    for step in range(1, 251):
        add(unread, step)
    assert Scalar.reads == 200


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_bad_step_and_term_are_named_and_the_steps_before_are_recorded(tmp_path, value):
    history = history_of(tmp_path)
    unread = UnreadTerms(history, log_every=8)
    for step in range(1, 8):
        add(unread, step, total=value if step >= 6 else step, classifier=value if step >= 5 else 2.0)
    with pytest.raises(TrainingDiverged, match=f"^step 5: the loss term classifier is {value};"):
        unread.read()
    history.close()
    assert history_rows(tmp_path) == [["step", "total", "classifier"], ["4", "2.5", "2"]]


def test_the_means_and_the_window_are_those_of_steps_read_one_by_one(tmp_path):
    """Sums of 0.1, 0.2, ... in float64 depend on their order."""
    one_by_one, together = (history_of(tmp_path / name, 7) for name in ("one", "together"))
    unread = UnreadTerms(together, log_every=7)
    for step in range(1, 20):
        total = np.float32(0.1) * step
        one_by_one.record(step, 0.1 * step, {"total": float(total)}, 0.5, step)
        unread.add(step, 0.1 * step, {"total": total}, 0.5, step)
    unread.read()
    without_times = [{**each.window, "seconds": None} for each in (one_by_one, together)]
    assert without_times[0] == without_times[1] and without_times[0]["steps"] == 5
    one_by_one.close()
    together.close()
    assert history_rows(tmp_path / "one") == history_rows(tmp_path / "together")


def test_the_time_of_a_window_includes_the_wait(tmp_path, monkeypatch):
    """Four steps that take 0.5 s each to start, then 6 s until they are read: 32 pairs in 8 s."""
    clock = iter([100.0, 106.0])
    monkeypatch.setattr("cshml_tf.training.unread.time.perf_counter", lambda: next(clock))
    history = history_of(tmp_path)
    unread = UnreadTerms(history, log_every=4)
    for step in range(1, 5):
        add(unread, step)
    history.close()
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert float(lines[1].split(",")[lines[0].split(",").index("pairs_per_second")]) == 4.0


def history_rows(folder):
    """Return the lines of the history without the columns of rates."""
    lines = [line.split(",") for line in (folder / "history.csv").read_text().splitlines()]
    kept = [place for place, name in enumerate(lines[0]) if name not in ("pairs_per_second", "learning_rate")]
    return [[line[place] for place in kept] for line in lines]

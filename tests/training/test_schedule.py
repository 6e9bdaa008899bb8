"""Learning-rate schedules: FaceNet's format, the paper's rates, constant rates and a cosine."""

import math

import pytest

from cshml_tf.training.schedule import make_schedule, read_schedule_file


def written(tmp_path, text):
    path = tmp_path / "schedule.txt"
    path.write_text(text)
    return path


def test_the_papers_schedule_switches_at_the_papers_steps():
    schedule = make_schedule(-1, None, epoch_size=1000)
    steps = [0, 29_999, 30_000, 69_999, 70_000, 119_999, 120_000, 10**7]
    assert [schedule.rate(step) for step in steps] == [0.1, 0.1, 0.01, 0.01, 0.001, 0.001, 0.0001, 0.0001]
    assert schedule.stop_step is None


def test_a_file_with_comments_and_a_stop(tmp_path):
    path = written(tmp_path, "# epochs\n\n0: 0.05  # warm\n3:0.01\n 5 : -1\n")
    schedule = make_schedule(-1, path, epoch_size=10)
    assert [schedule.rate(step) for step in (0, 29, 30, 49, 50, 500)] == [0.05, 0.05, 0.01, 0.01, -1, -1]
    assert schedule.stop_step == 50


def test_lines_may_come_in_any_order(tmp_path):
    schedule = make_schedule(-1, written(tmp_path, "4: 0.1\n0: 0.2\n"), epoch_size=1)
    assert [schedule.rate(step) for step in (0, 3, 4)] == [0.2, 0.2, 0.1]


def test_a_positive_rate_is_constant(tmp_path):
    schedule = make_schedule(0.3, written(tmp_path, "0: 0.1"), epoch_size=1)
    assert {schedule.rate(step) for step in (0, 10, 1000)} == {0.3}


def test_a_cosine_falls_from_the_rate_to_0_at_the_last_step():
    schedule = make_schedule(0.4, None, epoch_size=1, cosine_steps=100)
    assert schedule.stop_step == 100
    expected = {0: 0.4, 25: 0.2 + 0.2 / math.sqrt(2), 50: 0.2, 100: 0.0, 150: 0.0}
    assert all(abs(schedule.rate(step) - rate) < 1e-12 for step, rate in expected.items())


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "expected a positive rate for epoch 0, got no lines"),
        ("1: 0.1", "expected a positive rate for epoch 0, got '1: 0.1' as the first epoch"),
        ("0: -1", "expected a positive rate for epoch 0, got '0: -1' as the first epoch"),
        ("0: 0.1\nfive: 0.2", "line 2: expected 'epoch: rate', got 'five: 0.2'"),
        ("0: 0.1\n0: 0.2", "line 2: expected a new epoch"),
        ("0: 0.1\n3: -2", "line 2: expected a new epoch of at least 0 and a positive rate or -1"),
        ("0: nan", "line 1: expected a new epoch"),
        ("0: 1e300", "positive rate or -1, at most 1000, got '0: 1e300'"),
        ("0", "line 1: expected 'epoch: rate'"),
    ],
)
def test_files_that_are_no_schedule_are_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_schedule_file(written(tmp_path, text))


@pytest.mark.parametrize("rate", [0.0, -0.5])
def test_a_rate_that_is_neither_positive_nor_minus_1_is_refused(rate):
    with pytest.raises(ValueError, match="learning_rate: expected a positive rate, or -1"):
        make_schedule(rate, None, 1000)

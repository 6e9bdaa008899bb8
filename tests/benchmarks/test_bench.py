"""`benchmarks/bench.py`: turns and ratios on a clock of our own, the table, and a quick run of every kind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import timing
from rows.arithmetic import operations_per_face, operations_per_pair
from rows.comparison import Peer, PeerFigures, Plan, Row, beside, compare
from rows.table import as_markdown

from cshml_tf.recogniser import build_recogniser

ROOT = Path(__file__).parents[2]


class Clock:
    """A clock that only the timed functions move."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def perf_counter(self):
        return self.now

    process_time = perf_counter

    def way(self, name, *seconds):
        """Return a function that takes these times in turn, the last one for ever, and returns its name."""
        left = list(seconds)

        def run():
            self.calls.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]
            return name

        return run


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    return clock


def test_ways_take_turns_in_changing_order_after_an_untimed_call(clock):
    # Two calls come before the rounds: one compiles, the other tells how often to repeat.
    ways = {"a": clock.way("a", 9, 1, 1, 2, 3), "b": clock.way("b", 9, 4)}
    turns = timing.take_turns(ways, rounds=3)
    assert "".join(clock.calls) == "aabb" + "ab" + "ba" + "ab"
    assert turns["a"].seconds == [1, 2, 3] and turns["b"].seconds == [4, 4, 4]
    assert turns["a"].first == "a"
    assert timing.spread(turns["a"].seconds) == timing.Spread(2, 1, 3)


def test_short_calls_are_repeated_within_a_turn(clock):
    turns = timing.take_turns({"short": clock.way("s", 0.125), "long": clock.way("l", 2)}, 1, least_seconds=0.5)
    assert "".join(clock.calls) == "ss" + "ll" + "ssss" + "l"
    assert turns["short"].seconds == [0.125]


def test_a_turn_waits_once_for_what_is_pending(clock):
    finished = []
    turns = timing.take_turns(
        {"a": clock.way("a", 0.25)}, 2, least_seconds=1, finish=lambda x: finished.append(x) or 7
    )
    assert len(clock.calls) == 2 + 4 + 4 and finished == ["a"] * 4
    assert turns["a"].first == 7


def test_the_work_of_other_processes_is_measured(monkeypatch, tmp_path):
    kernel, own, now = tmp_path / "stat", [100.0], [5000.0]
    ticks = os.sysconf("SC_CLK_TCK")
    monkeypatch.setattr(timing, "_KERNEL", kernel)
    monkeypatch.setattr(timing.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(timing.time, "process_time", lambda: own[0])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    assert timing.Others().share() is None
    # user, nice, system, idle, waiting, interrupts, soft interrupts, stolen
    kernel.write_text(f"cpu  {10 * ticks} {ticks} 0 777 9 0 0 5 0 0\ncpu0 1 2 3\n")
    others = timing.Others()
    # In 10 s of two processors, 12 s of work, 7 of them our own: others took 5 of 20.
    kernel.write_text(f"cpu  {18 * ticks} {2 * ticks} {ticks} 999 99 {ticks} {ticks} 50 0 0\ncpu0 1 2 3\n")
    own[0], now[0] = 107.0, 5010.0
    assert others.share() == pytest.approx(0.25)


def missing():
    import nowhere_to_be_found  # noqa: F401  # pyright: ignore[reportMissingImports]


def failing():
    raise RuntimeError("operator does not exist\nand much more")


def test_a_row_has_ratios_round_by_round_and_names_missing_peers(clock):
    # Ours makes 8 per call: 8, 4 and 2 per second; the peer 4 in every round.
    ours = clock.way("ours", 1, 1, 1, 2, 4)
    peers = [
        Peer("half", lambda: clock.way("peer", 2)),
        Peer("absent", missing),
        Peer("broken", failing),
        Peer("broken later", lambda: failing),
    ]
    agree = lambda one, other: {f"{one} and {other}": 1.0}  # noqa: E731
    blank = Row("embed", "a network", "faces/s")
    row = compare(Plan(rounds=3), blank, 8, ours, peers, agree)
    assert (row.kind, row.what, row.unit) == ("embed", "a network", "faces/s")
    assert row.rounds == [8, 4, 2] and row.rate == timing.Spread(4, 2, 8)
    half, absent, *broken = row.peers
    assert half.status == "measured" and half.rate == timing.Spread(4, 4, 4)
    assert half.ratio == timing.Spread(1, 0.5, 2) and half.agreement == {"ours and peer": 1.0}
    assert half.best == 2
    assert absent == PeerFigures("absent", "not installed: nowhere_to_be_found")
    assert [peer.status for peer in broken] == ["not run: operator does not exist"] * 2
    # A peer is tried first, and the trial is its untimed call.
    assert clock.calls.count("peer") == clock.calls.count("ours") == 5
    assert not compare(Plan(rounds=1, peers=False), blank, 8, ours, peers).peers


def test_the_table_has_a_line_for_each_row_and_peer():
    peers = [
        beside("theirs", [1200.0, 900.0], [400.0, 600.0], {"cosine": 0.99999}),
        PeerFigures("other", "not run: x"),
    ]
    rows = [
        Row("embed", "a|b", "faces/s", rounds=[1200.0, 900.0], peers=peers, others=0.25, figures={"MB": 1.5}),
        Row("search", "one", "probes/s", rounds=[2.5]),
        Row("export", "onnx", "faces/s", "not run: no TensorFlow"),
    ]
    lines = as_markdown(rows, {"cores": 2, "versions": {"keras": "3", "torch": "2"}}).splitlines()
    assert lines[:2] == ["- cores: 2", "- versions: keras 3, torch 2"]
    # The ratios of the rounds are 3 and 1.5, that of the best rounds 2.
    assert lines[-4:] == [
        "| embed: a\\|b | faces/s | 1,050 (900 to 1,200) | theirs | 500 (400 to 600) | 2.25 (1.50 to 3.00) | 2.00 "
        "| 25% | cosine 0.99999, MB 1.5 |",
        "|  |  |  | other | not run: x |  |  |  |  |",
        "| search: one | probes/s | 2.5 (2.5 to 2.5) |  |  |  |  |  |  |",
        "| export: onnx | faces/s | not run: no TensorFlow |  |  |  |  |  |  |",
    ]


def test_operations_are_counted_by_hand():
    images = keras.Input((8, 6, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(images)  # 4 x 3 places, 3 x 3 x 3 to 4
    x = keras.layers.DepthwiseConv2D(3, padding="same")(x)  # 4 x 3 places, 3 x 3 for each of 4
    x = keras.layers.Dense(5)(keras.layers.Flatten()(x))  # 48 to 5
    recogniser = build_recogniser(keras.Model(images, {"embedding": x}, name="backbone"))
    expected = 2 * (12 * 27 * 4 + 12 * 9 * 4 + 48 * 5)
    assert operations_per_face(recogniser) == expected
    assert operations_per_pair(recogniser, classes=10) == 4 * expected + 10 * 5 * 10


@pytest.mark.parametrize("words", [["--rounds", "0"], ["--photographs", "nowhere"]])
def test_bad_input_is_one_line(words, tmp_path, monkeypatch, capsys):
    import bench

    monkeypatch.chdir(tmp_path)
    assert bench.main(words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and words[0] in error and words[1] in error
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_quick_run_measures_every_kind_and_writes_the_table(tmp_path):
    words = ["--quick", "--rounds", "2", "--no_peers", "--output", str(tmp_path / "out" / "bench")]
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "bench.py"), *words], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "bench.json").read_text())
    assert report["machine"]["cores"] >= 1 and "keras" in report["machine"]["versions"]
    assert report["settings"] == {"rounds": 2, "quick": True}
    kinds = ["embed", "training step", "alignment", "input pipeline", "degradation", "export", "search"]
    assert list(dict.fromkeys(row["kind"] for row in report["rows"])) == kinds
    for row in report["rows"]:
        assert row["status"] == "measured" and len(row["rounds"]) == 2, row
        assert row["rate"]["lowest"] == min(row["rounds"]) > 0
        assert row["rate"]["lowest"] <= row["rate"]["median"] <= row["rate"]["highest"]
        # The pipeline's peer is the step, measured before.
        assert bool(row["peers"]) == (row["kind"] == "input pipeline")
    (step,) = (row for row in report["rows"] if row["kind"] == "training step")
    figures = step["figures"]
    operations = step["rate"]["median"] * figures["operations per pair in 1e9"]
    assert figures["share of the peak"] == pytest.approx(operations / figures["peak in 1e9/s"])
    pipeline = next(row for row in report["rows"] if row["kind"] == "input pipeline")["peers"][0]
    assert pipeline["rate"] == step["rate"] and step["what"] in pipeline["name"]
    table = (tmp_path / "out" / "bench.md").read_text()
    assert done.stdout == table
    assert sum(line.startswith("| ") for line in table.splitlines()) == 2 + len(report["rows"])
    assert np.isfinite([row["rate"]["median"] for row in report["rows"]]).all()

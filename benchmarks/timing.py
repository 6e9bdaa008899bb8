"""Time several ways of doing the same, in turns, so that a busy machine slows all of them alike."""

import dataclasses
import math
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

_KERNEL = Path("/proc/stat")


@dataclasses.dataclass(frozen=True)
class Spread:
    """A figure measured several times.

    Attributes:
        median: of the rounds.
        lowest: of the rounds.
        highest: of the rounds.
    """

    median: float
    lowest: float
    highest: float


@dataclasses.dataclass(frozen=True)
class Turns:
    """What `take_turns` measured of one way.

    Attributes:
        seconds: per call, one value per round.
        first: what the first call returned, finished; it was not timed.
    """

    seconds: list[float]
    first: Any


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the range of one value or more."""
    return Spread(statistics.median(values), min(values), max(values))


def rates(turns: Turns, per_call: float) -> list[float]:
    """Return the units per second of each round, given the units of one call."""
    return [per_call / seconds for seconds in turns.seconds]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return ours / theirs of each round; of the rounds that both have, if one has more."""
    return [one / other for one, other in zip(ours, theirs, strict=False)]


class Others:
    """What other processes take of the processors, from its creation on.

    A busy machine does not slow all alike: threads that wait for each other at every layer suffer most.
    """

    def __init__(self) -> None:
        self._start = _busy_seconds(), time.process_time(), time.perf_counter()

    def share(self) -> float | None:
        """Return the share of all processors' time, 0..1; None where the system does not say."""
        busy, own, now = _busy_seconds(), time.process_time(), time.perf_counter()
        if busy is None or self._start[0] is None:
            return None
        taken = (busy - self._start[0]) - (own - self._start[1])
        return min(1.0, max(0.0, taken / ((now - self._start[2]) * (os.cpu_count() or 1))))


def _busy_seconds() -> float | None:
    """Return the time that all processors have worked, since the system started."""
    if not _KERNEL.is_file():
        return None
    fields = _KERNEL.read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, interrupts, soft = (int(field) for field in fields[:7])
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")


def take_turns(
    ways: Mapping[str, Callable[[], Any]],
    rounds: int,
    least_seconds: float = 0.3,
    finish: Callable[[Any], Any] = lambda result: result,
) -> dict[str, Turns]:
    """Call each way once untimed, which compiles and warms up, then time all of them in turns.

    The order is reversed in every other round: A B C, C B A, ... A turn repeats its call until it has taken
    about `least_seconds`, so that short calls are not lost in the clock's noise.

    Args:
        ways: functions without arguments, by name.
        rounds: turns of each way, at least 1.
        least_seconds: length of a turn.
        finish: is given what the last call of a turn returned, and waits for it if it is pending on a device.

    Returns:
        dict from the name to its `Turns`, in the given order.
    """
    first, calls = {}, {}
    for name, way in ways.items():
        first[name] = finish(way())
        started = time.perf_counter()
        finish(way())
        taken = time.perf_counter() - started
        calls[name] = max(1, math.ceil(least_seconds / taken)) if taken > 0 else 1
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(rounds):
        for name in reversed(names) if number % 2 else names:
            started = time.perf_counter()
            for _ in range(calls[name] - 1):
                ways[name]()
            finish(ways[name]())
            seconds[name].append((time.perf_counter() - started) / calls[name])
    return {name: Turns(seconds[name], first[name]) for name in names}

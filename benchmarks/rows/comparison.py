"""A row of the table: the library's rate at something, beside the rates of its peers."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from timing import Others, Spread, rates, ratios, spread, take_turns

MEASURED = "measured"
OURS = "this library"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to measure, and how often.

    Attributes:
        rounds: turns of each way, at least 1.
        quick: whether to use tiny networks and few faces, to try the benchmark itself.
        peers: whether to measure peers.
        photographs: folder of photographs for alignment; None to draw some.
    """

    rounds: int = 5
    quick: bool = False
    peers: bool = True
    photographs: Path | None = None


@dataclasses.dataclass(frozen=True)
class Peer:
    """Another way of doing the same.

    Attributes:
        name: in the table.
        build: function that imports what the peer needs, and returns the function to time.
    """

    name: str
    build: Callable[[], Callable[[], Any]]


@dataclasses.dataclass(frozen=True)
class PeerFigures:
    """A peer in a row.

    Attributes:
        name: of the peer.
        status: "measured", "not installed: ..." or "not run: ...".
        rate: units per second; None unless measured, as the next two.
        ratio: the library's rate divided by the peer's in the same round.
        best: the ratio of both best rounds, which other processes disturbed least.
        agreement: how its results compare with the library's.
    """

    name: str
    status: str
    rate: Spread | None = None
    ratio: Spread | None = None
    best: float | None = None
    agreement: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        kind: of the row, such as "embed".
        what: was measured.
        unit: of the rates.
        status: "measured", or "not run: ...".
        rounds: units per second of the library in each round.
        peers: the peers.
        others: share of the processors that other processes took meanwhile, 0..1; None if unknown.
        figures: further figures of the library.
    """

    kind: str
    what: str
    unit: str
    status: str = MEASURED
    rounds: list[float] = dataclasses.field(default_factory=list)
    peers: list[PeerFigures] = dataclasses.field(default_factory=list)
    others: float | None = None
    figures: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def rate(self) -> Spread | None:
        """The units per second of the library."""
        return spread(self.rounds) if self.rounds else None

    def as_json(self) -> dict[str, Any]:
        """Return the row as a dict of JSON types."""
        row = dataclasses.asdict(self)
        return row | {"rate": dataclasses.asdict(self.rate) if self.rate else None}


def compare(
    plan: Plan,
    row: Row,
    per_call: float,
    ours: Callable[[], Any],
    peers: Sequence[Peer] = (),
    agree: Callable[[Any, Any], dict[str, float]] | None = None,
    finish: Callable[[Any], Any] = lambda result: result,
) -> Row:
    """Measure the library and its peers in turns.

    Args:
        plan: rounds, and whether to measure peers at all.
        row: what is measured, still without figures.
        per_call: how many of the row's units one call makes.
        ours: the library's function.
        peers: the peers; one that is missing or fails is named in the row, and ends nothing.
        agree: function of the finished results of the library's and of a peer's first call.
        finish: as for `timing.take_turns`.

    Returns:
        The row with its figures.
    """
    ways, statuses = {OURS: ours}, {}
    for peer in peers if plan.peers else ():
        statuses[peer.name], way = _built(peer)
        if way:
            ways[peer.name] = way
    others = Others()
    turns = take_turns(ways, plan.rounds, 0.02 if plan.quick else 0.3, finish)
    share = others.share()
    rounds = rates(turns[OURS], per_call)
    measured = []
    for name, status in statuses.items():
        if name not in turns:
            measured.append(PeerFigures(name, status))
            continue
        their_rounds = rates(turns[name], per_call)
        agreement = agree(turns[OURS].first, turns[name].first) if agree else {}
        measured.append(beside(name, rounds, their_rounds, agreement))
    return dataclasses.replace(row, rounds=rounds, peers=measured, others=share)


def beside(
    name: str, ours: Sequence[float], theirs: Sequence[float], agreement: dict[str, float] | None = None
) -> PeerFigures:
    """Return the figures of a peer whose rates were measured, round by round."""
    best = max(ours) / max(theirs)
    return PeerFigures(name, MEASURED, spread(theirs), spread(ratios(ours, theirs)), best, agreement or {})


def _built(peer: Peer) -> tuple[str, Callable[[], Any] | None]:
    """Return a peer's status, and its function or None if a first call fails."""
    try:
        way = peer.build()
        results = [way()]
    except ModuleNotFoundError as error:
        return f"not installed: {error.name}", None
    # Whatever is wrong with a peer, the other rows are worth having.
    except Exception as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        return f"not run: {first_line}", None
    # That call counts as the first: a training step's second call has another loss.
    return MEASURED, lambda: results.pop() if results else way()

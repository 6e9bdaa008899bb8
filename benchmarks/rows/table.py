"""The rows as one Markdown table, and the machine they were measured on."""

from collections.abc import Mapping, Sequence
from typing import Any

from timing import Spread

from rows.comparison import MEASURED, OURS, PeerFigures, Row

_HEAD = ("measured", "unit", OURS, "peer", "the peer", "ratio", "best", "others", "agreement, remarks")
_LEGEND = """
Medians of the rounds, lowest and highest in brackets. A ratio is the library's rate divided by the peer's in the
same round: above 1, the library is faster. "Best" divides the best rounds instead, which other processes disturbed
least; "others" is the share of the processors that they took meanwhile.
"""


def as_markdown(rows: Sequence[Row], machine: Mapping[str, Any]) -> str:
    """Return the machine and the table, one line per row and peer."""
    lines = [f"- {name}: {_text(value)}" for name, value in machine.items()]
    lines += [_LEGEND, _line(_HEAD), _line(["---"] * len(_HEAD))]
    for row in rows:
        ours = (f"{row.kind}: {row.what}", row.unit, _range(row.rate) if row.status == MEASURED else row.status)
        others = "" if row.others is None else f"{row.others:.0%}"
        peers = [_cells(peer) for peer in row.peers] or [("",) * 5]
        for number, (*peer, agreement) in enumerate(peers):
            first, last = (ours, others) if number == 0 else (("",) * 3, "")
            remarks = [agreement, _named(row.figures) if number == 0 else ""]
            lines.append(_line((*first, *peer, last, ", ".join(text for text in remarks if text))))
    return "\n".join(lines) + "\n"


def _cells(peer: PeerFigures) -> tuple[str, ...]:
    """Return name, rate, ratio, ratio of the best, agreement."""
    if peer.status != MEASURED:
        return peer.name, peer.status, "", "", ""
    return peer.name, _range(peer.rate), _range(peer.ratio, 2), f"{peer.best:.2f}", _named(peer.agreement)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _range(figure: Spread | None, places: int | None = None) -> str:
    if figure is None:
        return ""
    values = (figure.median, figure.lowest, figure.highest)
    median, lowest, highest = (_number(value) if places is None else f"{value:.{places}f}" for value in values)
    return f"{median} ({lowest} to {highest})"


def _number(value: float) -> str:
    """Write three digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _named(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.6g}" for name, value in figures.items())


def _text(value: Any) -> str:
    return ", ".join(f"{name} {each}" for name, each in value.items()) if isinstance(value, dict) else str(value)

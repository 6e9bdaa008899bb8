"""The SCface results as in table 5 of the paper and as curves: rank-1 in %, one column per distance."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from cshml_tf.data.scface import CAMERAS, DISTANCES, PEOPLE
from cshml_tf.evaluation.published import TABLE_5
from cshml_tf.evaluation.scface.experiment import ScfaceRow

_HEADER = ("method", "people", "probes", "seeds", "d1 4.20 m", "d2 2.60 m", "d3 1.00 m")


def format_scface_table(rows: Iterable[ScfaceRow]) -> str:
    """Format the results as a Markdown table, followed by the paper's own.

    Several seeds are shown as mean ± sample standard deviation.

    Args:
        rows: the results.

    Returns:
        The table, ending with a line break.
    """
    lines: list[Sequence[str]] = [_HEADER, ["---"] * len(_HEADER)]
    for row in rows:
        seeds = len(row.curves[DISTANCES[0]])
        rates = [_mean_and_deviation([curve[0] for curve in row.curves[distance]]) for distance in DISTANCES]
        counts = [str(row.people), str(_probes(row)), str(seeds) if row.people < len(PEOPLE) else ""]
        lines.append([row.method, *counts, *rates])
    for method, rates in TABLE_5.items():
        shown = ["-" if rate is None else f"{rate:.1f}" for rate in rates]
        lines.append([f"paper, {method}", "80", "400", "", *shown])
    return _markdown(lines)


def format_ranks(rows: Sequence[ScfaceRow]) -> str:
    """Format the mean rates over the seeds at ranks 1 to 10 as a Markdown table, one row per distance, in %."""
    ranks = len(rows[0].curves[DISTANCES[0]][0])
    header = ["method", "people", "distance", *(f"rank {rank}" for rank in range(1, ranks + 1))]
    lines = [header, ["---"] * len(header)]
    for row in rows:
        for distance in DISTANCES:
            means = np.mean(row.curves[distance], axis=0)
            lines.append([row.method, str(row.people), str(distance), *(f"{100 * rate:.2f}" for rate in means)])
    return _markdown(lines)


def curves_by_distance(rows: Iterable[ScfaceRow], people: int) -> dict[int, dict[str, np.ndarray]]:
    """Return the mean curves of one protocol's rows by distance and then by method."""
    return {
        distance: {row.method: np.mean(row.curves[distance], axis=0) for row in rows if row.people == people}
        for distance in DISTANCES
    }


def rows_as_json(rows: Iterable[ScfaceRow]) -> list[dict[str, Any]]:
    """Convert rows to JSON-compatible dicts; rates are fractions, rank 1 first.

    "probes" is the number of probes at each distance, including missing ones. "mean" and "deviation" are taken
    over the seeds; the deviation is the sample standard deviation, None for a single seed.
    """
    return [
        {
            "people": row.people,
            "method": row.method,
            "probes": _probes(row),
            "curves": {
                str(distance): [list(map(float, curve)) for curve in row.curves[distance]]
                for distance in DISTANCES
            },
            "mean": {str(distance): np.mean(row.curves[distance], axis=0).tolist() for distance in DISTANCES},
            "deviation": {str(distance): _deviation(row.curves[distance]) for distance in DISTANCES},
        }
        for row in rows
    ]


def _markdown(lines: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _probes(row: ScfaceRow) -> int:
    """Return the number of probes at each distance, whether their images are available or not."""
    return row.people * len(CAMERAS)


def _deviation(curves: Sequence[np.ndarray]) -> list[float] | None:
    return None if len(curves) == 1 else np.std(curves, axis=0, ddof=1).tolist()


def _mean_and_deviation(rates: Sequence[float]) -> str:
    mean = f"{100 * np.mean(rates):.2f}"
    return mean if len(rates) == 1 else f"{mean} ± {100 * np.std(rates, ddof=1):.2f}"

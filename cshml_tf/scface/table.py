"""The figures of SCface as the paper's table 5 and as curves: rank-1 in %, a column a distance."""

import numpy as np

from cshml_tf.data.scface import CAMERAS, DISTANCES
from cshml_tf.evaluation.published import TABLE_5

_HEADER = ("method", "people", "seeds", "d1 4.20 m", "d2 2.60 m", "d3 1.00 m")


def format_table(rows):
    """Write rows as a Markdown table with the paper's own below; several seeds as mean ± sample deviation.

    Args:
        rows: list of `cshml_tf.scface.experiment.Row`.

    Returns:
        str that ends with a line end.
    """
    lines = [_HEADER, ["---"] * len(_HEADER)]
    for row in rows:
        seeds = len(row.curves[DISTANCES[0]])
        rates = [_mean_and_deviation([curve[0] for curve in row.curves[distance]]) for distance in DISTANCES]
        lines.append([row.method, str(row.people), str(seeds) if row.people < 130 else "", *rates])
    for method, rates in TABLE_5.items():
        shown = ["-" if rate is None else f"{rate:.1f}" for rate in rates]
        lines.append([f"paper, {method}", "80", "", *shown])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def curves_by_distance(rows, people):
    """Give the mean curves of the rows of a protocol, by distance and then by method, as dicts."""
    return {
        distance: {row.method: np.mean(row.curves[distance], axis=0) for row in rows if row.people == people}
        for distance in DISTANCES
    }


def rows_as_json(rows):
    """Give rows as a list of dicts ready for JSON; rates are fractions, rank 1 first.

    "probes" is how many the rates of a distance are of, the missing ones too; "mean" and "deviation" are over the
    seeds, the deviation that of a sample, and None of one seed.
    """
    return [
        {
            "people": row.people,
            "method": row.method,
            "probes": row.people * len(CAMERAS),
            "curves": {
                str(distance): [list(map(float, curve)) for curve in row.curves[distance]]
                for distance in DISTANCES
            },
            "mean": {str(distance): np.mean(row.curves[distance], axis=0).tolist() for distance in DISTANCES},
            "deviation": {str(distance): _deviation(row.curves[distance]) for distance in DISTANCES},
        }
        for row in rows
    ]


def _deviation(curves):
    return None if len(curves) == 1 else np.std(curves, axis=0, ddof=1).tolist()


def _mean_and_deviation(rates):
    mean = f"{100 * np.mean(rates):.2f}"
    return mean if len(rates) == 1 else f"{mean} ± {100 * np.std(rates, ddof=1):.2f}"

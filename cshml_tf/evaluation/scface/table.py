"""The figures of SCface as the paper's table 5 and as curves: rank-1 in %, a column a distance."""

import numpy as np

from cshml_tf.data.scface import CAMERAS, DISTANCES, PEOPLE
from cshml_tf.evaluation.published import TABLE_5

_HEADER = ("method", "people", "probes", "seeds", "d1 4.20 m", "d2 2.60 m", "d3 1.00 m")


def format_table(rows):
    """Write rows as a Markdown table with the paper's own below; several seeds as mean ± sample deviation.

    Args:
        rows: list of `cshml_tf.evaluation.scface.experiment.Row`.

    Returns:
        str that ends with a line end.
    """
    lines = [_HEADER, ["---"] * len(_HEADER)]
    for row in rows:
        seeds = len(row.curves[DISTANCES[0]])
        rates = [_mean_and_deviation([curve[0] for curve in row.curves[distance]]) for distance in DISTANCES]
        counts = [str(row.people), str(_probes(row)), str(seeds) if row.people < len(PEOPLE) else ""]
        lines.append([row.method, *counts, *rates])
    for method, rates in TABLE_5.items():
        shown = ["-" if rate is None else f"{rate:.1f}" for rate in rates]
        lines.append([f"paper, {method}", "80", "400", "", *shown])
    return _markdown(lines)


def format_ranks(rows):
    """Write the rates at ranks 1 to 10 as a Markdown table, a line a distance, means over the seeds in %."""
    ranks = len(rows[0].curves[DISTANCES[0]][0])
    header = ["method", "people", "distance", *(f"rank {rank}" for rank in range(1, ranks + 1))]
    lines = [header, ["---"] * len(header)]
    for row in rows:
        for distance in DISTANCES:
            means = np.mean(row.curves[distance], axis=0)
            lines.append([row.method, str(row.people), str(distance), *(f"{100 * rate:.2f}" for rate in means)])
    return _markdown(lines)


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


def _markdown(lines):
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _probes(row):
    """Give how many probes the rates of a distance are of: the people's, whether their images are there or not."""
    return row.people * len(CAMERAS)


def _deviation(curves):
    return None if len(curves) == 1 else np.std(curves, axis=0, ddof=1).tolist()


def _mean_and_deviation(rates):
    mean = f"{100 * np.mean(rates):.2f}"
    return mean if len(rates) == 1 else f"{mean} ± {100 * np.std(rates, ddof=1):.2f}"

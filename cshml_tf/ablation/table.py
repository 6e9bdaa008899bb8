"""The table of an ablation in the form of the paper's tables 3 and 4: accuracy in %, one row per network and loss.

HL compares an undegraded image with one at low resolution, LL two images at low resolution. "gap" is the share of
the HR network's loss at low resolution, HR - HL, that the LR network recovers.
"""

import csv
import dataclasses
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.degradation.resolution import parse_resolution, resolution_sides
from cshml_tf.evaluation import published
from cshml_tf.evaluation.report import ABOVE_WHOLE, protocol_line, resolution_keys
from cshml_tf.files import printable, write_text
from cshml_tf.metrics.confidence import gap_closed
from cshml_tf.plots import plot_by_resolution

FIGURES = ("HL", "LL", "gap")

TABLE, RUNS, PLOT = "table.md", "runs.csv", "figure.png"


@dataclasses.dataclass(frozen=True)
class AblationRow:
    """One row of the table.

    Attributes:
        network: name of the HR network.
        losses: equations such as "2+3+5"; "" for the HR network on both sides of a pair.
        served: resolutions of a single LR network for all of them; "" if each resolution has its own network.
        values: dict of (resolution, figure) to a list of %, one per seed; a figure is one of `FIGURES`. A seed
            whose HR accuracy is not above HL has no gap, so that list may be shorter.
        tap: the feature map of equation 5; None for the network's default.
        hr: accuracy of the HR network in %; None in the rows of LR networks.
        is_published: whether the row is the paper's.
    """

    network: str
    losses: str
    served: str
    values: dict[tuple[str, str], list[float]]
    tap: str | None = None
    hr: float | None = None
    is_published: bool = False

    @property
    def label(self) -> str:
        """The name of the row in the table."""
        name = f"paper, {self.network}" if self.is_published else printable(self.network)
        if not self.losses:
            return f"{name}, HR network on both sides"
        tap = f", tap {self.tap}" if self.tap else ""
        return f"{name} + Eq. {self.losses}{tap}" + (f", one network for {self.served}" if self.served else "")


def make_rows(reports: Iterable[dict[str, Any]]) -> list[AblationRow]:
    """Collect the reports of cells into rows.

    Args:
        reports: as returned by `cshml_tf.ablation.reports.read_reports`.

    Returns:
        The rows, each HR network's own row before those of its LR networks.
    """
    rows: dict[str | tuple, AblationRow] = {}
    for report in sorted(reports, key=_order):
        cell = report["cell"]
        network, losses, tap = cell["network"], cell["losses"], cell["tap"]
        hr_row = rows.setdefault(network, AblationRow(network, "", "", {}, hr=100 * report["HR"]["accuracy"]))
        keys = resolution_keys(report)
        served = ", ".join(keys) if len(keys) > 1 else ""
        row = rows.setdefault((network, losses, served, tap), AblationRow(network, losses, served, {}, tap))
        for key in keys:
            part = report[key]
            for figure in ("HL", "LL"):
                # Identical for every cell of this HR network and resolution.
                hr_row.values[key, figure] = [100 * part[f"{figure}_hr_network"]["accuracy"]]
                row.values.setdefault((key, figure), []).append(100 * part[figure]["accuracy"])
            closed = [] if part["gap_closed"] is None else [100 * part["gap_closed"]]
            row.values.setdefault((key, "gap"), []).extend(closed)
    return list(rows.values())


def published_rows(network: str = "Inception-ResNet-v1") -> list[AblationRow]:
    """Return the paper's rows for one of its networks, in the form of `make_rows`."""
    hr = published.HR[network]
    rows = []
    for losses, accuracies in published.TABLE_4[network].items():
        values = {}
        for resolution, (hl, ll), (before, _) in zip(
            published.RESOLUTIONS, accuracies, published.TABLE_4[network][""], strict=True
        ):
            key = str(resolution)
            values |= {(key, "HL"): [hl], (key, "LL"): [ll]}
            if losses:
                values[key, "gap"] = _gap(hr, before, hl)
        rows.append(AblationRow(network, losses, "", values, hr=None if losses else hr, is_published=True))
    return rows


def published_rows_of_taps() -> list[AblationRow]:
    """Return table 3 of the paper, one row per tap."""
    before, _ = published.TABLE_4[published.TABLE_3_NETWORK][""][published.RESOLUTIONS.index(12)]
    rows = []
    for tap, hl in published.TABLE_3.items():
        gap = _gap(published.HR[published.TABLE_3_NETWORK], before, hl)
        values = {("12", "HL"): [hl], ("12", "gap"): gap}
        rows.append(AblationRow(published.TABLE_3_NETWORK, "2+5", "", values, tap, is_published=True))
    return rows


def _gap(hr: float, before: float, after: float) -> list[float]:
    """Return the gap closed in % as a list of one value, empty where it is not defined; all accuracies in %."""
    closed = gap_closed(hr / 100, before / 100, after / 100)
    return [] if closed is None else [100 * closed]


def format_markdown(rows: Sequence[AblationRow]) -> str:
    """Format rows as a Markdown table; several seeds as mean ± sample standard deviation.

    Args:
        rows: the rows; resolutions that only the paper measures get no columns.

    Returns:
        The table, ending with a line break.
    """
    keys = resolutions_of(row for row in rows if not row.is_published)
    columns = [(key, figure) for key in keys for figure in FIGURES]
    header = ["network and losses", "seeds", *(f"{key} {figure}" for key, figure in columns), "HR"]
    lines = [header, ["---"] * len(header)]
    for row in rows:
        cells = [_mean_and_deviation(row.values.get(column, [])) for column in columns]
        hr = "" if row.hr is None else f"{row.hr:.2f}"
        lines.append([row.label, _seeds(row), *cells, hr])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def format_csv(reports: Iterable[dict[str, Any]]) -> str:
    """Format one CSV line per cell and resolution, for further analysis; figures are fractions."""
    cell_columns = ("network", "losses", "tap", "served", "seed", "resolution")
    columns = (*cell_columns, "HR", "HL", "LL", "HL_hr_network", "LL_hr_network", "gap_closed")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for report in sorted(reports, key=_order):
        cell = report["cell"]
        served = "+".join(resolution_keys(report))
        for key in resolution_keys(report):
            part = report[key]
            accuracies = [part[name]["accuracy"] for name in ("HL", "LL", "HL_hr_network", "LL_hr_network")]
            figures = [report["HR"]["accuracy"], *accuracies, part["gap_closed"]]
            shown = ["" if figure is None else f"{figure:.5f}" for figure in figures]
            writer.writerow(
                [printable(cell["network"]), cell["losses"], cell["tap"] or "", served, cell["seed"], key, *shown]
            )
    return text.getvalue()


def summary(report: dict[str, Any]) -> str:
    """Summarise a cell's report in one line: "12: HL 94.25, LL 92.10, gap closed 85.1 %"."""
    parts = []
    for key in resolution_keys(report):
        part = report[key]
        gap = part["gap_closed"]
        closed = "" if gap is None else f", gap closed {100 * gap:.1f}"
        accuracies = f"HL {100 * part['HL']['accuracy']:.2f}, LL {100 * part['LL']['accuracy']:.2f}"
        parts.append(f"{key}: {accuracies}{closed} %{'' if gap is None or gap <= 1 else f' ({ABOVE_WHOLE})'}")
    return "; ".join(parts)


def write_tables(output_dir: str | Path, reports: Sequence[dict[str, Any]]) -> None:
    """Write the table, ours and the paper's rows for the same networks, the runs as CSV, and the plot of HL.

    Args:
        output_dir: an existing folder.
        reports: the reports of cells, at least one.
    """
    output_dir = Path(output_dir)
    ours = make_rows(reports)
    papers = [row for network in _published_networks(reports) for row in published_rows(network)]
    if any(row.tap for row in ours):
        papers += published_rows_of_taps()
    compared = protocol_line(reports[0]["protocol"])
    gaps = [
        value for row in ours for (_, figure), values in row.values.items() if figure == "gap" for value in values
    ]
    note = f"gap: {ABOVE_WHOLE}.\n" if max(gaps, default=0) > 100 else ""
    write_text(output_dir / TABLE, f"{format_markdown(ours + papers)}\nOurs: {compared}.\n{note}")
    write_text(output_dir / RUNS, format_csv(reports))
    resolutions = resolutions_of(ours)
    lines = {
        row.label: {key: row.values[key, "HL"] for key in resolutions if (key, "HL") in row.values}
        for row in [*ours, *(row for row in papers if row.losses == "2+3+5")]
    }
    lines = {label: line for label, line in lines.items() if line}
    ceilings = {f"{row.network}, HR": row.hr for row in ours if row.hr is not None}
    plot_by_resolution(output_dir / PLOT, resolutions, lines, ceilings, "One image at low resolution (HL)")


def _published_networks(reports: Iterable[dict[str, Any]]) -> list[str]:
    """List the paper's counterparts of our networks, in its order; for any other network, the paper's best."""
    ours = {
        published.NETWORKS.get(report["protocol"].get("model_def"), published.TABLE_3_NETWORK)
        for report in reports
    }
    return [network for network in published.TABLE_4 if network in ours]


def resolutions_of(rows: Iterable[AblationRow]) -> list[str]:
    """List the resolutions that the rows have figures for, the smallest first."""
    keys = {key for row in rows for key, _ in row.values}
    return sorted(keys, key=lambda key: resolution_sides(parse_resolution(key)))


def _order(report: dict[str, Any]) -> tuple:
    """Sort networks by name, those for one resolution before those for several, few equations before many."""
    cell = report["cell"]
    several = len(resolution_keys(report)) > 1
    return cell["network"], several, len(cell["losses"]), cell["losses"], _place_of(cell["tap"]), cell["name"]


def _place_of(tap: str | None) -> int:
    """Sort the default first, then the named taps from the stem onwards."""
    named = list(published.TABLE_3)
    return 0 if tap is None else 1 + (named.index(tap) if tap in named else len(named))


def _seeds(row: AblationRow) -> str:
    """Return the number of runs behind an LR network's row: "3", or "1 to 3" while some are missing."""
    if row.is_published or not row.losses:
        return ""
    counts = [len(values) for (_, figure), values in row.values.items() if figure == "HL"]
    return str(max(counts)) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def _mean_and_deviation(values: Sequence[float]) -> str:
    if not values:
        return ""
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}"

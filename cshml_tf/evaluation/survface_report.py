"""QMUL-SurvFace reports as plain text: tables and warnings."""

from typing import Any

from cshml_tf.evaluation.survface import FARS, FPIRS
from cshml_tf.evaluation.tables import (
    SERVED_ROWS,
    align_columns,
    gain_line,
    identification_remarks,
    missing_line,
    percent,
    served_line,
)


def format_survface_tables(report: dict[str, Any]) -> str:
    """Format a report as plain-text tables, in %.

    Args:
        report: "verification" or "identification" or both, as measured by `cshml_tf.evaluation.survface`, and
            "protocol" with an entry of the same name for each.

    Returns:
        Several lines of text.
    """
    parts = []
    for name, lines in (("verification", _verification), ("identification", _identification)):
        if name in report:
            parts.append("\n".join(lines(report[name], report["protocol"][name])))
    return "\n\n".join(parts)


def remarks(report: dict[str, Any]) -> list[str]:
    """Return warnings about what is missing from each test, and about a test that is absent."""
    lines = []
    if "verification" in report:
        protocol = report["protocol"]["verification"]
        missing = ["/".join(entry["pair"]) for entry in protocol["missing"]]
        listed = protocol["pairs"] + len(missing)
        lines += missing_line(missing, f"{listed} pairs", "left out, an image is missing")
    if "identification" in report:
        protocol = report["protocol"]["identification"]
        listed = protocol["gallery"] + len(protocol["missing_gallery"])
        probes = f"{protocol['mated_probes']} mated probes"
        unmated = protocol["unmated_probes"] + len(protocol["missing_unmated"])
        lines += missing_line(
            protocol["missing_unmated"],
            f"{unmated} unmated probes",
            "missing: false alarms are counted over the others",
        )
        lines += identification_remarks(protocol, probes, f"{listed} gallery images")
    lines += [f"note: no {name} test: its files are absent" for name in report["protocol"]["absent"]]
    return lines


def _verification(figures: dict[str, Any], protocol: dict[str, Any]) -> list[str]:
    head = ("verification", "accuracy %", "best threshold %", "AUC", *(f"TAR % at {far:g}" for far in FARS))
    rows: list[tuple[str, ...]] = [head]
    for name, words in SERVED_ROWS.items():
        if name in figures:
            row = figures[name]
            accuracy = f"{percent(row['accuracy'])} ± {percent(row['std'])}"
            rates = (percent(row["tar"][f"{far:g}"]) for far in FARS)
            rows.append((words, accuracy, percent(row["best_accuracy"]), f"{row['auc']:.4f}", *rates))
    rows.append(("chance", "50.00", "-", "0.5000", *(percent(far) for far in FARS)))
    return [
        *align_columns(rows),
        *gain_line(figures, "accuracy"),
        f"{protocol['pairs']} pairs, {protocol['same']} of one person; folds: {protocol['folds']}",
        f"best threshold: {protocol['best_accuracy']}",
        *served_line(protocol),
    ]


def _identification(figures: dict[str, Any], protocol: dict[str, Any]) -> list[str]:
    rank = protocol["rank"]
    head = ("open set", *(f"TPIR{rank} % at {fpir:g}" for fpir in FPIRS), f"rank-{rank} %")
    rows: list[tuple[str, ...]] = [head]
    for name, words in SERVED_ROWS.items():
        if name in figures:
            rates = (percent(figures[name]["tpir"][f"{fpir:g}"]) for fpir in FPIRS)
            rows.append((words, *rates, percent(figures[name]["rank_rate"])))
    rows.append(("chance", *("-" for _ in FPIRS), percent(figures["chance"]["rank_rate"])))
    return [
        *align_columns(rows),
        *gain_line(figures, f"rank-{rank}"),
        f"{protocol['mated_probes']} mated probes, {len(protocol['missing_probes'])} of them missing; "
        f"{protocol['unmated_probes']} unmated ones; gallery of {protocol['gallery']} images of "
        f"{protocol['gallery_people']} people",
        f"TPIR{rank}: mated probes at or above the threshold for a false positive rate (FPIR), and among the "
        f"first {rank} {protocol['ranks_count']}"
        + (", each the mean of its images" if protocol["ranks_count"] == "people" else ""),
        f"rank-{rank}: among the first {rank} without a threshold, the upper bound of TPIR{rank}",
        *served_line(protocol),
    ]

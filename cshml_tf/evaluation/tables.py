"""Plain-text tables, and warnings about missing images."""

from collections.abc import Mapping, Sequence
from typing import Any

# The two choices of networks that tests of native low-resolution faces measure, by their names in reports.
SERVED_ROWS = {"hr_network": "HR network for every image", "served": "the network that suits each width"}
_NAMES_SHOWN = 5


def align_columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lay out rows of text with the first column aligned left and the others aligned right.

    Args:
        rows: tuples of cells, all of one length.

    Returns:
        One line of text per row.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def percent(share: float | None) -> str:
    """Format a share 0..1 in %; None, a share that cannot be measured, becomes a dash."""
    return "-" if share is None else f"{100 * share:.2f}"


def some_of(names: Sequence[object]) -> str:
    """Join the first few names, followed by the number of further ones."""
    shown = ", ".join(map(str, names[:_NAMES_SHOWN]))
    return shown + (f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else "")


def missing_line(missing: Sequence[object], all_of: str, consequence: str) -> list[str]:
    """Return a list of one warning about what is missing, or an empty list if nothing is.

    Args:
        missing: names of what is missing.
        all_of: the total that they are part of, such as "20 probes".
        consequence: its effect on the test, in words.
    """
    if not missing:
        return []
    return [f"warning: {len(missing)} of {all_of} {consequence}: {some_of(missing)}"]


def identification_remarks(protocol: dict[str, Any], probes: str, gallery: str) -> list[str]:
    """Return the warnings of an identification test.

    Args:
        protocol: with "missing_probes", "missing_gallery" and "unlisted", lists of names, and
            "probes_without_mate", a number.
        probes: number and name of the listed probes, such as "20 probes".
        gallery: number and name of the listed gallery images.

    Returns:
        One line of text per warning.
    """
    lines = [
        *missing_line(protocol["missing_probes"], probes, "missing: they count as never identified"),
        *missing_line(protocol["missing_gallery"], gallery, "missing: the gallery is smaller"),
    ]
    alone = protocol["probes_without_mate"]
    if alone:
        lines.append(f"warning: {alone} of {probes} without a mate in the gallery: they count as never identified")
    if protocol["unlisted"]:
        lines.append(f"note: images not named in any list are left out: {some_of(protocol['unlisted'])}")
    return lines


def gain_line(figures: Mapping[str, Any], figure: str) -> list[str]:
    """Return a list of one line with the gain of choosing networks by width, or an empty list without LR networks.

    Args:
        figures: part of a report; if there are LR networks, "served_gain" contains "difference" and "interval".
        figure: name of the figure that the gain refers to.
    """
    gain = figures.get("served_gain")
    if gain is None:
        return []
    low, high = (100 * bound for bound in gain["interval"])
    return [
        f"{figure}: networks chosen by width minus HR network {100 * gain['difference']:+.2f} points "
        f"(95 % interval {low:+.2f} to {high:+.2f})"
    ]


def served_line(protocol: dict[str, Any]) -> list[str]:
    """Return a list of one line with the number of images per network, or an empty list without LR networks."""
    counts = protocol["served"]
    if len(counts) == 1:
        return []
    shown = ", ".join(f"{name if name == 'HR' else f'LR {name}'} {count}" for name, count in counts.items())
    return [f"images by the network that suits their width: {shown}"]

"""Plain-text tables, and the lines that warn of what is missing."""

# The two ways of serving that tests of native low-resolution faces measure, by their names in reports.
SERVED_ROWS = {"hr_network": "HR network for every image", "served": "the network that suits each width"}
_NAMES_SHOWN = 5


def align_columns(rows):
    """Lay out rows of words: the first column to the left, the others to the right.

    Args:
        rows: list of tuples of str, all of one length.

    Returns:
        list of str, a line each.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def percent(share):
    """Write a share 0..1 in %, or a dash for what can't be measured (None)."""
    return "-" if share is None else f"{100 * share:.2f}"


def some_of(names):
    """Name the first few of a list, and how many more there are."""
    shown = ", ".join(map(str, names[:_NAMES_SHOWN]))
    return shown + (f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else "")


def missing_line(missing, all_of, consequence):
    """Warn of what is missing: a list of one line, or of none.

    Args:
        missing: list of names.
        all_of: of how many, and of what, such as "20 probes".
        consequence: what follows from it, in words.
    """
    if not missing:
        return []
    return [f"warning: {len(missing)} of {all_of} {consequence}: {some_of(missing)}"]


def identification_remarks(protocol, probes, gallery):
    """Give the lines to warn with of an identification test.

    Args:
        protocol: dict of "missing_probes", "missing_gallery" and "unlisted", lists of names, and
            "probes_without_mate", a number.
        probes: how many probes are listed, and what they are called, such as "20 probes".
        gallery: likewise of the listed gallery images.

    Returns:
        list of str.
    """
    lines = [
        *missing_line(protocol["missing_probes"], probes, "missing: they count as never identified"),
        *missing_line(protocol["missing_gallery"], gallery, "missing: the gallery is smaller"),
    ]
    alone = protocol["probes_without_mate"]
    if alone:
        lines.append(f"warning: {alone} of {probes} without a mate in the gallery: they count as never identified")
    if protocol["unlisted"]:
        lines.append(f"note: images that no list names are left out: {some_of(protocol['unlisted'])}")
    return lines


def gain_line(figures, figure):
    """Say what the suiting networks gain over the HR network: a list of one line, or of none.

    Args:
        figures: dict of a report; "served_gain" holds "difference" and "interval" where there are LR networks.
        figure: what has gained, in words.
    """
    gain = figures.get("served_gain")
    if gain is None:
        return []
    low, high = (100 * bound for bound in gain["interval"])
    return [
        f"{figure}: suiting networks minus HR network {100 * gain['difference']:+.2f} points "
        f"(95 % interval {low:+.2f} to {high:+.2f})"
    ]


def served_line(protocol):
    """Say how many images each network was given: a list of one line, or of none without LR networks."""
    counts = protocol["served"]
    if len(counts) == 1:
        return []
    shown = ", ".join(f"{name if name == 'HR' else f'LR {name}'} {count}" for name, count in counts.items())
    return [f"images by the network that suits their width: {shown}"]

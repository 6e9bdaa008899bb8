"""Match the people of a list with the folders, classes or models that bear their names.

Names are compared in Unicode's composed form, because macOS names folders in the decomposed one. Letter case
counts.
"""

import warnings
from collections.abc import Iterable
from pathlib import Path

from cshml_tf.files import ListWarning, normalised, printable

_NAMES_SHOWN = 5


def check_distinct(names: Iterable[str], where: str | Path) -> None:
    """Refuse two names that are one name in Unicode's composed form.

    Args:
        names: names of classes, each once.
        where: the folder that contains them, for the error message.

    Raises:
        ValueError: two of the names are the same.
    """
    first_of: dict[str, str] = {}
    for name in names:
        first = first_of.setdefault(normalised(name), name)
        if first != name:
            raise ValueError(
                f"{printable(where)}: expected one folder per person, got two whose names look alike and differ "
                f"only in how Unicode composes them: {ascii(first)} and {ascii(name)}"
            )


def choose_listed(names: Iterable[str], people: Iterable[str]) -> list[str]:
    """Return those names, in their order and as they are written, that a list of people contains."""
    wanted = set(map(normalised, people))
    return [name for name in names if normalised(name) in wanted]


def check_listed(
    people: Iterable[str], found: Iterable[str], where: str | Path, unlisted: Iterable[str] = ()
) -> None:
    """Warn of people who are listed but absent, and refuse a list of which nobody is there.

    Args:
        people: the listed names.
        found: the names of the classes with at least one image.
        where: the folder that contains them.
        unlisted: names of other classes, to point out one that differs from a listed name only in letter case.

    Raises:
        ValueError: none of the people is among the classes.

    Warns:
        ListWarning: some are not; it counts them, and names the first ones.
    """
    listed = list(dict.fromkeys(map(normalised, people)))
    found = list(found)
    there = set(map(normalised, found))
    absent = [name for name in listed if name not in there]
    if not absent:
        return
    alike = {_folded(name): name for name in map(normalised, (*found, *unlisted)) if name not in absent}
    twin = next((f"; {name!r} is not {alike[_folded(name)]!r}" for name in absent if _folded(name) in alike), "")
    if len(absent) == len(listed):
        raise ValueError(
            f"people: expected some of the {len(listed)} people listed, found none in {printable(where)}{twin}"
        )
    names = ", ".join(map(printable, absent[:_NAMES_SHOWN]))
    more = f" and {len(absent) - _NAMES_SHOWN} more" if len(absent) > _NAMES_SHOWN else ""
    warnings.warn(
        f"{len(absent)} of the {len(listed)} people listed have no images in {printable(where)}, and are left "
        "out: "
        f"{names}{more}{twin}",
        ListWarning,
        stacklevel=3,
    )


def _folded(name: str) -> str:
    """Return what two names have in common that differ only in letter case, blanks or underscores."""
    return "".join(name.casefold().replace("_", " ").split())

"""The forms in which lists of pairs are written, recognised by their first line.

- LFW and XQLFW: `name i j` for two photographs of one person, `nameA i nameB j` for different people.
- CALFW and CPLFW: two lines per pair, `file flag`; the flag is 0 for different people. CALFW numbers the folds of
  the pairs of one person from 1 and does not state those of the others.
- Plain lists: `path path label`.

Fields are separated by tabs, commas or blanks. Source: LFW's README, and the lists that CALFW (Zheng et al., 2017)
and CPLFW (Zheng and Deng, 2018) distribute.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from cshml_tf.data.named_faces import FaceImage, ListedFile, stem_of
from cshml_tf.files import printable

_LABELS = {"1": True, "+1": True, "true": True, "0": False, "-1": False, "false": False}
_NUMBERED = re.compile(r"(.+)_\d+")
Lines = Sequence[tuple[int, str]]


class ReadPair(NamedTuple):
    """One pair of a list.

    Attributes:
        line: number of its first line, starting at 1.
        first: a photograph.
        second: the other one.
        same: whether both show the same person.
        fold: the fold that the list states for it, starting at 0; None if it states none.
    """

    line: int
    first: FaceImage | ListedFile
    second: FaceImage | ListedFile
    same: bool
    fold: int | None = None


class Form(NamedTuple):
    """One way to write pairs.

    Attributes:
        words: what a line contains, for error messages.
        fits: predicate of the fields of a line.
        read: function of the list's path and its numbered lines that returns the pairs.
    """

    words: str
    fits: Callable[[list[str]], bool]
    read: Callable[[str | Path, Lines], list[ReadPair]]


def form_of(path: str | Path, number: int, line: str) -> Form:
    """Recognise the form of a list by the first line of its first pair.

    Args:
        path: the list, for the error message.
        number: the line's number.
        line: its text.

    Raises:
        ValueError: the line fits no form.
    """
    for form in FORMS:
        if any(form.fits(fields) for fields in _splits(line)):
            return form
    known = ", ".join(f"'{form.words}'" for form in FORMS)
    raise ValueError(
        f"{printable(path)}, line {number}: expected a pair ({known}) or the header 'folds<TAB>pairs of each "
        f"kind', got {line!r}"
    )


def is_number(text: str) -> bool:
    """Return whether a field is a whole number of at most nine digits."""
    return text.isascii() and text.isdigit() and len(text) <= 9


def _fits_lfw(fields: list[str]) -> bool:
    numbers = {3: (1, 2), 4: (1, 3)}.get(len(fields))
    return numbers is not None and all(fields) and all(is_number(fields[place]) for place in numbers)


def _fits_two_lines(fields: list[str]) -> bool:
    return len(fields) == 2 and not is_number(fields[0]) and bool(fields[0]) and _is_flag(fields[1])


def _is_flag(text: str) -> bool:
    return is_number(text) or text == "-1"


def _fits_paths(fields: list[str]) -> bool:
    return len(fields) == 3 and all(fields[:2]) and fields[2].lower() in _LABELS


def _read_lfw(path: str | Path, lines: Lines) -> list[ReadPair]:
    return [_lfw_pair(path, number, _fields(line, _fits_lfw)) for number, line in lines]


def _lfw_pair(path: str | Path, line: int, fields: list[str]) -> ReadPair:
    where = f"{printable(path)}, line {line}"
    if len(fields) not in (3, 4) or not all(fields):
        raise ValueError(f"{where}: expected 'name i j' or 'nameA i nameB j', got {len(fields)} fields")
    same = len(fields) == 3
    name, number, other, other_number = [*fields[:2], fields[0], fields[2]] if same else fields
    for field in (number, other_number):
        if not is_number(field):
            raise ValueError(f"{where}: expected the number of an image, got {field!r}")
    if not same and name == other:
        raise ValueError(
            f"{where}: expected two people, got {printable(name)} twice; a pair of one person is written 'name i "
            "j'"
        )
    return ReadPair(line, FaceImage(name, int(number)), FaceImage(other, int(other_number)), same)


def _read_two_lines(path: str | Path, lines: Lines) -> list[ReadPair]:
    ends = []
    for number, line in lines:
        fields = _fields(line, _fits_two_lines)
        if not _fits_two_lines(fields):
            raise ValueError(f"{printable(path)}, line {number}: expected 'file flag', got {line!r}")
        ends.append((number, _listed(path, number, fields[0]), int(fields[1])))
    if len(ends) % 2:
        raise ValueError(
            f"{printable(path)}, line {ends[-1][0]}: expected two lines per pair, got {len(ends)} lines"
        )
    pairs = []
    for (number, first, flag), (next_number, second, next_flag) in zip(ends[::2], ends[1::2], strict=True):
        if flag != next_flag:
            raise ValueError(
                f"{printable(path)}, line {next_number}: expected the flag {flag} of line {number}, its pair's "
                f"first line, got {next_flag}"
            )
        pairs.append((number, first, second, flag))
    # A flag of 1 in every pair of one person says no more than that.
    states_folds = max(flag for *_, flag in pairs) > 1
    return [
        ReadPair(number, first, second, flag > 0, flag - 1 if states_folds and flag > 0 else None)
        for number, first, second, flag in pairs
    ]


def _read_paths(path: str | Path, lines: Lines) -> list[ReadPair]:
    pairs = []
    for number, line in lines:
        fields = _fields(line, _fits_paths)
        if len(fields) != 3 or not all(fields):
            raise ValueError(
                f"{printable(path)}, line {number}: expected 'path path label', got {len(fields)} fields; only "
                "tabs and commas separate names that contain blanks"
            )
        same = _LABELS.get(fields[2].lower())
        if same is None:
            raise ValueError(
                f"{printable(path)}, line {number}: expected a label, one of {', '.join(_LABELS)}, got "
                f"{fields[2]!r}"
            )
        pairs.append(ReadPair(number, _listed(path, number, fields[0]), _listed(path, number, fields[1]), same))
    return pairs


def _listed(path: str | Path, number: int, text: str) -> ListedFile:
    """Return the photograph that a listed path names."""
    parts = [part for part in PurePosixPath(text.replace("\\", "/")).parts if part not in ("/", "..")]
    if not parts:
        raise ValueError(f"{printable(path)}, line {number}: expected the path of an image, got {text!r}")
    stem = stem_of(parts[-1])
    numbered = _NUMBERED.fullmatch(stem)
    person = parts[-2] if len(parts) > 1 else numbered[1] if numbered else stem
    return ListedFile(person, "/".join(parts))


def _fields(line: str, fits: Callable[[list[str]], bool]) -> list[str]:
    """Split a line in the way that fits its form; if none does, in the likeliest way."""
    splits = list(_splits(line))
    return next((fields for fields in splits if fits(fields)), splits[0])


def _splits(line: str) -> Iterator[list[str]]:
    """Yield the ways to split a line: at tabs if there are any, else at commas, then at blanks."""
    if "\t" in line:
        yield [field.strip(" ") for field in line.split("\t")]
        return
    if "," in line:
        fields = [field.strip(" ") for field in line.split(",")]
        # Spreadsheets end a short row with an empty field.
        yield fields[:-1] if len(fields) > 3 and not fields[-1] else fields
    yield [field for field in line.split(" ") if field]


LFW = Form("name i j' or 'nameA i nameB j", _fits_lfw, _read_lfw)
FORMS = (
    LFW,
    Form("path path label", _fits_paths, _read_paths),
    Form("file flag", _fits_two_lines, _read_two_lines),
)

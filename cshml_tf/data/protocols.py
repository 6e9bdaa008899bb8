"""Read the lists of a test: the pairs to compare, and the people to train on.

Source: the README of Labeled Faces in the Wild (Huang et al., 2007) and its files pairs.txt, pairsDevTest.txt,
people.txt and peopleDevTrain.txt; `cshml_tf.data.pair_forms` and `cshml_tf.data.cfp` name the sources of other
forms.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cshml_tf.data.cfp import is_cfp, read_cfp
from cshml_tf.data.face_files import find_image
from cshml_tf.data.named_faces import FaceImage, ListedFile, Pair
from cshml_tf.data.pair_forms import LFW, ReadPair, form_of, is_number
from cshml_tf.files import normalised, printable, read_lines

__all__ = ["FOLDS", "FaceImage", "ListedFile", "Pair", "PairList", "find_image", "read_pairs", "read_people"]

# As many as LFW has, where a list states none.
FOLDS = 10
STATED = "stated by the list"
CONTIGUOUS = "contiguous tenths of the list"
OF_EACH_KIND = "contiguous tenths of the pairs of each kind"
PARTLY_STATED = "stated by the list for the pairs of one person, contiguous parts of the others"
ONE = "one, of fewer than ten pairs"


class PairList(list[Pair]):
    """The pairs of a list in order, and how they came to their folds.

    Attributes:
        folds_by: how, in words: `STATED`, `PARTLY_STATED`, `CONTIGUOUS`, `OF_EACH_KIND` or `ONE`.
    """

    def __init__(self, pairs: Sequence[Pair], folds_by: str) -> None:
        super().__init__(pairs)
        self.folds_by = folds_by


def read_pairs(path: str | Path) -> PairList:
    """Read a list of pairs: LFW's and XQLFW's, CALFW's and CPLFW's, CFP's, or one of paths with labels.

    LFW's list may begin with a header, `folds<TAB>n`, or only `n` for one fold. A fold is 2 n lines: n pairs of
    one person, written `name i j`, and n pairs of different people, written `nameA i nameB j`. The other forms are
    those of `cshml_tf.data.pair_forms` and `cshml_tf.data.cfp`. Fields are separated by tabs, commas or blanks.
    Blank lines and lines that start with `#` are ignored.

    A list that states no folds is cut into ten contiguous parts whose sizes differ by at most one pair; if such a
    part would hold pairs of only one kind, the pairs of each kind are cut in this way. Fewer than ten pairs are
    one fold.

    Args:
        path: the file, see `files.read_lines`; or CFP's folder of folds, such as `Protocol/Split/FP`.

    Returns:
        `PairList`, in the order of the file.

    Raises:
        OSError: the file cannot be read.
        ValueError: not a list of pairs, or all pairs are of one kind; the message names the file and the line.
    """
    if is_cfp(path):
        return PairList(read_cfp(path), STATED)
    lines = _numbered_lines(path)
    if not lines:
        raise ValueError(f"{printable(path)}: expected a list of pairs, got an empty file")
    fields = lines[0][1].split()
    if all(map(is_number, fields)) and len(fields) < 3:
        return _with_header(path, lines)
    read = form_of(path, *lines[0]).read(path, lines)
    same = sum(pair.same for pair in read)
    if not 0 < same < len(read):
        kind = "one person" if same else "different people"
        raise ValueError(
            f"{printable(path)}, line {lines[0][0]}: expected the header 'folds<TAB>pairs of each kind', or pairs "
            f"of both kinds, got {len(read)} pair(s) of {kind} only"
        )
    folds, folds_by = _folds(path, read)
    return PairList([_pair(path, pair, fold) for pair, fold in zip(read, folds, strict=True)], folds_by)


def read_people(path: str | Path) -> list[str]:
    """Read a list of people, in one of three formats.

    LFW's people.txt: the number of folds, then for each fold a line with its number of people and that many lines
    `name<TAB>number of images`. LFW's peopleDevTrain.txt: one such fold without the number of folds. A file
    without tabs: one name per line. Blank lines and lines that start with `#` are ignored. Letter case counts;
    blanks at either end of a line do not belong to a name.

    Args:
        path: the file; see `files.read_lines`.

    Returns:
        list of names in the order of the file, each once, in Unicode's composed form.

    Raises:
        OSError: the file cannot be read.
        ValueError: the list is empty, or does not match its own counts; the message names the file and the line.
    """
    lines = _numbered_lines(path)
    if not lines:
        raise ValueError(f"{printable(path)}: expected a list of people, got no name")
    if not any("\t" in line for _, line in lines):
        return list(dict.fromkeys(normalised(line) for _, line in lines))
    first, _ = lines[0]
    count = _read_count(path, *lines[0], "folds or of people")
    if len(lines) > 1 and "\t" in lines[1][1]:
        names, rest = _read_people_fold(path, first, count, lines[1:])
    else:
        names, rest = [], lines[1:]
        for fold in range(count):
            if not rest:
                raise ValueError(f"{printable(path)}, line {first}: expected {count} folds, got {fold}")
            people = _read_count(path, *rest[0], f"people of fold {fold + 1}")
            fold_names, rest = _read_people_fold(path, rest[0][0], people, rest[1:])
            names += fold_names
    if rest:
        raise ValueError(f"{printable(path)}, line {rest[0][0]}: expected the end of the list, got {rest[0][1]!r}")
    return list(dict.fromkeys(map(normalised, names)))


def contiguous_folds(pairs: int) -> np.ndarray:
    """Return the fold of each pair of a list that states none.

    Returns:
        (pairs,) integers from 0: ten contiguous folds whose sizes differ by at most one, larger ones first; one
        fold for fewer than ten pairs.
    """
    folds = FOLDS if pairs >= FOLDS else 1
    sizes = [len(part) for part in np.array_split(np.arange(pairs), folds)]
    return np.repeat(np.arange(folds), sizes)


def _pair(path: str | Path, pair: ReadPair, fold: int) -> Pair:
    if pair.first == pair.second:
        got = printable(str(pair.first))
        raise ValueError(f"{printable(path)}, line {pair.line}: expected two photographs, got {got} twice")
    return Pair(pair.first, pair.second, pair.same, fold)


def _with_header(path: str | Path, lines: list[tuple[int, str]]) -> PairList:
    """Read LFW's list, whose first line states its folds."""
    folds, pairs_per_kind = _read_header(path, *lines[0])
    fold_length = 2 * pairs_per_kind
    body = lines[1:]
    if len(body) != folds * fold_length:
        raise ValueError(
            f"{printable(path)}, line {lines[0][0]}: expected {folds} x 2 x {pairs_per_kind} = "
            f"{folds * fold_length} pairs, as the header states, got {len(body)}"
        )
    read = LFW.read(path, body)
    pairs = [_pair(path, pair, index // fold_length) for index, pair in enumerate(read)]
    for fold in range(folds):
        part = slice(fold * fold_length, (fold + 1) * fold_length)
        same = sum(pair.same for pair in pairs[part])
        if same != pairs_per_kind:
            first, last = body[part][0][0], body[part][-1][0]
            raise ValueError(
                f"{printable(path)}, lines {first} to {last} (fold {fold + 1}): expected {pairs_per_kind} pairs "
                f"of each kind, got {same} of one person and {fold_length - same} of different people"
            )
    return PairList(pairs, STATED)


def _read_header(path: str | Path, number: int, line: str) -> tuple[int, int]:
    fields = line.split()
    if not all(is_number(field) and int(field) > 0 for field in fields):
        raise ValueError(
            f"{printable(path)}, line {number}: expected the header 'folds<TAB>pairs of each kind', got {line!r}"
        )
    counts = [int(field) for field in fields]
    return (1, counts[0]) if len(counts) == 1 else (counts[0], counts[1])


def _folds(path: str | Path, pairs: Sequence[ReadPair]) -> tuple[np.ndarray, str]:
    """Return the fold of each pair of a list without a header, and how it came to it."""
    same = np.array([pair.same for pair in pairs])
    stated = [pair.fold for pair in pairs]
    if any(fold is not None for fold in stated):
        return _folds_of_one_kind(path, pairs, same), PARTLY_STATED
    folds = contiguous_folds(len(pairs))
    if len(pairs) < FOLDS:
        return folds, ONE
    if all(0 < same[folds == fold].sum() < (folds == fold).sum() for fold in range(FOLDS)):
        return folds, CONTIGUOUS
    for kind in (same, ~same):
        folds[kind] = contiguous_folds(int(kind.sum()))
    return folds, OF_EACH_KIND


def _folds_of_one_kind(path: str | Path, pairs: Sequence[ReadPair], same: np.ndarray) -> np.ndarray:
    """Return the folds that a list states for the pairs of one person, and contiguous ones for the others."""
    stated = {pair.fold for pair in pairs if pair.fold is not None}
    count = len(stated)
    if stated != set(range(count)):
        absent = next(fold for fold in range(count) if fold not in stated)
        raise ValueError(
            f"{printable(path)}: expected flags 1 to {count} for the {count} folds of the pairs of one person, "
            f"got no pair with flag {absent + 1}"
        )
    folds = np.array([pair.fold or 0 for pair in pairs])
    parts = np.array_split(np.flatnonzero(~same), count)
    for fold, part in enumerate(parts):
        folds[part] = fold
    return folds


def _numbered_lines(path: str | Path) -> list[tuple[int, str]]:
    """Read the lines of a list that are neither blank nor comments.

    Args:
        path: the file; see `files.read_lines`. A line that starts with `#` is a comment.

    Returns:
        Each line's number, starting at 1, and its text without blanks at either end.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a text.
    """
    stripped = ((number, line.strip(" \t")) for number, line in enumerate(read_lines(path), start=1))
    return [(number, line) for number, line in stripped if line and not line.startswith("#")]


def _read_count(path: str | Path, number: int, line: str, what: str) -> int:
    if not _is_count(line):
        raise ValueError(f"{printable(path)}, line {number}: expected the number of {what}, got {line!r}")
    return int(line)


def _read_people_fold(
    path: str | Path, count_line: int, count: int, lines: list[tuple[int, str]]
) -> tuple[list[str], list[tuple[int, str]]]:
    """Read `count` lines 'name<TAB>number'; return the names and the lines that follow."""
    names = []
    for number, line in lines[:count]:
        fields = [field.strip(" ") for field in line.split("\t")]
        if len(fields) != 2 or not fields[0] or not is_number(fields[1]):
            raise ValueError(
                f"{printable(path)}, line {number}: expected 'name<TAB>number of images', got {line!r} "
                f"(after {len(names)} of the {count} people stated in line {count_line})"
            )
        names.append(fields[0])
    if len(names) != count:
        raise ValueError(f"{printable(path)}, line {count_line}: expected {count} people, got {len(names)}")
    return names, lines[count:]


def _is_count(text: str) -> bool:
    return is_number(text) and int(text) > 0

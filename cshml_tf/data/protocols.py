"""Read the lists of Labeled Faces in the Wild: the pairs to compare, and the people to train on.

Source: the README of LFW (Huang et al., 2007) and its files pairs.txt, pairsDevTest.txt, people.txt and
peopleDevTrain.txt. Other data sets, such as XQLFW, use lists of the same format.
"""

from pathlib import Path
from typing import NamedTuple

from cshml_tf.images import READ_SUFFIXES


class FaceImage(NamedTuple):
    """One photograph of a person, as the lists name it.

    Attributes:
        name: the person, also the name of the class folder.
        number: number of the photograph among the person's own, starting at 1 in LFW.
    """

    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name}_{self.number:04d}"


class Pair(NamedTuple):
    """Two photographs to compare.

    Attributes:
        first: a `FaceImage`.
        second: a `FaceImage`.
        same: whether both show the same person.
        fold: fold of the test to which the pair belongs, starting at 0.
    """

    first: FaceImage
    second: FaceImage
    same: bool
    fold: int


def read_pairs(path: str | Path) -> list[Pair]:
    """Read a list of pairs: pairs.txt, or LFW's development format with one fold (pairsDevTest.txt).

    The header is `folds<TAB>n`, or only `n` for one fold. A fold is 2 n lines: n pairs of one person,
    written `name i j`, and n pairs of different people, written `nameA i nameB j`. Fields are separated by
    tabs, or by blanks in a line without tabs. Blank lines are ignored.

    Args:
        path: the file, UTF-8, with Unix or Windows line endings.

    Returns:
        list of `Pair`, in the order of the file.

    Raises:
        OSError: the file cannot be read.
        ValueError: not a list of pairs; the message names the file and the line.
    """
    lines = _numbered_lines(path)
    if not lines:
        raise ValueError(f"{path}: expected a list of pairs, got an empty file")
    folds, pairs_per_kind = _read_pairs_header(path, *lines[0])
    fold_length = 2 * pairs_per_kind
    body = lines[1:]
    if len(body) != folds * fold_length:
        raise ValueError(
            f"{path}, line {lines[0][0]}: expected {folds} x 2 x {pairs_per_kind} = {folds * fold_length} pairs, "
            f"as the header states, got {len(body)}"
        )
    pairs = [
        _read_pair(path, number, line, fold=index // fold_length) for index, (number, line) in enumerate(body)
    ]
    for fold in range(folds):
        part = slice(fold * fold_length, (fold + 1) * fold_length)
        same = sum(pair.same for pair in pairs[part])
        if same != pairs_per_kind:
            first, last = body[part][0][0], body[part][-1][0]
            raise ValueError(
                f"{path}, lines {first} to {last} (fold {fold + 1}): expected {pairs_per_kind} pairs of "
                f"each kind, got {same} of one person and {fold_length - same} of different people"
            )
    return pairs


def read_people(path: str | Path) -> list[str]:
    """Read a list of people, in one of three formats.

    LFW's people.txt: the number of folds, then for each fold a line with its number of people and that many lines
    `name<TAB>number of images`. LFW's peopleDevTrain.txt: one such fold without the number of folds. A file
    without tabs: one name per line. Blank lines and lines that start with `#` are ignored.

    Args:
        path: the file, UTF-8, with Unix or Windows line endings.

    Returns:
        list of names in the order of the file, each once.

    Raises:
        OSError: the file cannot be read.
        ValueError: the list is empty, or does not match its own counts; the message names the file and the line.
    """
    lines = [(number, line) for number, line in _numbered_lines(path) if not line.startswith("#")]
    if not lines:
        raise ValueError(f"{path}: expected a list of people, got no name")
    if not any("\t" in line for _, line in lines):
        return list(dict.fromkeys(line for _, line in lines))
    first, _ = lines[0]
    count = _read_count(path, *lines[0], "folds or of people")
    if "\t" in lines[1][1]:
        names, rest = _read_people_fold(path, first, count, lines[1:])
    else:
        names, rest = [], lines[1:]
        for fold in range(count):
            if not rest:
                raise ValueError(f"{path}, line {first}: expected {count} folds, got {fold}")
            people = _read_count(path, *rest[0], f"people of fold {fold + 1}")
            fold_names, rest = _read_people_fold(path, rest[0][0], people, rest[1:])
            names += fold_names
    if rest:
        raise ValueError(f"{path}, line {rest[0][0]}: expected the end of the list, got {rest[0][1]!r}")
    return list(dict.fromkeys(names))


def find_image(folder: str | Path, image: FaceImage) -> Path | None:
    """Find a photograph in a folder of class folders: `Name/Name_0001.png`, or with another known suffix.

    Args:
        folder: the folder of class folders.
        image: a `FaceImage`.

    Returns:
        Path, or None if it does not exist. PNG is preferred, then JPEG, then other formats.
    """
    stem = Path(folder) / image.name / str(image)
    for suffix in (*READ_SUFFIXES, *(suffix.upper() for suffix in READ_SUFFIXES)):
        path = stem.with_name(stem.name + suffix)
        if path.is_file():
            return path
    return None


def _numbered_lines(path: str | Path) -> list[tuple[int, str]]:
    """Read the lines that are not blank, stripped, each with its number starting at 1."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected a text file in UTF-8, {error.reason}") from None
    lines = enumerate(text.split("\n"), start=1)
    return [(number, line.strip()) for number, line in lines if line.strip()]


def _read_pairs_header(path: str | Path, number: int, line: str) -> tuple[int, int]:
    fields = line.split()
    if len(fields) not in (1, 2) or not all(_is_count(field) for field in fields):
        raise ValueError(
            f"{path}, line {number}: expected the header 'folds<TAB>pairs of each kind', got {line!r}"
        )
    counts = [int(field) for field in fields]
    return (1, counts[0]) if len(counts) == 1 else (counts[0], counts[1])


def _read_pair(path: str | Path, number: int, line: str, fold: int) -> Pair:
    fields = [field.strip() for field in line.split("\t")] if "\t" in line else line.split()
    if len(fields) == 3:
        fields = [fields[0], fields[1], fields[0], fields[2]]
        same = True
    elif len(fields) == 4:
        same = False
    else:
        raise ValueError(
            f"{path}, line {number}: expected 'name i j' or 'nameA i nameB j', got {len(fields)} fields"
        )
    for field in (fields[1], fields[3]):
        if not _is_number(field):
            raise ValueError(f"{path}, line {number}: expected the number of an image, got {field!r}")
    first, second = FaceImage(fields[0], int(fields[1])), FaceImage(fields[2], int(fields[3]))
    if not same and first.name == second.name:
        raise ValueError(
            f"{path}, line {number}: expected two people, got {first.name} twice; a pair of one person "
            "is written 'name i j'"
        )
    return Pair(first, second, same, fold)


def _read_count(path: str | Path, number: int, line: str, what: str) -> int:
    if not _is_count(line):
        raise ValueError(f"{path}, line {number}: expected the number of {what}, got {line!r}")
    return int(line)


def _read_people_fold(
    path: str | Path, count_line: int, count: int, lines: list[tuple[int, str]]
) -> tuple[list[str], list[tuple[int, str]]]:
    """Read `count` lines 'name<TAB>number'; return the names and the lines that follow."""
    names = []
    for number, line in lines[:count]:
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) != 2 or not fields[0] or not _is_number(fields[1]):
            raise ValueError(
                f"{path}, line {number}: expected 'name<TAB>number of images', got {line!r} "
                f"(after {len(names)} of the {count} people stated in line {count_line})"
            )
        names.append(fields[0])
    if len(names) != count:
        raise ValueError(f"{path}, line {count_line}: expected {count} people, got {len(names)}")
    return names, lines[count:]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_count(text: str) -> bool:
    return _is_number(text) and int(text) > 0

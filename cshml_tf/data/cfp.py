"""Read the pairs of CFP, frontal against frontal (FF) or frontal against profile faces (FP), in their ten folds.

Source: Sengupta et al., "Frontal to profile face verification in the wild", 2016, and the layout of its Protocol
folder: `Split/FP/01/same.txt` and `diff.txt` contain lines `i,j`, where i counts the lines of `Pair_list_F.txt`
    and j
those of `Pair_list_P.txt`; in `Split/FF`, both count those of `Pair_list_F.txt`.
"""

from pathlib import Path, PurePosixPath

from cshml_tf.data.named_faces import ListedFile, Pair
from cshml_tf.files import normalised, printable, read_lines, visible_entries

_LISTS = {"FF": ("Pair_list_F.txt", "Pair_list_F.txt"), "FP": ("Pair_list_F.txt", "Pair_list_P.txt")}
_KINDS = (("same.txt", True), ("diff.txt", False))


def is_cfp(path: str | Path) -> bool:
    """Return whether a path is a folder, which `read_cfp` then reads or refuses."""
    return Path(path).is_dir()


def read_cfp(folder: str | Path) -> list[Pair]:
    """Read the pairs of one of CFP's two tests.

    Args:
        folder: `Protocol/Split/FF` or `Protocol/Split/FP`, as distributed.

    Returns:
        list of `Pair`: fold by fold, pairs of one person first. A photograph is named by its path below
        `Data/Images`, such as `001/frontal/01.jpg`.

    Raises:
        OSError: a file cannot be read.
        ValueError: the folder is not one of the two, a list is missing, or a line is damaged.
    """
    folder = Path(folder)
    names = _LISTS.get(folder.resolve().name.upper())
    folds = [entry for entry in visible_entries(folder) if entry.is_dir()]
    if names is None or not folds:
        raise ValueError(
            f"{printable(folder)}: expected a list of pairs, or CFP's folder Split/FF or Split/FP, got another "
            "folder"
        )
    first, second = (_read_photographs(_beside(folder, name)) for name in names)
    return [
        Pair(first_image, second_image, same, fold)
        for fold, of_fold in enumerate(folds)
        for name, same in _KINDS
        for first_image, second_image in _read_indices(of_fold / name, first, second)
    ]


def _beside(folder: Path, name: str) -> Path:
    """Find a list of photographs in the Split folder or in the Protocol folder above it."""
    above = folder.resolve().parents[:2]
    found = next((parent / name for parent in above if (parent / name).is_file()), None)
    if found is None:
        raise ValueError(f"{printable(folder)}: expected CFP's list {name} in {printable(above[-1])}, found none")
    return found


def _read_photographs(path: Path) -> dict[int, ListedFile]:
    photographs = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        index, _, text = line.strip().partition(" ")
        parts = PurePosixPath(normalised(text.strip())).parts
        # .../Data/Images/PERSON/frontal/NUMBER.jpg
        if not _is_index(index) or len(parts) < 3:
            raise ValueError(
                f"{printable(path)}, line {number}: expected 'index path of a photograph', got {line!r}"
            )
        photographs[int(index)] = ListedFile(parts[-3], "/".join(parts[-3:]))
    return photographs


def _read_indices(
    path: Path, first: dict[int, ListedFile], second: dict[int, ListedFile]
) -> list[tuple[ListedFile, ListedFile]]:
    pairs = []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split(",")]
        known = len(fields) == 2 and all(map(_is_index, fields))
        if not known or int(fields[0]) not in first or int(fields[1]) not in second:
            raise ValueError(
                f"{printable(path)}, line {number}: expected two indices of CFP's lists, such as '1,12', got "
                f"{line!r}"
            )
        pairs.append((first[int(fields[0])], second[int(fields[1])]))
    return pairs


def _is_index(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9

"""Draw lists of pairs to verify, in the format of LFW's pairs.txt."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cshml_tf.files import write_text


def write_pairs(
    path: str | Path, pictures: Mapping[str, int], folds: int = 10, pairs_per_fold: int = 300, seed: int = 0
) -> None:
    """Draw pairs and write them in LFW's format; arguments and errors as for `pairs_text`."""
    write_text(path, pairs_text(pictures, folds, pairs_per_fold, seed))


def pairs_text(pictures: Mapping[str, int], folds: int = 10, pairs_per_fold: int = 300, seed: int = 0) -> str:
    """Draw pairs of pictures of one person and of different people, as the text of a pairs.txt.

    No pair is repeated, and all possible pairs are equally likely. The folds have no person in common if there
    are enough people; otherwise every fold draws from all of them.

    Args:
        pictures: number of pictures of each person, by name; they are numbered from 1.
        folds: number of folds.
        pairs_per_fold: number of pairs per fold of each of the two kinds.
        seed: a different seed draws different pairs.

    Returns:
        The text: a header `folds<TAB>pairs_per_fold`; then for each fold the lines `name i j` and the
        lines `nameA i nameB j`, with fields separated by tabs.

    Raises:
        ValueError: a number is out of range, or there are fewer possible pairs than requested.
    """
    for name, value in (("folds", folds), ("pairs_per_fold", pairs_per_fold)):
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name}: expected a whole number, 1 or more, got {value!r}")
    rng = np.random.default_rng([0xFA, seed])
    groups = _deal(pictures, folds, rng)
    lines = [f"{folds}\t{pairs_per_fold}"]
    if all(min(_capacity(group)) >= pairs_per_fold for group in groups):
        for group in groups:
            lines += _draw_same(group, pairs_per_fold, rng)
            lines += _draw_different(group, pairs_per_fold, rng)
    else:
        needed = folds * pairs_per_fold
        for kind, available in zip(("the same person", "different people"), _capacity(pictures), strict=True):
            if available < needed:
                raise ValueError(
                    f"pictures: expected enough for {needed} pairs of {kind} ({folds} folds of {pairs_per_fold}), "
                    f"got {available} from {len(pictures)} people with {sum(pictures.values())} pictures"
                )
        same = _draw_same(pictures, needed, rng)
        different = _draw_different(pictures, needed, rng)
        for start in range(0, needed, pairs_per_fold):
            part = slice(start, start + pairs_per_fold)
            lines += same[part] + different[part]
    return "\n".join(lines) + "\n"


def _deal(pictures: Mapping[str, int], folds: int, rng: np.random.Generator) -> list[dict[str, int]]:
    """Distribute people among the folds at random, those with many pictures evenly."""
    names = [list(pictures)[index] for index in rng.permutation(len(pictures))]
    names.sort(key=lambda name: -pictures[name])
    return [{name: pictures[name] for name in names[fold::folds]} for fold in range(folds)]


def _capacity(pictures: Mapping[str, int]) -> tuple[int, int]:
    """Return the number of possible pairs of one person, and of two people."""
    counts = list(pictures.values())
    same = sum(count * (count - 1) // 2 for count in counts)
    return same, sum(counts) * (sum(counts) - 1) // 2 - same


def _draw_same(pictures: Mapping[str, int], size: int, rng: np.random.Generator) -> list[str]:
    names, counts = list(pictures), np.array(list(pictures.values()))
    lines = []
    for index, place in _draw_places(counts * (counts - 1) // 2, size, rng):
        # Pairs i < j in the order (1, 2), (1, 3), (2, 3), (1, 4) ...: (j - 1)(j - 2) / 2 of them precede (1, j).
        second = int((3 + np.sqrt(1 + 8 * place)) / 2)
        first = place - (second - 1) * (second - 2) // 2 + 1
        lines.append(f"{names[index]}\t{first}\t{second}")
    return lines


def _draw_different(pictures: Mapping[str, int], size: int, rng: np.random.Generator) -> list[str]:
    names, counts = list(pictures), list(pictures.values())
    couples = list(itertools.combinations(range(len(names)), 2))
    sizes = np.array([counts[one] * counts[other] for one, other in couples])
    lines = []
    for index, place in _draw_places(sizes, size, rng):
        one, other = couples[index]
        first, second = divmod(place, counts[other])
        lines.append(f"{names[one]}\t{first + 1}\t{names[other]}\t{second + 1}")
    return lines


def _draw_places(sizes: np.ndarray, size: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Draw `size` distinct places in boxes of the given sizes: a list of (box, place within the box)."""
    ends = np.cumsum(sizes)
    ranks = rng.choice(int(ends[-1]), size, replace=False)
    boxes = np.searchsorted(ends, ranks, side="right")
    places = ranks - (ends - sizes)[boxes]
    return list(zip(boxes.tolist(), places.tolist(), strict=True))

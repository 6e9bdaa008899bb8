"""Draw a longer list of pairs than a benchmark has, from the people of some of its folds.

    python benchmarks/drawn_pairs.py people_dev.txt drawn_pairs.txt

LFW's pairs.txt has 600 pairs per fold. More pairs of the same people tell two networks apart with less noise. The
people are listed as in LFW's people.txt: the number of folds, then for each fold a line with its number of people
and that many lines `name<TAB>number of photographs`. The list that is written has the form of pairs.txt, and the
same folds. People with many photographs would make most pairs of one person, so there is a most for each.
"""

import argparse
import itertools
import random
from collections.abc import Sequence
from pathlib import Path

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.files import read_lines, write_text


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Draw the pairs and write the list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("people", type=Path, help="list of people by folds, such as people.txt")
    parser.add_argument("output", type=Path, help="list of pairs to write")
    parser.add_argument("--pairs_per_fold", type=int, default=1000, help="pairs of each of the two kinds")
    parser.add_argument("--most_per_person", type=int, default=60, help="most pairs of one person")
    parser.add_argument("--seed", type=int, default=0, help="another one draws other pairs")
    options = parser.parse_args(argv)
    rng = random.Random(options.seed)
    folds = read_folds(options.people)
    lines = [f"{len(folds)}\t{options.pairs_per_fold}"]
    for people in folds:
        lines += draw(people, options.pairs_per_fold, options.most_per_person, rng)
    write_text(options.output, "".join(f"{line}\n" for line in lines))


def read_folds(path: Path) -> list[dict[str, int]]:
    """Read the number of photographs of each person, fold by fold."""
    lines = iter(read_lines(path))
    try:
        folds = []
        for _ in range(int(next(lines))):
            rows = [next(lines).split("\t") for _ in range(int(next(lines)))]
            folds.append({name: int(count) for name, count in rows})
    except (StopIteration, ValueError):
        raise ValueError(f"{path}: expected a list of people by folds, as LFW's people.txt") from None
    return folds


def draw(people: dict[str, int], size: int, most: int, rng: random.Random) -> list[str]:
    """Draw pairs of one person, then of two people, as lines of pairs.txt."""
    same = []
    for name, count in people.items():
        pairs = list(itertools.combinations(range(1, count + 1), 2))
        same += [f"{name}\t{first}\t{second}" for first, second in rng.sample(pairs, min(most, len(pairs)))]
    if len(same) < size or len(people) < 2:
        raise ValueError(f"people: expected enough for {size} pairs per fold, got {len(same)} pairs of one person")
    photographs = [(name, number) for name, count in people.items() for number in range(1, count + 1)]
    different: set[str] = set()
    while len(different) < size:
        (one, first), (other, second) = sorted(rng.sample(photographs, 2))
        if one != other:
            different.add(f"{one}\t{first}\t{other}\t{second}")
    return rng.sample(same, size) + sorted(different)


if __name__ == "__main__":
    raise SystemExit(main())

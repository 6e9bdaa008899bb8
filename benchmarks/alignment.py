"""Compare the detector with the `mtcnn` package on the same photographs: speed in turns, faces and landmarks.

python benchmarks/alignment.py photographs --count 200
python benchmarks/alignment.py photographs --count 5 --tile 3000 4000 --rounds 3

With --tile, photographs are laid side by side to pictures of that size.
"""

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.alignment.detector import Detector, Face
from cshml_tf.alignment.folder import align_dataset
from cshml_tf.images import list_images, read_image, write_image
from cshml_tf.settings.alignment import AlignmentSettings

# Photographs that the package searches together.
TOGETHER = 32
# Part of a box's width by which the landmarks of one face may differ between two detectors.
SAME_FACE = 0.2


def chosen_photographs(folder: Path, count: int, tile: Sequence[int] | None) -> list[np.ndarray]:
    """Read photographs at equal distances in the sorted list, or lay them side by side to `count` pictures."""
    names = list(list_images(folder))
    if tile is None:
        return [read_image(folder / name) for name in names[:: max(1, len(names) // count)][:count]]
    height, width = tile
    pixels = (read_image(folder / name) for name in itertools.cycle(names))
    pictures = []
    for _ in range(count):
        picture = np.zeros((height, width, 3), np.uint8)
        for top, left in itertools.product(range(0, height, 250), range(0, width, 250)):
            place = picture[top : top + 250, left : left + 250]
            part = next(pixels)[: place.shape[0], : place.shape[1]]
            place[: part.shape[0], : part.shape[1]] = part
        pictures.append(picture)
    return pictures


def packages_faces(package: Any, pictures: Sequence[np.ndarray], together: int) -> list[list[Face]]:
    """Find faces with the package, a number of pictures at a time, with the thresholds of `Detector`."""
    found = []
    for start in range(0, len(pictures), together):
        some = [picture.astype(np.float32) for picture in pictures[start : start + together]]
        rows = package.detect_faces(some, output_type="numpy", threshold_onet=0.7)
        rows = rows[[len(row) == 16 for row in rows]]
        found += [[as_face(row) for row in rows if row[0] == number] for number in range(len(some))]
    return found


def as_face(row: np.ndarray) -> Face:
    """Convert a row of the package: picture, x, y, width, height, score, five x, five y."""
    return Face(*map(float, row[1:6]), landmarks=row[6:16].reshape(2, 5).T)


def differences(ours: Sequence[Sequence[Face]], theirs: Sequence[Sequence[Face]]) -> tuple[list[float], int, int]:
    """Return each common face's mean distance of the landmarks in pixels, and how many only one side found."""
    distances, only_ours, only_theirs = [], 0, 0
    for mine, others in zip(ours, theirs, strict=True):
        left = list(mine)
        for other in others:
            apart = [np.linalg.norm(face.landmarks - other.landmarks, axis=1).mean() for face in left]
            if apart and min(apart) < SAME_FACE * other.width:
                distances.append(float(min(apart)))
                left.pop(int(np.argmin(apart)))
            else:
                only_theirs += 1
        only_ours += len(left)
    return distances, only_ours, only_theirs


def in_turns(
    ways: dict[str, Callable[[], Any]], rounds: int, count: int
) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Run each way once per round; return pictures per second of each round, and what each returned last."""
    rates, found = {name: [] for name in ways}, {}
    for _ in range(rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            found[name] = way()
            rates[name].append(count / (time.perf_counter() - started))
    return rates, found


def measured(
    pictures: Sequence[np.ndarray], folder: Path, rounds: int, workers: int, in_lists: bool
) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Find the faces of pictures in every way, in turns; see `in_turns`."""
    from mtcnn import MTCNN

    package, detector = MTCNN(), Detector()
    # The same pixels for both, however large.
    unbounded = Detector(longest_side=max(max(picture.shape) for picture in pictures))
    (folder / "in").mkdir()
    for number, picture in enumerate(pictures):
        write_image(folder / "in" / f"{number:05d}.png", picture)
    outputs = (folder / f"out{number}" for number in itertools.count())
    ways: dict[str, Callable[[], Any]] = {"mtcnn, one by one": lambda: packages_faces(package, pictures, 1)}
    if in_lists:
        ways[f"mtcnn, in lists of {TOGETHER}"] = lambda: packages_faces(package, pictures, TOGETHER)
    ways["Detector"] = lambda: list(map(detector.detect, pictures))
    ways["Detector, not shrunk"] = lambda: list(map(unbounded.detect, pictures))
    for way in ways.values():
        way()
    ways[f"align_dataset, {workers} workers"] = lambda: align_dataset(
        folder / "in", next(outputs), AlignmentSettings(), workers=workers
    )
    return in_turns(ways, rounds, len(pictures))


def report(rates: dict[str, list[float]], found: dict[str, Any]) -> None:
    """Print a row per way of finding faces, then how the faces differ from those of the first."""
    first, *others = rates
    print(f"{'':32}{'pictures/s':>12}{'times the first row':>34}")
    for name in rates:
        ratios = np.divide(rates[name], rates[first])
        spread = f"{np.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{name:32}{np.median(rates[name]):12.2f}{spread:>34}")
    for name in others:
        if isinstance(found[name], list):
            distances, only_ours, only_theirs = differences(found[name], found[first])
            print(
                f"{name}: {len(distances)} faces in common with {first}; mean distance of the landmarks "
                f"{np.mean(distances):.4f} pixels, 95th percentile {np.percentile(distances, 95):.4f}, largest "
                f"{max(distances):.2f}; {only_ours} found only here, {only_theirs} only there"
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", type=Path, help="folder of photographs")
    parser.add_argument("--count", type=int, default=200, help="pictures")
    parser.add_argument("--tile", type=int, nargs=2, metavar=("H", "W"), help="size of tiled pictures")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2, help="processes of align_dataset")
    arguments = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    pictures = chosen_photographs(arguments.photographs, arguments.count, arguments.tile)
    print(f"{len(pictures)} pictures, {arguments.rounds} rounds")
    # Thirty-two large pictures need more memory than most machines have.
    in_lists = arguments.tile is None
    with tempfile.TemporaryDirectory() as folder:
        report(*measured(pictures, Path(folder), arguments.rounds, arguments.workers, in_lists))


if __name__ == "__main__":
    main()

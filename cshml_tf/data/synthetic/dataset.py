"""Write folders of synthetic faces in the layout of Labeled Faces in the Wild: `Name/Name_0001.png`."""

import concurrent.futures
import functools
import io
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2
import numpy as np

from cshml_tf.alignment.geometry import LANDMARKS, check_image_size
from cshml_tf.data.synthetic.photograph import (
    draw_aligned,
    draw_photograph,
    landmarks_in_photograph,
)
from cshml_tf.files import write_text
from cshml_tf.images import write_image

LANDMARKS_NAME = "landmarks.csv"
# Largest number of people per seed of a data set; people of different seeds are always different.
PEOPLE_PER_SEED = 1_000_000
# The pictures drawn for one person, and (path, landmarks) of each of the person's photographs.
_Written = tuple[int, list[tuple[str, np.ndarray]]]


def person_name(number: int) -> str:
    """Return the name of the person with this number, counted from 0: `person_0007`."""
    return f"person_{number:04d}"


def identity_seed_of(seed: int, number: int) -> int:
    """Return the identity seed of a person of a data set."""
    return seed * PEOPLE_PER_SEED + number


def write_dataset(
    folder: str | Path,
    people: int,
    pictures: int,
    seed: int = 0,
    aligned: bool = True,
    image_size: Sequence[int] = (112, 96),
    first_identity: int = 0,
    workers: int = 1,
    progress: Callable[[int], object] | None = None,
) -> int:
    """Draw people into class folders; existing pictures are kept.

    Photographs are accompanied by `landmarks.csv`: one row per photograph, its path relative to `folder`, then x
    and y of the five landmarks in pixels.

    Args:
        folder: folder to write to, created if missing.
        people: number of people.
        pictures: number of pictures per person; they are numbered from 1.
        seed: a different seed draws different people.
        aligned: whether to write aligned crops; otherwise photographs of 250 x 250.
        image_size: (height, width) of the crops, pixels.
        first_identity: number of the first person; folders with disjoint numbers have no person in common.
        workers: number of processes. With several, a script needs the usual
            `if __name__ == "__main__"`.
        progress: if given, called with the number of pictures per person whenever a person is done.

    Returns:
        The number of pictures drawn by this call.

    Raises:
        ValueError: a number is out of range.
        OSError: the folder or a picture cannot be written, or a worker process was killed.
    """
    limits = dict(people=1, pictures=1, seed=0, first_identity=0, workers=1)
    given = dict(people=people, pictures=pictures, seed=seed, first_identity=first_identity, workers=workers)
    for name, least in limits.items():
        if not isinstance(given[name], int) or given[name] < least:
            raise ValueError(f"{name}: expected a whole number, {least} or more, got {given[name]!r}")
    numbers = range(first_identity, first_identity + people)
    if numbers.stop > PEOPLE_PER_SEED:
        raise ValueError(f"first_identity + people: expected at most {PEOPLE_PER_SEED}, got {numbers.stop}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    crop = check_image_size(image_size) if aligned else None
    task = functools.partial(_write_person, folder, pictures, seed, crop)
    drawn, rows = 0, []
    for drawn_now, rows_now in _run(task, numbers, workers):
        drawn += drawn_now
        rows += rows_now
        if progress:
            progress(pictures)
    if not aligned:
        _write_landmarks(folder / LANDMARKS_NAME, rows)
    return drawn


def _run(task: Callable[[int], _Written], numbers: Sequence[int], workers: int) -> Iterator[_Written]:
    """Apply `task` to every number, in order, in this process or in several."""
    workers = min(workers, len(numbers))
    if workers == 1:
        yield from map(task, numbers)
        return
    # A forked process would inherit TensorFlow's threads and hang.
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(
        workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)
    )
    try:
        yield from pool.map(task, numbers, chunksize=max(1, min(8, len(numbers) // (4 * workers))))
    except BrokenProcessPool:
        raise ChildProcessError("a worker process was killed; the same call continues the work") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _write_person(folder: Path, pictures: int, seed: int, crop: tuple[int, int] | None, number: int) -> _Written:
    """Write one person's missing pictures; return their number and, for photographs, the landmarks."""
    name, identity_seed = person_name(number), identity_seed_of(seed, number)
    (folder / name).mkdir(exist_ok=True)
    drawn, rows = 0, []
    for picture in range(1, pictures + 1):
        path = folder / name / f"{name}_{picture:04d}.png"
        if not path.exists():
            drawn += 1
            if crop:
                write_image(path, draw_aligned(identity_seed, picture, crop))
            else:
                write_image(path, draw_photograph(identity_seed, picture).pixels)
        if not crop:
            rows.append((f"{name}/{path.name}", landmarks_in_photograph(identity_seed, picture)))
    return drawn, rows


def _write_landmarks(path: Path, rows: Sequence[tuple[str, np.ndarray]]) -> None:
    text = io.StringIO()
    columns = ("path", *(f"{landmark}_{axis}" for landmark in LANDMARKS for axis in "xy"))
    print(*columns, sep=",", file=text)
    for name, points in rows:
        print(name, *(f"{value:.3f}" for value in points.ravel()), sep=",", file=text)
    write_text(path, text.getvalue())

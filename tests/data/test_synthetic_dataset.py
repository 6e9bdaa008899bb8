import csv
import itertools
import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from cshml_tf.alignment.geometry import LANDMARKS
from cshml_tf.data.protocols import read_pairs
from cshml_tf.data.synthetic import (
    draw_aligned,
    draw_photograph,
    pairs_text,
    write_dataset,
    write_pairs,
)
from cshml_tf.files import is_hidden
from cshml_tf.images import read_image

SIZE = (28, 24)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_folders_follow_lfw(tmp_path):
    assert write_dataset(tmp_path / "a", 2, 3, first_identity=7, image_size=SIZE) == 6
    names = [f"person_{who:04d}/person_{who:04d}_{n:04d}.png" for who in (7, 8) for n in (1, 2, 3)]
    assert sorted(contents(tmp_path / "a")) == names
    pixels = read_image(tmp_path / "a" / names[4])
    np.testing.assert_array_equal(pixels, draw_aligned(8, 2, SIZE))


def test_numbers_and_seeds_identify_people(tmp_path):
    write_dataset(tmp_path / "a", 3, 1, image_size=SIZE)
    write_dataset(tmp_path / "b", 1, 1, first_identity=2, image_size=SIZE)
    write_dataset(tmp_path / "c", 3, 1, seed=1, image_size=SIZE)
    name = "person_0002/person_0002_0001.png"
    first, same, other = (contents(tmp_path / folder)[name] for folder in "abc")
    assert first == same and first != other


def test_a_second_run_draws_only_what_is_missing(tmp_path):
    write_dataset(tmp_path, 2, 3, image_size=SIZE)
    before = contents(tmp_path)
    lost = tmp_path / "person_0001" / "person_0001_0002.png"
    kept = tmp_path / "person_0000" / "person_0000_0001.png"
    lost.unlink()
    kept.write_bytes(b"kept")
    assert write_dataset(tmp_path, 2, 3, image_size=SIZE) == 1
    assert kept.read_bytes() == b"kept"
    assert contents(tmp_path) == before | {"person_0000/person_0000_0001.png": b"kept"}


def test_two_workers_write_what_one_does(tmp_path):
    done = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        assert write_dataset(folder, 4, 2, image_size=SIZE, workers=workers, progress=done.append) == 8
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert done == [2] * 8


@pytest.mark.slow
def test_a_killed_worker_ends_the_call_and_the_next_one_finishes(tmp_path):
    def kill(_):
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(ChildProcessError, match="a worker process was killed; the same call continues the work"):
        write_dataset(tmp_path / "a", 24, 4, image_size=SIZE, workers=2, progress=kill)
    write_dataset(tmp_path / "a", 24, 4, image_size=SIZE)
    write_dataset(tmp_path / "b", 24, 4, image_size=SIZE)
    drawn = {name: data for name, data in contents(tmp_path / "a").items() if not is_hidden(Path(name).name)}
    assert drawn == contents(tmp_path / "b")


def test_photographs_come_with_their_landmarks(tmp_path):
    write_dataset(tmp_path, 2, 2, seed=0, aligned=False)
    write_dataset(tmp_path, 2, 2, seed=0, aligned=False)  # Nothing is missing, and the list stays complete.
    with open(tmp_path / "landmarks.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == sorted(name for name in contents(tmp_path) if name.endswith("png"))
    photograph = draw_photograph(1, 2)
    np.testing.assert_array_equal(read_image(tmp_path / rows[3]["path"]), photograph.pixels)
    listed = [[float(rows[3][f"{name}_{axis}"]) for axis in "xy"] for name in LANDMARKS]
    assert np.abs(np.array(listed) - photograph.landmarks).max() <= 0.0005


@pytest.mark.parametrize(
    "change", [dict(people=0), dict(pictures=0), dict(seed=-1), dict(first_identity=-1), dict(workers=0),
               dict(people=2.5)],
)  # fmt: skip
def test_numbers_out_of_range_are_named(tmp_path, change):
    with pytest.raises(ValueError, match=f"^{next(iter(change))}: expected a whole number"):
        write_dataset(**(dict(folder=tmp_path, people=1, pictures=1) | change))


def test_people_stay_below_the_next_seed(tmp_path):
    with pytest.raises(ValueError, match="first_identity"):
        write_dataset(tmp_path, 2, 1, first_identity=999_999)


def check_pairs(text, pictures, folds, per_fold):
    """Check a list by naive parsing; return the people of each fold."""
    lines = [line.split("\t") for line in text.splitlines()]
    assert lines[0] == [str(folds), str(per_fold)]
    assert len(lines) == 1 + folds * 2 * per_fold and text.endswith("\n")
    people, seen = [set() for _ in range(folds)], set()
    for index, fields in enumerate(lines[1:]):
        same = index % (2 * per_fold) < per_fold
        assert len(fields) == (3 if same else 4)
        one, other = (fields[0], fields[0]) if same else (fields[0], fields[2])
        first, second = int(fields[1]), int(fields[-1])
        assert same == (one == other)
        assert 1 <= first <= pictures[one] and 1 <= second <= pictures[other]
        pair = frozenset([(one, first), (other, second)])
        assert len(pair) == 2 and pair not in seen
        seen.add(pair)
        people[index // (2 * per_fold)] |= {one, other}
    return people


def test_folds_have_no_person_in_common_if_possible():
    pictures = {f"p{number:02d}": 4 + number % 3 for number in range(20)}
    people = check_pairs(pairs_text(pictures, 5, 12), pictures, 5, 12)
    assert all(not one & other for one, other in itertools.combinations(people, 2))


def test_folds_share_people_if_necessary():
    pictures = {"a": 6, "b": 6, "c": 6}
    people = check_pairs(pairs_text(pictures, 4, 10), pictures, 4, 10)
    assert people[0] & people[1]


def test_all_possible_pairs_can_be_requested():
    """Four pictures make 6 pairs; three people of four make 18 of one person and 48 of two."""
    pictures = {"a": 4, "b": 4, "c": 4}
    check_pairs(pairs_text(pictures, 1, 18), pictures, 1, 18)
    with pytest.raises(ValueError, match="enough for 19 pairs of the same person .1 folds of 19., got 18 from"):
        pairs_text(pictures, 1, 19)
    check_pairs(pairs_text({"a": 9, "b": 1}, 1, 9), {"a": 9, "b": 1}, 1, 9)
    with pytest.raises(ValueError, match="enough for 10 pairs of different people .2 folds of 5., got 9 from"):
        pairs_text({"a": 9, "b": 1}, 2, 5)


def test_pairs_follow_their_seed():
    pictures = {f"p{number}": 5 for number in range(10)}
    assert pairs_text(pictures, 2, 20, seed=1) == pairs_text(pictures, 2, 20, seed=1)
    assert pairs_text(pictures, 2, 20, seed=1) != pairs_text(pictures, 2, 20, seed=2)


def test_pairs_are_read_back(tmp_path):
    write_pairs(tmp_path / "pairs.txt", {f"p{number}": 5 for number in range(10)}, 2, 20)
    pairs = read_pairs(tmp_path / "pairs.txt")
    assert [pair.fold for pair in pairs] == [0] * 40 + [1] * 40
    assert [pair.same for pair in pairs] == ([True] * 20 + [False] * 20) * 2


@pytest.mark.parametrize("name, value", [("folds", 0), ("pairs_per_fold", 0), ("folds", 1.5)])
def test_pair_numbers_out_of_range_are_named(name, value):
    with pytest.raises(ValueError, match=f"^{name}: expected a whole number"):
        pairs_text({"a": 3, "b": 3}, **{name: value})

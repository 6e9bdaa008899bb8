"""Both protocols on planted faces, with networks that read a column of pixels: who is learned from and tested."""

from pathlib import Path

import numpy as np
import pytest

from cshml_tf.data.scface import DISTANCES, PEOPLE, split_people
from cshml_tf.evaluation.scface import experiment
from cshml_tf.evaluation.scface.experiment import ScfaceExperiment
from cshml_tf.evaluation.scface.faces import AlignedFaces
from cshml_tf.evaluation.scface.networks import Served
from cshml_tf.settings.scface import FineTuning

# One column of 8 pixels per person, each in its own direction from grey; the first and last belong to no person.
COLUMNS = np.random.default_rng(0).integers(0, 256, (len(PEOPLE) + 2, 8, 3)).astype(np.uint8)
PROBES_OF = np.repeat(PEOPLE, 5)
# The planted networks know the people up to this one.
LAST_KNOWN, EVERYBODY = 40, len(COLUMNS)


class ColumnNetwork:
    """Return a network that embeds the left column, and its negative for people beyond `last_known`."""

    def __init__(self, last_known=EVERYBODY):
        self.last_known = last_known

    def predict_on_batch(self, pixels):
        columns = np.asarray(pixels)[:, :, 0]
        people = np.array([np.flatnonzero((COLUMNS == column).all(axis=(1, 2)))[0] for column in columns])
        sign = np.where(people > self.last_known, -1, 1)[:, None]
        return sign * (columns.reshape(len(columns), -1) - 127.5)


def faces_of(people, left=None):
    """Faces two columns wide: the left one the person's, or another's; the right one the person's."""
    people = np.asarray(people)
    pixels = np.stack([COLUMNS[people if left is None else left], COLUMNS[people]], axis=2)
    return AlignedFaces([], people, pixels, {})


def experiment_of(known_by_lr=EVERYBODY, shown=None, probes=None, mugshots=None, flip=False):
    """Serve distances 2 and 3 with an HR network that knows everyone, distance 1 with an LR network."""
    hr = ColumnNetwork()
    served = {distance: Served(Path("hr"), hr, True, "antialias") for distance in DISTANCES}
    served[1] = Served(Path("lr"), ColumnNetwork(known_by_lr), False, "antialias")
    probes = probes or {distance: faces_of(PROBES_OF) for distance in DISTANCES}
    mugshots = mugshots or faces_of(PEOPLE)
    return ScfaceExperiment(mugshots, probes, shown, hr, served, flip)


def share_known(people):
    return np.mean([person <= LAST_KNOWN for person in people])


def test_each_seed_tests_its_own_80_people():
    seeds = (1, 2, 3)
    given = list(experiment_of(LAST_KNOWN).split(seeds))[1]
    assert (given.people, given.method) == (80, experiment.AS_GIVEN)
    expected = [share_known(split_people(PEOPLE, seed=seed)[1]) for seed in seeds]
    assert len(set(expected)) > 1
    assert [curve[0] for curve in given.curves[1]] == pytest.approx(expected, abs=1e-12)
    assert [curve[0] for curve in given.curves[2]] == [1, 1, 1]


def test_all_people():
    alone, given = experiment_of(LAST_KNOWN).all_people()
    assert (alone.method, alone.people) == (experiment.HR_ALONE, 130)
    assert [alone.curves[distance][0][0] for distance in DISTANCES] == [1, 1, 1]
    assert given.curves[1][0][0] == pytest.approx(LAST_KNOWN / 130, abs=1e-12)


def test_fine_tuning_sees_only_the_50_people(monkeypatch):
    """Replace fine-tuning by a network that knows everyone, and record what it would have learned from."""
    calls = []

    def recorded(recogniser, mugshots, people, pixels, fine_tuning, seed):
        calls.append((recogniser.last_known, mugshots, people, pixels, seed))
        return ColumnNetwork(), None

    monkeypatch.setattr(experiment, "fine_tune", recorded)
    tuned = list(experiment_of(LAST_KNOWN).split([4, 5], FineTuning()))[-1]
    assert tuned.method == experiment.FINE_TUNED
    assert [tuned.curves[distance][0][0] for distance in DISTANCES] == [1, 1, 1]
    # Nothing is learned where the HR network serves.
    assert [call[-1] for call in calls] == [4, 5]
    for last_known, mugshots, people, pixels, seed in calls:
        learned, _ = split_people(PEOPLE, seed=seed)
        assert last_known == LAST_KNOWN and sorted(mugshots) == learned
        assert people.tolist() == np.repeat(learned, 5).tolist()
        assert np.array_equal(pixels, faces_of(people).pixels)


def test_maps_see_only_the_50_people_and_compare_by_cosine(monkeypatch):
    calls, options = [], []

    class Map:
        def similarity(self, lr_rows, hr_rows, **more):
            options.append(more)
            return lr_rows @ hr_rows.T

    def recorded(hr, hr_people, lr, lr_people):
        calls.append((hr_people.tolist(), lr_people.tolist(), len(hr), len(lr)))
        return Map()

    monkeypatch.setitem(experiment.MAPPINGS, "MDS", recorded)
    mapped = list(experiment_of().split([6], mappings=["MDS"]))[-1]
    assert mapped.method == "MDS on the embeddings"
    learned, _ = split_people(PEOPLE, seed=6)
    assert calls == [(learned, np.repeat(learned, 5).tolist(), 50, 250)] * 3
    assert options == [{"cosine": True}] * 3


def test_only_the_serving_network_sees_reduced_copies():
    """Each copy at distance 2 shows another person, so the HR network identifies none of them."""
    shown = {distance: faces_of(PROBES_OF).pixels for distance in DISTANCES}
    shown[2] = faces_of(PROBES_OF % len(PEOPLE) + 1).pixels
    alone, given = experiment_of(shown=shown).all_people()
    assert [alone.curves[distance][0][0] for distance in DISTANCES] == [1, 1, 1]
    assert [given.curves[distance][0][0] for distance in DISTANCES] == [1, 0, 1]


def test_flip_averaging():
    """A mugshot and its probes have two columns in opposite order: they are alike only when mirrored."""
    probes = {distance: faces_of(PROBES_OF, left=PROBES_OF + 1) for distance in DISTANCES}
    mirrored = AlignedFaces([], np.array(PEOPLE), faces_of(PEOPLE, left=np.add(PEOPLE, 1)).pixels[:, :, ::-1], {})
    for flip, rate in ((False, 0), (True, 1)):
        alone, *_ = experiment_of(probes=probes, mugshots=mirrored, flip=flip).all_people()
        assert [alone.curves[distance][0][0] for distance in DISTANCES] == [rate] * 3

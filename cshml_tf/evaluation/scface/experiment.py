"""Both protocols of SCface: all 130 people as they come; and 80, after learning from the other 50.

Source: the paper's section 4.3 (the HR network serves distance 3, an LR network of 30 x 30 distance 2 and one of
20 x 20 distance 1; 50 random people to fine-tune on with equation 3, the other 80 to test); others measure all
130 people without fine-tuning.
"""

import functools
from typing import NamedTuple

import numpy as np

from cshml_tf.data.scface import DISTANCES, PEOPLE, split_people
from cshml_tf.evaluation.embedding import View, embed
from cshml_tf.evaluation.scface.coupled_mappings import fit_dmds, fit_ldmds, fit_mds
from cshml_tf.evaluation.scface.fine_tuning import fine_tune
from cshml_tf.evaluation.scface.identification import Embedded, match_curve

HR_ALONE = "HR network for all"
AS_GIVEN = "networks as given"
FINE_TUNED = "fine-tuned with Eq. 3"
MAPPINGS = {"MDS": fit_mds, "DMDS": fit_dmds, "LDMDS": fit_ldmds}


class Row(NamedTuple):
    """One line of the table.

    Attributes:
        people: how many people are tested, 130 or 80.
        method: what was done with the networks, such as `AS_GIVEN` or "MDS on the embeddings".
        curves: dict of a distance to a list of (ranks,) rates 0..1, one a seed.
    """

    people: int
    method: str
    curves: dict


class Experiment:
    """SCface, aligned and embedded once for all that is measured on it.

    Args:
        mugshots: `cshml_tf.evaluation.scface.faces.AlignedFaces`.
        probes: dict of a distance to `AlignedFaces`, as the cameras gave them.
        shown: dict of a distance to (faces, H, W, 3) uint8: what the distance's own network is shown of them, such
            as copies reduced to its resolution; None for the probes as they are.
        hr_recogniser: keras.Model of the HR network.
        served: dict of a distance to `cshml_tf.evaluation.scface.networks.Served`.
        flip: whether an embedding is the normalised sum of the face's and its mirror image's.
        batch_size: faces a forward pass.
        progress: wraps the sequence of batches, such as `tqdm`.

    Raises:
        ValueError: no mugshot, or no probe at a distance.
    """

    def __init__(self, mugshots, probes, shown, hr_recogniser, served, flip=False, batch_size=32, progress=iter):
        sets = {"mugshots": mugshots} | {
            f"probes of distance {distance}": probes[distance] for distance in DISTANCES
        }
        for what, faces in sets.items():
            if not len(faces.people):
                raise ValueError(f"SCface: expected {what}, got none that can be read")
        self._options = {"flip": flip, "batch_size": batch_size, "progress": progress}
        self._served = served
        self._people = {distance: probes[distance].people for distance in DISTANCES}
        self._shown = shown or {distance: probes[distance].pixels for distance in DISTANCES}
        self._gallery = self._embed(mugshots.people, mugshots.pixels, hr_recogniser)
        self._by_hr = {
            distance: self._embed(self._people[distance], probes[distance].pixels, hr_recogniser)
            for distance in DISTANCES
        }
        self._given = {
            distance: self._by_hr[distance]
            if served[distance].is_hr and self._shown[distance] is probes[distance].pixels
            else self._embed(self._people[distance], self._shown[distance], served[distance].recogniser)
            for distance in DISTANCES
        }

    def all_people(self):
        """Measure all 130 people: a `Row` of the HR network alone, and one of the networks as given."""
        return self._rows_as_given([PEOPLE])

    def split(self, seeds, fine_tuning=None, mappings=()):
        """Measure 80 people, having learned from the other 50, parted anew by each seed.

        Args:
            seeds: whole numbers.
            fine_tuning: `cshml_tf.settings.scface.FineTuning`; None fine-tunes nothing.
                The HR network stays as it is where it serves.
            mappings: keys of `MAPPINGS`, each learned from the 50 people's embeddings by the networks as given.

        Yields:
            `Row`: as given first, then the mappings, then fine-tuned.

        Raises:
            ValueError: too few of the 50 people have both mugshot and probes.
        """
        parts = {seed: split_people(PEOPLE, seed=seed) for seed in seeds}
        yield from self._rows_as_given([tested for _, tested in parts.values()])
        for name in mappings:
            by_distance = {distance: [] for distance in DISTANCES}
            for learned, tested in parts.values():
                for distance, curves in by_distance.items():
                    curves.append(self._mapped(name, distance, learned, tested))
            yield Row(len(tested), f"{name} on the embeddings", by_distance)
        if fine_tuning and not all(served.is_hr for served in self._served.values()):
            by_distance = {distance: [] for distance in DISTANCES}
            for seed, (learned, tested) in parts.items():
                for distance, curves in by_distance.items():
                    curves.append(self._fine_tuned(distance, learned, tested, fine_tuning, seed))
            yield Row(len(tested), FINE_TUNED, by_distance)

    def _rows_as_given(self, sets_of_people):
        for method, probes in ((HR_ALONE, self._by_hr), (AS_GIVEN, self._given)):
            if method == AS_GIVEN and all(probes[distance] is self._by_hr[distance] for distance in DISTANCES):
                continue
            curves = {
                distance: [match_curve(self._gallery, probes[distance], people) for people in sets_of_people]
                for distance in DISTANCES
            }
            yield Row(len(sets_of_people[0]), method, curves)

    def _mapped(self, name, distance, learned, tested):
        hr, lr = self._gallery.of(learned), self._given[distance].of(learned)
        # Nothing is learned of a person without a mugshot.
        lr = lr.of(hr.people)
        if not len(hr.people) or not len(lr.people):
            raise ValueError(
                f"{name}: expected mugshots, and images at distance {distance}, of the {len(learned)} people that "
                f"are learned from, got {len(hr.people)} and {len(lr.people)}"
            )
        mapping = MAPPINGS[name](hr.embeddings, hr.people, lr.embeddings, lr.people)
        # By direction alone they do better than by the distances that they are fitted to.
        similarity = functools.partial(mapping.similarity, cosine=True)
        return match_curve(self._gallery, self._given[distance], tested, similarity)

    def _fine_tuned(self, distance, learned, tested, fine_tuning, seed):
        if self._served[distance].is_hr:
            return match_curve(self._gallery, self._given[distance], tested)
        hr = self._gallery.of(learned)
        mugshots = dict(zip(hr.people.tolist(), hr.embeddings, strict=True))
        people, shown = self._people[distance], self._shown[distance]
        rows = np.isin(people, list(mugshots))
        recogniser, _ = fine_tune(
            self._served[distance].recogniser, mugshots, people[rows], shown[rows], fine_tuning, seed
        )
        rows = np.isin(people, tested)
        probes = self._embed(people[rows], shown[rows], recogniser)
        return match_curve(self._gallery, probes, tested)

    def _embed(self, people, pixels, recogniser):
        (embeddings,) = embed(pixels, [View(recogniser)], **self._options)
        return Embedded(people, embeddings)

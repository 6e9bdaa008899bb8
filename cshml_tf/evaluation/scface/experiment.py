"""Both SCface protocols: all 130 people without adaptation, and 80 people after learning from the other 50.

Source: section 4.3 of the paper. The HR network serves distance 3, an LR network for 30 x 30 distance 2 and one
for 20 x 20 distance 1; 50 random people are used for fine-tuning with equation 3 and the other 80 for testing.
Other publications measure all 130 people without fine-tuning.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from cshml_tf.data.scface import DISTANCES, PEOPLE, split_people
from cshml_tf.evaluation.embedding import View, embed
from cshml_tf.evaluation.scface.coupled_mappings import CoupledMapping, fit_dmds, fit_ldmds, fit_mds
from cshml_tf.evaluation.scface.faces import AlignedFaces
from cshml_tf.evaluation.scface.fine_tuning import FineTuning, fine_tune
from cshml_tf.evaluation.scface.identification import Embedded, match_curve
from cshml_tf.evaluation.scface.mixture import GeneralEmbeddings, GeneralFaces, embed_general, fit_mixture
from cshml_tf.evaluation.scface.networks import Served
from cshml_tf.metrics.joint_bayesian import Fit

HR_ALONE = "HR network for all"
AS_GIVEN = "networks as given"
FINE_TUNED = "fine-tuned with Eq. 3"
RICNN = "RICNN"
ON_EMBEDDINGS, ON_RICNN = "HJB on the embeddings", "RIDN-HJB"
MAPPINGS: dict[str, Callable[..., CoupledMapping]] = {"MDS": fit_mds, "DMDS": fit_dmds, "LDMDS": fit_ldmds}


class ScfaceRow(NamedTuple):
    """One row of the table of results.

    Attributes:
        people: number of people tested, 130 or 80.
        method: how the networks were used, such as `AS_GIVEN` or "MDS on the embeddings".
        curves: dict of distance to a list of (ranks,) rates 0..1, one per seed.
    """

    people: int
    method: str
    curves: dict[int, list[np.ndarray]]


class _System(NamedTuple):
    """One choice of networks: the embedded mugshots, the probes by distance, and general faces or None."""

    gallery: Embedded
    probes: Mapping[int, Embedded]
    general: GeneralEmbeddings | None


class ScfaceExperiment:
    """SCface, aligned and embedded once for everything that is measured on it.

    Args:
        mugshots: the aligned mugshots.
        probes: dict of distance to the aligned faces, undegraded.
        shown: dict of distance to (faces, H, W, 3) uint8, the form in which that distance's network sees the
            probes, such as copies reduced to its resolution; None for the undegraded probes.
        hr_recogniser: the HR network.
        served: dict of distance to the network that serves it.
        flip: whether to add the embedding of the mirrored face and normalise the sum.
        batch_size: number of faces per forward pass.
        progress: wraps the sequence of batches, such as `tqdm`.
        ricnn: a network trained on HR faces and their LR copies together, which embeds mugshots and probes for
            rows of its own; or None.
        general: faces of other people, for the joint Bayesian classifier; or None for no rows of it.

    Raises:
        ValueError: there is no mugshot, or no probe at some distance, or a general face cannot be read.
    """

    def __init__(
        self,
        mugshots: AlignedFaces,
        probes: Mapping[int, AlignedFaces],
        shown: Mapping[int, np.ndarray] | None,
        hr_recogniser: keras.Model,
        served: Mapping[int, Served],
        flip: bool = False,
        batch_size: int = 32,
        progress: Callable[[Iterable], Iterable] = iter,
        ricnn: keras.Model | None = None,
        general: GeneralFaces | None = None,
    ) -> None:
        sets = {"mugshots": mugshots} | {
            f"probes at distance {distance}": probes[distance] for distance in DISTANCES
        }
        for what, faces in sets.items():
            if not len(faces.people):
                raise ValueError(f"SCface: expected {what}, got none that can be read")
        self._options: dict[str, Any] = {"flip": flip, "batch_size": batch_size, "progress": progress}
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
        size = mugshots.pixels.shape[1:3]
        by_distance = {distance: served[distance].recogniser for distance in DISTANCES}
        of_general = general and embed_general(general, size, hr_recogniser, by_distance, **self._options)
        self._as_given = _System(self._gallery, self._given, of_general)
        self._ricnn = None if ricnn is None else self._system_of(ricnn, mugshots, general)

    def all_people(self) -> Iterator[ScfaceRow]:
        """Yield the results on all 130 people: HR network only, networks as given, RICNN if there is one."""
        yield from self._rows_as_given([PEOPLE])
        yield from self._rows_of_ricnn([PEOPLE])

    def split(
        self,
        seeds: Iterable[int],
        fine_tuning: FineTuning | None = None,
        mappings: Iterable[str] = (),
        fit: Fit | None = None,
    ) -> Iterator[ScfaceRow]:
        """Yield the results on 80 people after learning from the other 50, split anew for each seed.

        Args:
            seeds: whole numbers, at least one.
            fine_tuning: how to fine-tune; None for no fine-tuning. The HR network is never fine-tuned.
            mappings: keys of `MAPPINGS`, each learned from the 50 people's embeddings by the networks as given.
            fit: how to fit the joint Bayesian classifiers, if there are general faces; None for the defaults.

        Yields:
            One row per method: networks as given first, then RICNN, the mappings, the joint Bayesian classifier on
            either's embeddings, and fine-tuned networks.

        Raises:
            ValueError: too few of the 50 people have both mugshot and probes.
        """
        parts = {seed: split_people(PEOPLE, seed=seed) for seed in seeds}
        yield from self._rows_as_given([tested for _, tested in parts.values()])
        yield from self._rows_of_ricnn([tested for _, tested in parts.values()])
        _, tested = next(iter(parts.values()))
        count = len(tested)
        for name in mappings:
            by_distance: dict[int, list[np.ndarray]] = {distance: [] for distance in DISTANCES}
            for learned, tested in parts.values():
                for distance, curves in by_distance.items():
                    curves.append(self._mapped(name, distance, learned, tested))
            yield ScfaceRow(count, f"{name} on the embeddings", by_distance)
        for name, system in ((ON_EMBEDDINGS, self._as_given), (ON_RICNN, self._ricnn)):
            if system is not None and system.general is not None:
                by_distance = {
                    distance: [_by_mixture(system, distance, *part, fit or Fit()) for part in parts.values()]
                    for distance in DISTANCES
                }
                yield ScfaceRow(count, name, by_distance)
        if fine_tuning and not all(served.is_hr for served in self._served.values()):
            by_distance = {distance: [] for distance in DISTANCES}
            for seed, (learned, tested) in parts.items():
                for distance, curves in by_distance.items():
                    curves.append(self._fine_tuned(distance, learned, tested, fine_tuning, seed))
            yield ScfaceRow(count, FINE_TUNED, by_distance)

    def _rows_as_given(self, sets_of_people: Sequence[Sequence[int]]) -> Iterator[ScfaceRow]:
        for method, probes in ((HR_ALONE, self._by_hr), (AS_GIVEN, self._given)):
            if method == AS_GIVEN and all(probes[distance] is self._by_hr[distance] for distance in DISTANCES):
                continue
            curves = {
                distance: [match_curve(self._gallery, probes[distance], people) for people in sets_of_people]
                for distance in DISTANCES
            }
            yield ScfaceRow(len(sets_of_people[0]), method, curves)

    def _rows_of_ricnn(self, sets_of_people: Sequence[Sequence[int]]) -> Iterator[ScfaceRow]:
        if self._ricnn is not None:
            gallery, probes, _ = self._ricnn
            curves = {
                distance: [match_curve(gallery, probes[distance], people) for people in sets_of_people]
                for distance in DISTANCES
            }
            yield ScfaceRow(len(sets_of_people[0]), RICNN, curves)

    def _system_of(self, network: keras.Model, mugshots: AlignedFaces, general: GeneralFaces | None) -> _System:
        """Embed everything by one network."""
        by_distance: dict[int, keras.Model] = dict.fromkeys(DISTANCES, network)
        size = mugshots.pixels.shape[1:3]
        return _System(
            self._embed(mugshots.people, mugshots.pixels, network),
            {
                distance: self._embed(self._people[distance], self._shown[distance], network)
                for distance in DISTANCES
            },
            general and embed_general(general, size, network, by_distance, **self._options),
        )

    def _mapped(self, name: str, distance: int, learned: Sequence[int], tested: Sequence[int]) -> np.ndarray:
        hr, lr = self._gallery.of(learned), self._given[distance].of(learned)
        # A person without a mugshot contributes nothing.
        lr = lr.of(hr.people)
        if not len(hr.people) or not len(lr.people):
            raise ValueError(
                f"{name}: expected mugshots, and images at distance {distance}, of the {len(learned)} people to "
                f"learn from, got {len(hr.people)} and {len(lr.people)}"
            )
        mapping = MAPPINGS[name](hr.embeddings, hr.people, lr.embeddings, lr.people)
        # Cosine similarity gives better results than the Euclidean distances that the mappings are fitted to.
        similarity = functools.partial(mapping.similarity, cosine=True)
        return match_curve(self._gallery, self._given[distance], tested, similarity)

    def _fine_tuned(
        self, distance: int, learned: Sequence[int], tested: Sequence[int], fine_tuning: FineTuning, seed: int
    ) -> np.ndarray:
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

    def _embed(self, people: np.ndarray, pixels: np.ndarray, recogniser: keras.Model) -> Embedded:
        (embeddings,) = embed(pixels, [View(recogniser)], **self._options)
        return Embedded(people, embeddings)


def _by_mixture(
    system: _System, distance: int, learned: Sequence[int], tested: Sequence[int], fit: Fit
) -> np.ndarray:
    """Measure the joint Bayesian classifier fitted to the people to learn from and to the general faces."""
    assert system.general is not None
    mugshots, probes = system.gallery.of(learned), system.probes[distance].of(learned)
    classifier = fit_mixture(mugshots, probes, system.general, distance, fit)
    return match_curve(system.gallery, system.probes[distance], tested, classifier.similarity)

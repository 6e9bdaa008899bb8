"""Score photographs of people who are not enrolled, for a calibration."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cshml_tf.alignment.detector import FaceDetector
from cshml_tf.gallery.enrolment import Entry, read_entries
from cshml_tf.gallery.networks import GalleryNetworks
from cshml_tf.gallery.portraits import Refused, crop_faces, in_batches, one_portrait, read_photograph
from cshml_tf.gallery.search import Search
from cshml_tf.gallery.store import Gallery
from cshml_tf.images import list_images


@dataclass(frozen=True)
class Strangers:
    """The best scores of strangers' probes.

    Attributes:
        scores: (probes,) float64 for each kind of view that has probes.
        qualities: (probes,) float64 for each of these kinds, see `cshml_tf.gallery.quality`.
        people: the number of strangers.
        people_of: the number of strangers whose probes have this kind, for each kind.
        left_out: the photographs that were not used, each with its reason.
    """

    scores: dict[str, np.ndarray]
    qualities: dict[str, np.ndarray]
    people: int
    people_of: dict[str, int]
    left_out: list[tuple[Entry, str]]

    def supporting(self, fpir: float) -> "tuple[dict[str, np.ndarray], list[str]]":
        """Return the scores of the kinds that have probes enough for a rate, and a line for each other kind.

        Raises:
            ValueError: no kind has enough.
        """
        enough = {kind: scores for kind, scores in self.scores.items() if len(scores) and fpir >= 1 / len(scores)}
        lines = [
            f"{kind}: not calibrated: {len(scores)} faces support no rate below {1 / len(scores):.2%}"
            if len(scores)
            else f"{kind}: not calibrated: no face of the width of this view"
            for kind, scores in self.scores.items()
            if kind not in enough
        ]
        if not enough:
            raise ValueError(
                f"fpir: expected a rate that the strangers' faces support, got {fpir:g}; " + "; ".join(lines)
            )
        return enough, lines


def read_strangers(source: str | Path) -> list[Entry]:
    """List photographs of strangers, as `read_entries`; in a folder without folders, each shows another stranger.

    Args:
        source: class folders, a folder of photographs, or a CSV with the columns name and file.

    Raises:
        ValueError: there are none, or the CSV or a name is malformed.
        OSError: it cannot be read.
    """
    source = Path(source)
    loose = list_images(source) if source.is_dir() else []
    if loose and not any(path.is_dir() and not path.name.startswith(".") for path in source.iterdir()):
        return [Entry(str(name), source / name) for name in loose]
    return read_entries(source)


def check_strangers(gallery: Gallery, entries: Sequence[Entry], fpir: float) -> None:
    """Refuse what can never calibrate a gallery, before any face is searched for.

    Args:
        gallery: the gallery.
        entries: photographs of strangers.
        fpir: the rate to calibrate for, 0 < fpir < 1.

    Raises:
        ValueError: nobody is enrolled, all these people are, or the photographs are too few for the rate.
    """
    enrolled = gallery.people()
    if not enrolled:
        raise ValueError(f"{gallery.name}: expected enrolled people, whom strangers are compared with, got none")
    usable = sum(entry.name not in enrolled for entry in entries)
    if usable and fpir < 1 / usable:
        raise ValueError(
            f"fpir: expected {1 / usable:.3g} or more, the least rate that {usable} photographs of strangers can "
            f"support, got {fpir:g}; for {fpir:g}, {math.ceil(1 / fpir)} are needed"
        )


def score_strangers(
    gallery: Gallery,
    networks: GalleryNetworks,
    entries: Iterable[Entry],
    detector: FaceDetector | None,
    min_width: float,
    batch_size: int = 32,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Strangers:
    """Compare sharp photographs of strangers with the gallery, at each resolution.

    A photograph is reduced to each resolution as the LR networks' training faces were.

    Args:
        gallery: the gallery.
        networks: its networks.
        entries: photographs with the people's names; whoever is enrolled is left out.
        detector: the face detector; None if the pictures are aligned crops already.
        min_width: the smallest width of a face to use, in pixels of the photograph.
        batch_size: number of faces per forward pass.
        progress: wraps the sequence of entries, such as `tqdm`.

    Returns:
        `Strangers`.

    Raises:
        ValueError: the networks are not the gallery's, or no photograph could be used.
    """
    gallery.check_views(networks.views)
    crops, people, left_out = [], set(), []
    for entry, pixels in _photographs(gallery, progress(entries), left_out):
        try:
            crops.append(one_portrait(pixels, networks.image_size, detector, min_width).pixels)
            people.add(entry.name)
        except Refused as error:
            left_out.append((entry, str(error)))
    _check_any(crops, left_out)
    search = Search(gallery)
    best: dict[str, list[float]] = {kind: [] for kind in networks.views}
    rated: dict[str, list[float]] = {kind: [] for kind in networks.views}
    for part in in_batches(crops, batch_size):
        for kind in networks.views:
            probes, qualities = networks.embed_and_rate(kind, networks.reduced(kind, np.stack(part)))
            best[kind] += _best_scores(search, kind, probes)
            rated[kind] += qualities.tolist()
    scores, qualities = ({kind: np.array(each) for kind, each in lists.items()} for lists in (best, rated))
    return Strangers(scores, qualities, len(people), dict.fromkeys(best, len(people)), left_out)


def score_native_strangers(
    gallery: Gallery,
    networks: GalleryNetworks,
    entries: Iterable[Entry],
    detector: FaceDetector | None,
    min_width: float,
    batch_size: int = 32,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Strangers:
    """Compare strangers with the gallery as a camera shows them: every face at the view that its width suits.

    The faces are found and embedded exactly as in pictures to identify.

    Args:
        gallery: the gallery.
        networks: its networks.
        entries: as for `score_strangers`; a picture may hold several faces, all of strangers.
        detector: the face detector; None if the pictures are crops of faces already.
        min_width: the smallest width of a face to use, in pixels of the picture; it is enlarged as far as needed.
        batch_size: number of faces per forward pass.
        progress: wraps the sequence of entries, such as `tqdm`.

    Returns:
        `Strangers`.

    Raises:
        ValueError: the networks are not the gallery's, or no face could be used.
    """
    gallery.check_views(networks.views)
    crops: dict[str, list[np.ndarray]] = {kind: [] for kind in networks.views}
    people: dict[str, set[str]] = defaultdict(set)
    left_out: list[tuple[Entry, str]] = []
    for entry, pixels in _photographs(gallery, progress(entries), left_out):
        faces = crop_faces(pixels, networks.image_size, detector, min_width)
        wide = [face for face in faces if face.width >= min_width]
        if not wide:
            widest = max((face.width for face in faces), default=0.0)
            reason = f"the face is {widest:.1f} pixels wide, expected {min_width:g} or more"
            left_out.append((entry, reason if faces else "no face found"))
        for face in wide:
            kind = networks.kind_of(face.width)
            crops[kind].append(face.pixels)
            people[kind].add(entry.name)
    _check_any([crop for each in crops.values() for crop in each], left_out)
    search = Search(gallery)
    best: dict[str, list[float]] = {kind: [] for kind in networks.views}
    rated: dict[str, list[float]] = {kind: [] for kind in networks.views}
    for kind, each in crops.items():
        for part in in_batches(each, batch_size):
            probes, qualities = networks.embed_and_rate(kind, np.stack(part))
            best[kind] += _best_scores(search, kind, probes)
            rated[kind] += qualities.tolist()
    scores, qualities = ({kind: np.array(each) for kind, each in lists.items()} for lists in (best, rated))
    everybody = set().union(*people.values())
    return Strangers(scores, qualities, len(everybody), {kind: len(people[kind]) for kind in crops}, left_out)


def _photographs(
    gallery: Gallery, entries: Iterable[Entry], left_out: list[tuple[Entry, str]]
) -> Iterator[tuple[Entry, np.ndarray]]:
    """Yield the photographs of people who are not enrolled, each file once; note the others in `left_out`."""
    enrolled, seen = gallery.people(), set()
    for entry in entries:
        try:
            if entry.name in enrolled:
                raise Refused("this person is enrolled")
            pixels, digest = read_photograph(entry.path)
            if (name := gallery.enrolled_as([digest]).get(digest)) is not None:
                raise Refused(f"this file is enrolled as {name}")
            if digest in seen:
                raise Refused("the same file as an earlier one")
        except Refused as error:
            left_out.append((entry, str(error)))
            continue
        seen.add(digest)
        yield entry, pixels


def _check_any(crops: Sequence[np.ndarray], left_out: Sequence[tuple[Entry, str]]) -> None:
    if not crops:
        reason = f"; the first was left out: {left_out[0][1]}" if left_out else ""
        raise ValueError(f"strangers: expected photographs of people who are not enrolled, got none{reason}")


def _best_scores(search: Search, kind: str, probes: np.ndarray) -> list[float]:
    return [found[0].score for found in search.top(kind, probes, 1) if found]

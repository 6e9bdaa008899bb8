"""Identify the faces of pictures: find each, embed it with the network that suits its width, search, decide."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cshml_tf.alignment.detector import FaceDetector
from cshml_tf.gallery.decision import Answer, Thresholds, too_narrow, too_poor
from cshml_tf.gallery.networks import GalleryNetworks
from cshml_tf.gallery.portraits import CroppedFace, Refused, crop_faces, in_batches, read_photograph
from cshml_tf.gallery.quality import sharpness_of
from cshml_tf.gallery.search import Search
from cshml_tf.gallery.store import Gallery

# Pictures whose faces are embedded together.
_PICTURES = 16


@dataclass(frozen=True)
class IdentifiedFace:
    """A face of a picture, and what is said of it.

    Attributes:
        face: the face.
        sharpness: variance of the Laplacian of the crop's grey levels.
        answer: the decision.
    """

    face: CroppedFace
    sharpness: float
    answer: Answer


@dataclass(frozen=True)
class IdentifiedPicture:
    """A picture and its faces.

    Attributes:
        path: the file.
        faces: its faces, from left to right.
        problem: why it could not be read; empty otherwise.
    """

    path: Path
    faces: Sequence[IdentifiedFace]
    problem: str = ""


class Identifier:
    """Says who is in a picture, from one gallery.

    Args:
        gallery: the gallery.
        networks: its networks.
        thresholds: in force.
        min_width: narrower faces are rejected, pixels of the picture.
        count: number of candidates for each face.
        min_quality: faces of lower quality are rejected, see `cshml_tf.gallery.quality`; None rejects none.

    Attributes:
        thresholds: in force; may be replaced by newer ones.
        search: in the gallery.

    Raises:
        ValueError: the networks are not the gallery's.
    """

    def __init__(
        self,
        gallery: Gallery,
        networks: GalleryNetworks,
        thresholds: Thresholds,
        min_width: float,
        count: int = 5,
        min_quality: float | None = None,
    ) -> None:
        gallery.check_views(networks.views)
        self._networks = networks
        self.thresholds = thresholds
        self._min_width = min_width
        self._count = count
        self._min_quality = min_quality
        self.search = Search(gallery)

    def identify(
        self, faces: Sequence[CroppedFace], batch_size: int = 32, count: int | None = None
    ) -> list[Answer]:
        """Decide on faces, each by the network that suits its width.

        Args:
            faces: the faces.
            batch_size: faces per forward pass.
            count: number of candidates for each face; None for the identifier's own.
        """
        kinds = [self._networks.kind_of(face.width) for face in faces]
        answers = {
            row: too_narrow(kinds[row], face.width, self._min_width)
            for row, face in enumerate(faces)
            if face.width < self._min_width
        }
        for kind in dict.fromkeys(kinds):
            rows = [row for row in range(len(faces)) if kinds[row] == kind and row not in answers]
            for part in in_batches(rows, batch_size):
                told = self._decide(kind, np.stack([faces[row].pixels for row in part]), count or self._count)
                answers |= zip(part, told, strict=True)
        return [answers[row] for row in range(len(faces))]

    def _decide(self, kind: str, pixels: np.ndarray, count: int) -> list[Answer]:
        """Decide on faces of one kind, wide enough."""
        probes, qualities = self._networks.embed_and_rate(kind, pixels)
        least = self._min_quality or 0.0
        good = np.flatnonzero(qualities >= least)
        found = iter(self.search.top(kind, probes[good], count) if good.size else ())
        return [
            dataclasses.replace(self.thresholds.decide(kind, next(found)), quality=quality)
            if quality >= least
            else too_poor(kind, quality, least)
            for quality in qualities.tolist()
        ]

    def identify_files(
        self,
        paths: Sequence[Path],
        detector: FaceDetector | None,
        batch_size: int = 32,
        progress: Callable[[Iterable], Iterable] = iter,
    ) -> Iterator[IdentifiedPicture]:
        """Decide on every face of picture files.

        Args:
            paths: the files. One that cannot be read is reported, and the run goes on.
            detector: the face detector; None if the pictures are crops already.
            batch_size: faces per forward pass.
            progress: wraps the sequence of batches of pictures, such as `tqdm`.

        Yields:
            Each picture with its faces, in the order of `paths`.
        """
        for part in progress(list(in_batches(paths, _PICTURES))):
            read = [self._read(path, detector) for path in part]
            faces = [face for found, _ in read for face in found]
            answers = iter(self.identify(faces, batch_size))
            for path, (found, problem) in zip(part, read, strict=True):
                told = [IdentifiedFace(face, sharpness_of(face.pixels), next(answers)) for face in found]
                yield IdentifiedPicture(path, told, problem)

    def _read(self, path: Path, detector: FaceDetector | None) -> tuple[list[CroppedFace], str]:
        try:
            pixels, _ = read_photograph(path)
        except Refused as error:
            return [], str(error)
        faces = crop_faces(pixels, self._networks.image_size, detector, self._min_width)
        return sorted(faces, key=lambda face: face.box[0]), ""

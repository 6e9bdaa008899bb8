"""What the server does with pictures: find faces, embed those of many requests together, decide, enrol."""

import asyncio
import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cshml_tf.alignment.detector import FaceDetector
from cshml_tf.comparing import find_face
from cshml_tf.gallery.calibration import Calibration, read_calibrations
from cshml_tf.gallery.database import DatabaseError
from cshml_tf.gallery.decision import Thresholds
from cshml_tf.gallery.enrolment import Entry, FoundPortrait, new_faces
from cshml_tf.gallery.identification import Identifier
from cshml_tf.gallery.networks import GalleryNetworks
from cshml_tf.gallery.portraits import CroppedFace, Refused, crop_faces, in_batches, one_portrait
from cshml_tf.gallery.schema import SHARP
from cshml_tf.gallery.store import Gallery
from cshml_tf.images import decode_image
from cshml_tf.server.clips import ClipLimits, frames_of
from cshml_tf.server.engine import Engine
from cshml_tf.server.probes import Probe, Seen, picture_seen
from cshml_tf.watch.sources import Frame
from cshml_tf.watch.watching import EndedTrack, SeenFrame, Watcher, WatchOptions


@dataclass(frozen=True)
class ServiceOptions:
    """How the service finds and decides.

    Attributes:
        min_width: narrower faces are rejected, pixels of the picture.
        min_quality: faces of lower quality are rejected; None rejects none.
        portrait_width: the smallest width of a portrait's face to enrol, pixels of the picture.
        fpir: false-positive identification rate to decide at; None for the one stated at calibration.
        top: candidates for each face if the client does not say how many.
        batch_size: pictures that are worked on together, and faces per forward pass.
        most_pixels: of a picture or a frame.
        clip: limits of a clip.
    """

    min_width: float
    min_quality: float | None
    portrait_width: float
    fpir: float | None
    top: int
    batch_size: int
    most_pixels: int
    clip: ClipLimits = ClipLimits()


@dataclass(frozen=True)
class Enrolled:
    """What became of one portrait.

    Attributes:
        status: "enrolled", "already enrolled" or "refused".
        face: number of the face; 0 unless enrolled.
        reason: why it was refused; empty otherwise.
        near: (name, score) of another person above the threshold; None if there is none.
    """

    status: str
    face: int = 0
    reason: str = ""
    near: tuple[str, float] | None = None


class Service:
    """A gallery and its networks, at the service of many clients at a time.

    Args:
        gallery: the gallery.
        networks: its networks.
        detector: the face detector; None if all pictures are aligned crops.
        options: see `ServiceOptions`.

    Raises:
        ValueError: the networks are not the gallery's, or its calibrations do not support the rate.
    """

    def __init__(
        self, gallery: Gallery, networks: GalleryNetworks, detector: FaceDetector | None, options: ServiceOptions
    ) -> None:
        self.gallery = gallery
        self.networks = networks
        self.options = options
        self._detector = detector
        self._calibrations: Mapping[str, Calibration] = {}
        limits = options.min_width, options.top, options.min_quality
        self._identifier = Identifier(gallery, networks, Thresholds({}), *limits)
        self.thresholds()
        self._watcher: tuple[Thresholds, Watcher] | None = None
        self.on_batch: Callable[[int, Sequence[str]], None] = lambda faces, statuses: None
        self.engine: Engine[Probe] = Engine(self._answer, options.batch_size)

    @property
    def has_detector(self) -> bool:
        """Whether faces are searched for; otherwise every picture is an aligned crop."""
        return self._detector is not None

    async def look(self, probe: Probe) -> Seen:
        """Look at a picture.

        Raises:
            UnreadableImage: it is no picture, or too large a one.
            DatabaseError: the gallery cannot be read.
            OtherNetworks: the gallery was rebuilt.
        """
        return await asyncio.wrap_future(self.engine.submit(probe))

    async def enrol(self, name: str, pictures: Sequence[tuple[str, bytes]], is_new: bool) -> list[Enrolled]:
        """Enrol portraits of one person, all in one transaction.

        Args:
            name: the person's name.
            pictures: (where it came from, content of the file) of each.
            is_new: whether the person must be new to the gallery, or must be enrolled already.

        Returns:
            The outcome of each picture.

        Raises:
            KnownPerson: the person must be new and is not.
            UnknownPerson: the person must be enrolled already and is not.
            DatabaseError: the gallery cannot be written.
            OtherNetworks: the gallery was rebuilt.
        """
        digests = [hashlib.sha256(content).hexdigest() for _, content in pictures]
        known = await asyncio.to_thread(self.gallery.enrolled_as, digests)
        outcomes: list[Enrolled | None] = [None] * len(pictures)
        found: dict[int, FoundPortrait] = {}
        for row, ((source, content), digest) in enumerate(zip(pictures, digests, strict=True)):
            if digest in known:
                outcomes[row] = _already(name, known[digest])
                continue
            if digest in digests[:row]:
                outcomes[row] = Enrolled("already enrolled")
                continue
            try:
                # One picture at a time, so that others' pictures get their turn.
                face = await asyncio.wrap_future(self.engine.call(lambda content=content: self._portrait(content)))
                found[row] = FoundPortrait(Entry(name, Path(source)), face, digest)
            except ValueError as error:
                outcomes[row] = Enrolled("refused", reason=str(error))
        if found:
            stored = await self._store(list(found.values()), is_new)
            for row, outcome in zip(found, stored, strict=True):
                outcomes[row] = outcome
        return [each for each in outcomes if each is not None]

    async def watch(self, path: Path) -> list[EndedTrack]:
        """Follow the faces of a clip; between two of its frames, other requests get their turn.

        It takes a service that has a detector.

        Args:
            path: a video file.

        Raises:
            UnreadableClip: it cannot be decoded.
            Overlong: it has too many frames, too large ones, or is too long.
            DatabaseError: the gallery cannot be read.
            OtherNetworks: the gallery was rebuilt.
        """
        events = await asyncio.wrap_future(self.engine.call(lambda: self._begin_watching(path)))
        tracks = []
        try:
            while (event := await asyncio.wrap_future(self.engine.call(lambda: next(events, None)))) is not None:
                if isinstance(event, EndedTrack):
                    tracks.append(event)
        finally:
            # On the thread that runs it: the file is closed there.
            await asyncio.wrap_future(self.engine.call(events.close))
        await asyncio.to_thread(self.gallery.check_views, self.networks.views)
        return tracks

    def _begin_watching(self, path: Path) -> Generator[Frame | SeenFrame | EndedTrack]:
        assert self._detector is not None
        thresholds = self.thresholds()
        if self._watcher is None or self._watcher[0] is not thresholds:
            limits = self.options.min_width, self.options.min_quality
            options = WatchOptions(*limits, count=self.options.top)
            watcher = Watcher(self.gallery, self.networks, thresholds, self._detector, options)
            self._watcher = thresholds, watcher
        frames = frames_of(path, self.options.clip, self.options.most_pixels)
        return self._watcher[1].watch(frames)

    def thresholds(self) -> Thresholds:
        """Return the thresholds in force, which another process may have set anew."""
        found = read_calibrations(self.gallery)
        if not _are_same(found, self._calibrations):
            try:
                self._identifier.thresholds = Thresholds(found, self.options.fpir)
            except ValueError as error:
                raise DatabaseError(f"{self.gallery.name}: {error}") from None
            self._calibrations = found
        return self._identifier.thresholds

    def close(self) -> None:
        """Finish what waits, and close the gallery."""
        self.engine.close()
        self.gallery.database.close()

    async def _store(self, found: Sequence[FoundPortrait], is_new: bool) -> list[Enrolled]:
        def embed() -> tuple[list, list[tuple[str, float] | None]]:
            faces = new_faces(self.networks, found)
            return faces, self._near_others(found[0].entry.name, [face.vectors[SHARP] for face in faces])

        faces, near = await asyncio.wrap_future(self.engine.call(embed))
        # Not on the worker's thread: another process may keep the gallery waiting.
        numbers = await asyncio.to_thread(self.gallery.add_faces, faces, self.networks.views, is_new)
        return [
            Enrolled("enrolled", number, near=other) if number else Enrolled("already enrolled")
            for number, other in zip(numbers, near, strict=True)
        ]

    def _portrait(self, content: bytes) -> CroppedFace:
        pixels = decode_image(content, self.options.most_pixels)
        return one_portrait(pixels, self.networks.image_size, self._detector, self.options.portrait_width)

    def _near_others(self, name: str, vectors: Sequence[np.ndarray]) -> list[tuple[str, float] | None]:
        """Find for each face the most similar other person whose score reaches the threshold."""
        threshold = self.thresholds().by_kind.get(SHARP)
        if threshold is None:
            return [None] * len(vectors)
        near = []
        for candidates in self._identifier.search.top(SHARP, np.stack(vectors), 2):
            others = [each for each in candidates if each.name != name and each.score >= threshold.value]
            near.append((others[0].name, others[0].score) if others else None)
        return near

    def _answer(self, probes: Sequence[Probe]) -> list[Seen | Exception]:
        """Look at pictures together; run on the worker's thread."""
        found = [self._find(probe) for probe in probes]
        faces = {True: [], False: []}
        for probe, seen in zip(probes, found, strict=True):
            if not isinstance(seen, Exception):
                faces[probe.top > 0] += seen[1]
        thresholds, size = self.thresholds(), self.options.batch_size
        most = max(probe.top for probe in probes)
        answers = self._identifier.identify(faces[True], size, most) if faces[True] else []
        embedded = self._embed(faces[False], size)
        # After the search: another process may have rebuilt the gallery before it or meanwhile.
        self.gallery.check_views(self.networks.views)
        kinds = {answer.kind for answer in answers if not answer.reason}
        notes = {kind: thresholds.notes(self.gallery, {kind}) for kind in kinds}
        self.on_batch(len(answers) + len(embedded), [answer.status for answer in answers])
        decided, rows, kind_of = iter(answers), iter(embedded), self.networks.kind_of
        return [
            seen if isinstance(seen, Exception) else picture_seen(probe, seen, decided, rows, notes, kind_of)
            for probe, seen in zip(probes, found, strict=True)
        ]

    def _find(self, probe: Probe) -> tuple[tuple[int, int], list[CroppedFace]] | Exception:
        """Decode a picture and cut out its faces; only the crops stay in memory."""
        try:
            pixels = decode_image(probe.content, self.options.most_pixels)
        except ValueError as error:
            return error
        size, detector = self.networks.image_size, self._detector
        if probe.one_face and detector is not None:
            one = find_face(pixels, size, detector)
            if one is None or one.face is None:
                return Refused("no face found")
            box = one.face.x, one.face.y, one.face.width, one.face.height
            faces = [CroppedFace(one.pixels, one.width, one.face.score, box)]
        else:
            faces = crop_faces(pixels, size, detector, self.options.min_width)
        return pixels.shape[:2], sorted(faces, key=lambda face: face.box[0])

    def _embed(self, faces: Sequence[CroppedFace], size: int) -> list[np.ndarray]:
        kinds = [self.networks.kind_of(face.width) for face in faces]
        embeddings: dict[int, np.ndarray] = {}
        for kind in dict.fromkeys(kinds):
            for part in in_batches([row for row, each in enumerate(kinds) if each == kind], size):
                vectors = self.networks.embed(kind, np.stack([faces[row].pixels for row in part]))
                embeddings |= dict(zip(part, vectors, strict=True))
        return [embeddings[row] for row in range(len(faces))]


def _already(name: str, known: str) -> Enrolled:
    if known == name:
        return Enrolled("already enrolled")
    return Enrolled("refused", reason=f"this file is enrolled as {known}")


def _are_same(first: Mapping[str, Calibration], second: Mapping[str, Calibration]) -> bool:
    if first.keys() != second.keys():
        return False
    pairs = ((each, second[kind]) for kind, each in first.items())
    return all(
        (a.fpir, a.people, a.faces, a.created) == (b.fpir, b.people, b.faces, b.created)
        and np.array_equal(a.scores, b.scores)
        for a, b in pairs
    )

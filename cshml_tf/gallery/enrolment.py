"""Enrol photographs: find the one face of each, embed it in every view of the gallery, store it."""

import csv
import io
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cshml_tf.alignment.detector import FaceDetector
from cshml_tf.data.people import check_distinct
from cshml_tf.files import ListWarning, normalised, printable, read_text, visible_entries
from cshml_tf.gallery.csv_cells import unescaped
from cshml_tf.gallery.networks import GalleryNetworks
from cshml_tf.gallery.portraits import CroppedFace, Refused, one_portrait, read_photograph
from cshml_tf.gallery.quality import Quality, mirror_distances, sharpness_of
from cshml_tf.gallery.rows import NewFace, checked_name
from cshml_tf.gallery.schema import SHARP
from cshml_tf.gallery.search import Search
from cshml_tf.gallery.store import Gallery
from cshml_tf.images import IMAGE_SUFFIXES, encode_image, list_images

ENROLLED, KNOWN, REFUSED = "enrolled", "already enrolled", "refused"


@dataclass(frozen=True)
class Entry:
    """A photograph to enrol.

    Attributes:
        name: the person's name.
        path: the file.
    """

    name: str
    path: Path


class Near(NamedTuple):
    """Another person whom a new portrait resembles.

    Attributes:
        name: the person's name.
        score: of the new portrait and the person.
        face: number of the person's most similar face.
    """

    name: str
    score: float
    face: int


@dataclass(frozen=True)
class Outcome:
    """What became of one photograph.

    Attributes:
        entry: the photograph.
        status: "enrolled", "already enrolled" or "refused".
        reason: why it was refused; empty otherwise.
        near: another person that the face is nearer to than a threshold; None if there is none.
        was_refused: whether an earlier run refused the same file for the same reason.
    """

    entry: Entry
    status: str
    reason: str = ""
    near: Near | None = None
    was_refused: bool = False


@dataclass(frozen=True)
class FoundPortrait:
    """A photograph whose face was found, but not embedded yet.

    Attributes:
        entry: the photograph.
        face: its face.
        digest: SHA-256 of the file, in hexadecimal.
    """

    entry: Entry
    face: CroppedFace
    digest: str


def read_entries(source: str | Path) -> list[Entry]:
    """List the photographs of a folder of class folders, or of a CSV file with the columns name and file.

    Args:
        source: the folder, whose class folders bear the people's names; or the CSV, whose files are relative to
            its own folder.

    Returns:
        The photographs, in the order of the CSV or of the names.

    Raises:
        ValueError: there are none, or the CSV or a name is malformed.
        OSError: it cannot be read.
    """
    source = Path(source)
    entries = _entries_of_folder(source) if source.is_dir() else _entries_of_csv(source)
    if not entries:
        raise ValueError(
            f"{printable(source)}: expected class folders with photographs, or a CSV of name and file"
        )
    return entries


def enrol(
    gallery: Gallery,
    networks: GalleryNetworks,
    entries: Iterable[Entry],
    detector: FaceDetector | None,
    min_width: float,
    near_threshold: float | None = None,
    batch_size: int = 8,
) -> Iterator[Outcome]:
    """Enrol photographs; what cannot be enrolled is refused with its reason, and the run goes on.

    Args:
        gallery: the gallery.
        networks: its networks.
        entries: the photographs.
        detector: the face detector; None if the pictures are aligned crops already.
        min_width: the smallest width of a face to enrol, in pixels of the photograph.
        near_threshold: score from which another person counts as too near; None does not look.
        batch_size: number of faces per forward pass and per transaction.

    Yields:
        The outcome of each photograph, once it is stored for good; refused and known ones come earlier than
        enrolled ones.

    Raises:
        ValueError: the networks are not the gallery's, or the gallery cannot be written.
    """
    gallery.check_views(networks.views)
    search, waiting = Search(gallery), []
    for entry in entries:
        digest = ""
        try:
            _check_name(entry.name)
            pixels, digest = read_photograph(entry.path)
            if (known := _known_as(gallery, waiting, digest)) is not None:
                yield _already(entry, known)
                continue
            face = one_portrait(pixels, networks.image_size, detector, min_width)
        except Refused as error:
            reason = str(error)
            yield Outcome(
                entry, REFUSED, reason, was_refused=bool(digest) and gallery.refused_before(digest, reason)
            )
            continue
        waiting.append(FoundPortrait(entry, face, digest))
        if len(waiting) == batch_size:
            yield from _store(gallery, networks, search, waiting, near_threshold)
            waiting = []
    yield from _store(gallery, networks, search, waiting, near_threshold)


def _check_name(name: str) -> None:
    try:
        checked_name(name)
    except ValueError as error:
        raise Refused(str(error)) from None


def _known_as(gallery: Gallery, waiting: Sequence[FoundPortrait], digest: str) -> str | None:
    """Return the name under which a file is enrolled, or is about to be."""
    about_to_be = {each.digest: each.entry.name for each in waiting}
    return about_to_be.get(digest) or gallery.enrolled_as([digest]).get(digest)


def _already(entry: Entry, name: str) -> Outcome:
    if name == checked_name(entry.name):
        return Outcome(entry, KNOWN)
    return Outcome(entry, REFUSED, f"this file is enrolled as {name}")


def _store(
    gallery: Gallery,
    networks: GalleryNetworks,
    search: Search,
    waiting: Sequence[FoundPortrait],
    near_threshold: float | None,
) -> Iterator[Outcome]:
    """Embed and store faces in one transaction."""
    if not waiting:
        return
    faces = new_faces(networks, waiting)
    numbers = gallery.add_faces(faces, networks.views)
    near = _near(gallery, search, faces, near_threshold)
    for each, number, other in zip(waiting, numbers, near, strict=True):
        if number:
            yield Outcome(each.entry, ENROLLED, near=other)
        else:
            # Another process was faster.
            yield _already(each.entry, gallery.enrolled_as([each.digest]).get(each.digest, each.entry.name))


def new_faces(networks: GalleryNetworks, found: Sequence[FoundPortrait]) -> list[NewFace]:
    """Embed found faces in every view, with the figures of each."""
    pixels = np.stack([each.face.pixels for each in found])
    vectors = networks.embed_portraits(pixels)
    distances = mirror_distances(lambda faces: networks.embed(SHARP, faces), pixels, vectors[SHARP])
    return [
        NewFace(
            name=each.entry.name,
            crop=encode_image(each.face.pixels),
            source=str(each.entry.path),
            digest=each.digest,
            quality=Quality(
                each.face.width, each.face.detector_score, sharpness_of(each.face.pixels), float(distances[row])
            ),
            vectors={kind: rows[row] for kind, rows in vectors.items()},
        )
        for row, each in enumerate(found)
    ]


def _near(
    gallery: Gallery, search: Search, faces: Sequence[NewFace], threshold: float | None
) -> list[Near | None]:
    """Find for each face the most similar other person whose score reaches the threshold."""
    if threshold is None:
        return [None] * len(faces)
    near: list[Near | None] = []
    found = search.top(SHARP, np.stack([face.vectors[SHARP] for face in faces]), 2)
    for face, candidates in zip(faces, found, strict=True):
        others = [each for each in candidates if each.name != checked_name(face.name)]
        is_near = bool(others) and others[0].score >= threshold
        near.append(Near(others[0].name, others[0].score, others[0].face) if is_near else None)
    return near


def _entries_of_folder(folder: Path) -> list[Entry]:
    entries = visible_entries(folder)
    people = [path for path in entries if path.is_dir()]
    check_distinct([person.name for person in people], folder)
    loose = [path for path in entries if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    if loose:
        warnings.warn(
            f"{printable(folder)}: {len(loose)} photograph(s) passed over, which lie in no person's folder: "
            f"{printable(loose[0].name)}, for example",
            ListWarning,
            stacklevel=2,
        )
    return [Entry(normalised(person.name), person / image) for person in people for image in list_images(person)]


def _entries_of_csv(path: Path) -> list[Entry]:
    try:
        text = read_text(path)
    except ValueError as error:
        raise ValueError(
            f"{error}; expected a folder with a folder per person, or a CSV with the heading name,file"
        ) from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    entries = []
    try:
        for row in rows:
            where = f"{printable(path)}, line {rows.line_num}"
            if rows.line_num == 1:
                if [cell.strip().lower() for cell in row] != ["name", "file"]:
                    raise ValueError(
                        f"{where}: expected the heading name,file, got {printable(','.join(row))[:80]!r}"
                    )
            elif row:
                if len(row) != 2 or not row[1].strip() or "\0" in row[1]:
                    raise ValueError(f"{where}: expected a name and a file, got {_shown(row)}")
                name, file = map(unescaped, row)
                entries.append(Entry(_name_in(where, name), path.parent / file.strip()))
    except csv.Error as error:
        raise ValueError(f"{printable(path)}, line {rows.line_num}: expected CSV: {error}") from None
    return entries


def _shown(row: list[str]) -> str:
    return repr(printable(",".join(row))[:80])


def _name_in(where: str | Path, name: str) -> str:
    try:
        return checked_name(name)
    except ValueError as error:
        raise ValueError(f"{printable(where)}: {error}") from None

"""The rows of a gallery's tables, read and written inside a transaction that the caller has opened."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, CursorResult, func, insert, select

from cshml_tf.files import normalised, printable
from cshml_tf.gallery.content import LONGEST_NAME, check_card
from cshml_tf.gallery.quality import Quality
from cshml_tf.gallery.schema import EMBEDDINGS, FACES, FORMAT, GALLERY, LOG, NETWORKS, PEOPLE, VIEWS
from cshml_tf.gallery.views import View

# Well below the number of parameters that either database accepts.
_MOST_PARAMETERS = 500


@dataclass(frozen=True)
class Card:
    """What a gallery says of itself.

    Attributes:
        created: time of creation, UTC.
        image_size: (height, width) of the crops.
        embedding_size: number of values of an embedding.
        hr_width: width in pixels from which the HR network embeds a probe.
        person_score: "best" or "mean" of the scores of a person's faces.
        search: "exact" or, in PostgreSQL, "hnsw".
        revision: changes with every write.
        views: the views by kind, "HR" first.
        view_ids: the number of each view.
    """

    created: str
    image_size: tuple[int, int]
    embedding_size: int
    hr_width: float
    person_score: str
    search: str
    revision: int
    views: dict[str, View]
    view_ids: dict[str, int]


@dataclass(frozen=True)
class NewFace:
    """A face to enrol.

    Attributes:
        name: the person's name.
        crop: PNG of the aligned face.
        source: where it came from.
        digest: SHA-256 of the photograph's file, in hexadecimal.
        quality: its figures.
        vectors: (E,) float32 of unit length for each kind of view.
    """

    name: str
    crop: bytes
    source: str
    digest: str
    quality: Quality
    vectors: dict[str, np.ndarray]


@dataclass(frozen=True)
class StoredFace:
    """An enrolled face.

    Attributes:
        id: its number.
        name: the person's name.
        source: where it came from.
        created: time of enrolment, UTC.
        quality: its figures.
    """

    id: int
    name: str
    source: str
    created: str
    quality: Quality


def now() -> str:
    """Return the time in UTC, as "2026-01-31T12:00:00Z"."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def checked_name(name: str, label: str = "name") -> str:
    """Return a person's name in Unicode's composed form, without blanks around it.

    Args:
        name: the name.
        label: how the error message calls it.

    Raises:
        ValueError: it is empty, too long, or would not show on one line.
    """
    name = normalised(name).strip()
    if not 0 < len(name) <= LONGEST_NAME or printable(name) != name:
        got = f"{len(name)}, {printable(name)[:80]!r}"
        raise ValueError(f"{label}: expected 1 to {LONGEST_NAME} printable characters, got {got}")
    return name


def write_card(connection: Connection, card: Card) -> dict[str, int]:
    """Write the card, the networks and the views of an empty gallery; return the views' numbers by kind."""
    connection.execute(
        insert(GALLERY).values(
            id=1,
            format=FORMAT,
            created=card.created,
            image_height=card.image_size[0],
            image_width=card.image_size[1],
            embedding_size=card.embedding_size,
            hr_width=card.hr_width,
            person_score=card.person_score,
            search=card.search,
            revision=card.revision,
        )
    )
    return write_views(connection, card.views.values())


def write_views(connection: Connection, views: Iterable[View]) -> dict[str, int]:
    """Write networks and views; return the number of each view by its kind."""
    network_ids: dict[str, int] = {}
    view_ids = {}
    for view in views:
        if view.digest not in network_ids:
            row = insert(NETWORKS).values(digest=view.digest, folder=view.folder)
            network_ids[view.digest] = _id_of(connection.execute(row))
        row = insert(VIEWS).values(
            network_id=network_ids[view.digest],
            kind=view.kind,
            degradation=view.degradation,
            weight=view.weight,
        )
        view_ids[view.kind] = _id_of(connection.execute(row))
    return view_ids


def read_card(connection: Connection, name: str) -> Card:
    """Read the card of a gallery.

    Args:
        connection: inside a transaction.
        name: how the error message names the gallery.

    Raises:
        ValueError: there is no card, it is of another version, or a value in it is out of range.
    """
    row = connection.execute(select(GALLERY)).one_or_none()
    if row is None or row.format != FORMAT:
        got = "none" if row is None else f"version {row.format}"
        raise ValueError(f"{name}: expected a gallery of version {FORMAT}, got {got}")
    query = select(VIEWS, NETWORKS.c.digest, NETWORKS.c.folder).join(NETWORKS).order_by(VIEWS.c.id)
    rows = connection.execute(query).all()
    card = Card(
        created=row.created,
        image_size=(row.image_height, row.image_width),
        embedding_size=row.embedding_size,
        hr_width=row.hr_width,
        person_score=row.person_score,
        search=row.search,
        revision=row.revision,
        views={
            each.kind: View(each.kind, each.digest, each.folder, each.degradation, each.weight) for each in rows
        },
        view_ids={each.kind: each.id for each in rows},
    )
    check_card(name, vars(card), card.views)
    return card


def count_people_and_faces(connection: Connection) -> tuple[int, int]:
    """Return the numbers of people and of faces."""
    people = connection.scalar(select(func.count()).select_from(PEOPLE))
    faces = connection.scalar(select(func.count()).select_from(FACES))
    return people or 0, faces or 0


def enrolled_as(connection: Connection, digests: Iterable[str]) -> dict[str, str]:
    """Return the person's name for each of these files that is enrolled, by its SHA-256."""
    digests, found = list(digests), {}
    for start in range(0, len(digests), _MOST_PARAMETERS):
        some = digests[start : start + _MOST_PARAMETERS]
        query = select(FACES.c.digest, PEOPLE.c.name).join(PEOPLE).where(FACES.c.digest.in_(some))
        found |= {digest: name for digest, name in connection.execute(query)}
    return found


def insert_face(connection: Connection, card: Card, name: str, face: NewFace) -> int:
    """Insert one face with all of its embeddings, and its person if the name is new; return its number.

    Raises:
        ValueError: the vectors are not those of the gallery's views.
    """
    shapes = {kind: vector.shape for kind, vector in face.vectors.items()}
    expected = {kind: (card.embedding_size,) for kind in card.views}
    if shapes != expected:
        raise ValueError(f"vectors: expected shapes {expected}, got {shapes}")
    person = connection.scalar(select(PEOPLE.c.id).where(PEOPLE.c.name == name))
    if person is None:
        person = _id_of(connection.execute(insert(PEOPLE).values(name=name, created=now())))
    row = insert(FACES).values(
        person_id=person,
        crop=face.crop,
        source=printable(face.source),
        digest=face.digest,
        created=now(),
        width=face.quality.width,
        detector_score=face.quality.detector_score,
        sharpness=face.quality.sharpness,
        mirror_distance=face.quality.mirror_distance,
    )
    number = _id_of(connection.execute(row))
    vectors = [
        {"view_id": card.view_ids[kind], "face_id": number, "vector": vector}
        for kind, vector in face.vectors.items()
    ]
    connection.execute(insert(EMBEDDINGS), vectors)
    write_log(connection, "enrolled", person, 1)
    return number


def write_log(connection: Connection, action: str, person: int | None, faces: int | None) -> None:
    """Add a line to the log: what was done, to which person's number, with how many faces."""
    connection.execute(insert(LOG).values(at=now(), action=action, person=person, faces=faces))


def _id_of(result: CursorResult) -> int:
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])

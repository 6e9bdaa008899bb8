"""A gallery: people and their faces in a database, changed in transactions and bound to its networks."""

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import Connection, delete, func, insert, select, update

from cshml_tf.files import normalised, printable
from cshml_tf.gallery.content import FaceRow, LogRow, check_person_name, check_row, checked_crop
from cshml_tf.gallery.database import Database
from cshml_tf.gallery.quality import Quality
from cshml_tf.gallery.rows import (
    Card,
    NewFace,
    StoredFace,
    checked_name,
    count_people_and_faces,
    enrolled_as,
    insert_face,
    read_card,
    write_log,
)
from cshml_tf.gallery.schema import FACES, GALLERY, LOG, PEOPLE, REFUSALS
from cshml_tf.gallery.views import View


class UnknownPerson(ValueError):
    """Nobody of that name is enrolled."""


class KnownPerson(ValueError):
    """Somebody of that name is enrolled already."""


class OtherNetworks(ValueError):
    """Networks are not those whose embeddings the gallery holds."""


class Gallery:
    """An open gallery.

    Args:
        database: a database with the tables of a gallery.

    Attributes:
        database: the database.
        name: how messages name the gallery.

    Raises:
        ValueError: the database holds no gallery, or one of another version.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.name = database.name
        if not database.has_tables():
            raise ValueError(
                f"{self.name}: expected a gallery, got a database with other tables or none; create it first"
            )
        self.card()

    def card(self) -> Card:
        """Read the gallery's card.

        Raises:
            ValueError: the gallery is of another version, or has no card.
        """
        with self.database.reading() as connection:
            return read_card(connection, self.name)

    def size(self) -> tuple[int, int]:
        """Return the numbers of people and of faces."""
        with self.database.reading() as connection:
            return count_people_and_faces(connection)

    def people(self) -> dict[str, int]:
        """Return the number of faces of each person, by name in alphabetical order."""
        query = (
            select(PEOPLE.c.name, func.count(FACES.c.id))
            .join(FACES, isouter=True)
            .group_by(PEOPLE.c.name)
            .order_by(PEOPLE.c.name)
        )
        with self.database.reading() as connection:
            found = {name: count for name, count in connection.execute(query)}
        self._check_names(found)
        return found

    def some_people(self, after: str, count: int) -> dict[str, tuple[int, int | None]]:
        """Return the number of faces and the first face of some people, by name in the database's order.

        Args:
            after: only names that follow this one; empty for the first people.
            count: the largest number of people.

        Returns:
            (faces, number of the first face) by name; the number is None for somebody without a face.
        """
        query = (
            select(PEOPLE.c.name, func.count(FACES.c.id), func.min(FACES.c.id))
            .join(FACES, isouter=True)
            .where(PEOPLE.c.name > after)
            .group_by(PEOPLE.c.name)
            .order_by(PEOPLE.c.name)
            .limit(count)
        )
        with self.database.reading() as connection:
            found = {name: (faces, first) for name, faces, first in connection.execute(query)}
        self._check_names(found)
        return found

    def faces_of(self, name: str) -> list[StoredFace]:
        """List the faces of a person.

        Raises:
            ValueError: nobody of that name is enrolled.
        """
        with self.database.reading() as connection:
            person = self._person(connection, name)
            columns = [column for column in FACES.c if column is not FACES.c.crop]
            query = select(*columns).where(FACES.c.person_id == person).order_by(FACES.c.id)
            rows = connection.execute(query).all()
        for row in rows:
            check_row(f"{self.name}: faces", row._mapping, FaceRow)
        return [
            StoredFace(
                row.id,
                normalised(name),
                row.source,
                row.created,
                Quality(row.width, row.detector_score, row.sharpness, row.mirror_distance),
            )
            for row in rows
        ]

    def crop_of(self, face: int) -> bytes:
        """Return the PNG of a face's crop.

        Raises:
            ValueError: there is no such face, or its crop is damaged.
        """
        with self.database.reading() as connection:
            card = read_card(connection, self.name)
            crop = connection.scalar(select(FACES.c.crop).where(FACES.c.id == face))
        if crop is None:
            raise ValueError(f"{self.name}: expected the number of a face, got {face}")
        checked_crop(self.name, card.image_size, face, crop)
        return crop

    def enrolled_as(self, digests: Iterable[str]) -> dict[str, str]:
        """Return the person's name for each of these files that is enrolled, by its SHA-256."""
        with self.database.reading() as connection:
            return enrolled_as(connection, digests)

    def add_faces(
        self, faces: Sequence[NewFace], views: Mapping[str, View] | None = None, is_new: bool | None = None
    ) -> list[int]:
        """Enrol faces, all in one transaction; who has a new name becomes a new person.

        Files that are enrolled already, or that occur twice, are passed over.

        Args:
            faces: with a vector for each view of the gallery.
            views: of the networks that embedded the faces, checked in the same transaction, since another process
                may have rebuilt the gallery; None does not check.
            is_new: whether everybody must be new to the gallery (true) or enrolled already (false); None allows
                both.

        Returns:
            The number of each face; 0 for one that was passed over.

        Raises:
            ValueError: a name is not one, or the vectors are not those of the gallery's views.
            OtherNetworks: the gallery has other networks.
            KnownPerson: somebody is enrolled who must be new.
            UnknownPerson: somebody is new who must be enrolled.
        """
        names = [checked_name(face.name) for face in faces]
        with self._changing() as (connection, card):
            if views is not None:
                self._compare_views(card.views, views)
            if is_new is not None:
                _check_people(connection, set(names), is_new)
            known = set(enrolled_as(connection, [face.digest for face in faces]))
            numbers = []
            for face, name in zip(faces, names, strict=True):
                is_known = face.digest in known
                known.add(face.digest)
                numbers.append(0 if is_known else insert_face(connection, card, name, face))
            return numbers

    def refused_before(self, digest: str, reason: str) -> bool:
        """Remember that a file was refused; return whether it was refused for this reason before.

        Args:
            digest: SHA-256 of the file.
            reason: why it was refused.
        """
        mark = hashlib.sha256(f"{digest} {reason}".encode()).hexdigest()
        query = select(REFUSALS.c.digest).where(REFUSALS.c.digest == mark)
        with self.database.reading() as connection:
            if connection.scalar(query) is not None:
                return True
        with self.database.writing() as connection:
            # Another process may have been faster.
            if connection.scalar(query) is None:
                connection.execute(insert(REFUSALS).values(digest=mark))
        return False

    def remove(self, name: str) -> int:
        """Remove a person: name, crops, embeddings. In SQLite, no byte of them stays in the file.

        While another process is reading the file, old bytes cannot be erased: see `unerased`.

        Returns:
            The number of faces removed.

        Raises:
            ValueError: nobody of that name is enrolled.
        """
        with self._changing() as (connection, card):
            person = self._person(connection, name)
            faces = connection.scalar(select(func.count()).where(FACES.c.person_id == person)) or 0
            connection.execute(delete(PEOPLE).where(PEOPLE.c.id == person))
            connection.execute(delete(REFUSALS))
            self.database.mark_old_bytes(connection, card.revision + 1)
            write_log(connection, "removed", person, faces)
        self.database.scrub()
        return faces

    def rename(self, name: str, new_name: str) -> None:
        """Rename a person; the old name leaves the file.

        Raises:
            ValueError: nobody of that name is enrolled, or somebody of the new one is; `merge` joins two people.
        """
        new_name = checked_name(new_name, "new_name")
        with self._changing() as (connection, card):
            person = self._person(connection, name)
            if connection.scalar(select(PEOPLE.c.id).where(PEOPLE.c.name == new_name)) is not None:
                raise ValueError(f"{new_name}: expected a name that nobody has; merge joins two people")
            connection.execute(update(PEOPLE).where(PEOPLE.c.id == person).values(name=new_name))
            self.database.mark_old_bytes(connection, card.revision + 1)
            write_log(connection, "renamed", person, None)
        self.database.scrub()

    def merge(self, name: str, into: str) -> int:
        """Give all faces of one person to another, and remove the first name.

        Returns:
            The number of faces that changed hands.

        Raises:
            ValueError: nobody has one of the names, or both are the same person.
        """
        with self._changing() as (connection, card):
            person, other = self._person(connection, name), self._person(connection, into)
            if person == other:
                raise ValueError(f"{name}: expected two people, got one name twice")
            moved = connection.execute(
                update(FACES).where(FACES.c.person_id == person).values(person_id=other)
            ).rowcount
            connection.execute(delete(PEOPLE).where(PEOPLE.c.id == person))
            self.database.mark_old_bytes(connection, card.revision + 1)
            write_log(connection, "merged away", person, moved)
            write_log(connection, "merged into", other, moved)
        self.database.scrub()
        return moved

    def unerased(self) -> str | None:
        """Try again to erase what others' reading has kept in the file, and say so if it is still there.

        Returns:
            One sentence, or None if nothing of removed people and names is in the file.
        """
        self.database.scrub(patience=0)
        if not self.database.has_old_bytes():
            return None
        return (
            f"removed people and names are in no answer any more, but old bytes of them (name, crop, embedding) "
            f"are still in {self.name} or its -wal file, because another process is using the gallery; the next "
            "change of the gallery, or cshml-gallery list, after that process has finished erases them"
        )

    def log(self) -> list[tuple[str, str, int | None, int | None]]:
        """Return the log: (time in UTC, action, number of the person, number of faces) of each change."""
        with self.database.reading() as connection:
            rows = connection.execute(select(LOG).order_by(LOG.c.id)).all()
        for row in rows:
            check_row(f"{self.name}: log", row._mapping, LogRow)
        return [(row.at, row.action, row.person, row.faces) for row in rows]

    def check_views(self, given: Mapping[str, View]) -> None:
        """Refuse networks other than those whose embeddings the gallery holds.

        Args:
            given: the views of the networks, by kind.

        Raises:
            OtherNetworks: a network is missing, is another one or is not the gallery's.
        """
        self._compare_views(self.card().views, given)

    def _compare_views(self, views: Mapping[str, View], given: Mapping[str, View]) -> None:
        if set(given) != set(views):
            raise OtherNetworks(
                f"{self.name}: expected networks for {', '.join(views)}, got {', '.join(given)}; rebuild embeds "
                "the faces with other networks"
            )
        for kind, view in views.items():
            got = given[kind]
            if (got.digest, got.degradation) != (view.digest, view.degradation):
                raise OtherNetworks(
                    f"{self.name}: expected the network of {kind} with SHA-256 {view.digest[:12]}..., "
                    f"got {got.folder} with {got.digest[:12]}...; rebuild embeds the faces with other networks"
                )

    def _check_names(self, names: Iterable[str]) -> None:
        for name in names:
            check_person_name(self.name, name)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[tuple[Connection, Card]]:
        with self.database.writing() as connection:
            card = read_card(connection, self.name)
            connection.execute(update(GALLERY).values(revision=card.revision + 1))
            yield connection, card

    def _person(self, connection: Connection, name: str) -> int:
        person = connection.scalar(select(PEOPLE.c.id).where(PEOPLE.c.name == normalised(name)))
        if person is None:
            raise UnknownPerson(f"{self.name}: expected the name of an enrolled person, got {printable(name)}")
        return person


def _check_people(connection: Connection, names: set[str], is_new: bool) -> None:
    """Check that all of these people are new to the gallery, or that none is."""
    for name in sorted(names):
        is_enrolled = connection.scalar(select(PEOPLE.c.id).where(PEOPLE.c.name == name)) is not None
        if is_enrolled and is_new:
            raise KnownPerson(f"{name}: expected a new name, got that of an enrolled person")
        if not is_enrolled and not is_new:
            raise UnknownPerson(f"expected the name of an enrolled person, got {name}")

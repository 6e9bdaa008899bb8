"""Find the people most like a probe: exact cosine similarity to every enrolled face.

The score of a face is HL, the cosine of the probe and the sharp portrait, or, for a probe that an LR network
embedded, the weighted mean of HL and LL, the cosine of the probe and the portrait that was reduced to the probe's
resolution and embedded by the same LR network: (HL + w LL) / (1 + w). The probe p is the same in both, so that
HL + w LL = p . (h + w l): one row per face serves both scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, select

from cshml_tf.evaluation.second_score import join_scores
from cshml_tf.gallery.content import check_person_name, checked_vectors
from cshml_tf.gallery.database import DatabaseError
from cshml_tf.gallery.rows import Card, read_card
from cshml_tf.gallery.schema import EMBEDDINGS, FACES, PEOPLE, SHARP
from cshml_tf.gallery.store import Gallery

# Scores in memory at a time: 16 MiB.
_BLOCK = 2**22
_ROWS_AT_A_TIME = 4096
# Well below the number of parameters that either database accepts.
_MOST_PARAMETERS = 500


@dataclass(frozen=True)
class Candidate:
    """A person that a probe may show.

    Attributes:
        person: the person's number.
        name: the person's name.
        score: of the person, -1..1.
        face: number of the person's most similar face.
    """

    person: int
    name: str
    score: float
    face: int


@dataclass(frozen=True)
class Rows:
    """The faces of a gallery as a probe of one view sees them, sorted by person.

    Attributes:
        vectors: (faces, E) float32; h, or (h + w l) / (1 + w).
        faces: (faces,) int64, the faces' numbers.
        people: (people,) int64, the numbers of the people who have faces, ascending.
        starts: (people,) int64, the first row of each person.
    """

    vectors: np.ndarray
    faces: np.ndarray
    people: np.ndarray
    starts: np.ndarray


class Search:
    """The search in one gallery: in memory for SQLite, inside the database for PostgreSQL.

    A view's rows are read once, and again after the gallery has changed.

    Args:
        gallery: the gallery.
    """

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._rows: dict[str, Rows] = {}
        self._revision = -1

    def top(self, kind: str, probes: np.ndarray, count: int) -> list[list[Candidate]]:
        """Find the people most like each probe.

        Args:
            kind: the view that suits the probes: "HR", or the resolution of the LR network that embedded them.
            probes: (probes, E) float32, each of unit length.
            count: number of people, at least 1.

        Returns:
            For each probe at most `count` candidates, best first; of equal scores, the person enrolled first.

        Raises:
            ValueError: the gallery has no such view, or is damaged.
        """
        with self._gallery.database.reading() as connection:
            card = read_card(connection, self._gallery.name)
            if kind not in card.views:
                raise ValueError(
                    f"{self._gallery.name}: expected one of the views {', '.join(card.views)}, got {kind}"
                )
            if self._gallery.database.is_postgres:
                return [_top_in_database(connection, card, kind, probe, count) for probe in probes]
            if card.revision != self._revision:
                self._rows, self._revision = {}, card.revision
            if kind not in self._rows:
                self._rows[kind] = read_rows(connection, self._gallery.name, card, kind)
            rows = self._rows[kind]
            people, scores, faces = top_people(rows, probes, count, card.person_score)
            names = _names(connection, np.unique(people).tolist())
        for name in names.values():
            check_person_name(self._gallery.name, name)
        if absent := set(people.flat) - names.keys():
            raise DatabaseError(
                f"{self._gallery.name}: damaged: faces of person {min(absent)}, who does not exist"
            )
        return [
            [Candidate(int(p), names[int(p)], float(s), int(f)) for p, s, f in zip(*found, strict=True)]
            for found in zip(people, scores, faces, strict=True)
        ]


def read_rows(connection: Connection, name: str, card: Card, kind: str) -> Rows:
    """Read the rows of a view from the database.

    Args:
        connection: inside a transaction.
        name: how the error message names the gallery.
        card: the gallery's card.
        kind: the view.

    Raises:
        ValueError: an embedding is damaged.
    """
    weight = card.views[kind].weight
    reduced = EMBEDDINGS.alias("reduced")
    columns = [FACES.c.id, FACES.c.person_id, EMBEDDINGS.c.vector]
    sharp = (EMBEDDINGS.c.face_id == FACES.c.id) & (EMBEDDINGS.c.view_id == card.view_ids[SHARP])
    source = FACES.join(EMBEDDINGS, sharp)
    if weight:
        of_view = (reduced.c.face_id == FACES.c.id) & (reduced.c.view_id == card.view_ids[kind])
        source, columns = source.join(reduced, of_view), [*columns, reduced.c.vector]
    query = select(*columns).select_from(source).order_by(FACES.c.person_id, FACES.c.id)
    faces, people, vectors = [], [], [np.empty((0, card.embedding_size), np.float32)]
    for part in connection.execution_options(yield_per=_ROWS_AT_A_TIME).execute(query).partitions():
        numbers, owners, *seen = zip(*part, strict=True)
        if not all(type(owner) is int for owner in owners):
            raise DatabaseError(f"{name}: faces: person_id: expected numbers of people, got other values")
        sharp_rows, *reduced_rows = (checked_vectors(name, card.embedding_size, numbers, each) for each in seen)
        vectors.append(second_score_rows(sharp_rows, reduced_rows[0], weight) if weight else sharp_rows)
        faces += numbers
        people += owners
    return sorted_rows(np.concatenate(vectors), np.array(faces, np.int64), np.array(people, np.int64))


def second_score_rows(sharp: np.ndarray, reduced: np.ndarray, weight: float) -> np.ndarray:
    """Return the rows whose product with a probe is the second score: (faces, E) float32.

    Args:
        sharp: (faces, E), h: the sharp portraits, by the HR network.
        reduced: (faces, E), l: the reduced portraits, by the LR network.
        weight: w, 0 or more.
    """
    return join_scores(sharp, reduced, weight).astype(np.float32)


def sorted_rows(vectors: np.ndarray, faces: np.ndarray, people: np.ndarray) -> Rows:
    """Make `Rows` of (faces, E) float32 vectors, the faces' numbers, and the people's numbers, ascending."""
    numbers, starts = np.unique(people, return_index=True)
    return Rows(vectors, faces, numbers, starts)


def person_scores(rows: Rows, probes: np.ndarray, mode: str) -> np.ndarray:
    """Score every person against every probe: (probes, people) float32.

    Args:
        rows: the faces.
        probes: (probes, E) float32 of unit length.
        mode: "best" or "mean" of a person's faces.
    """
    scores = np.clip(probes.astype(np.float32) @ rows.vectors.T, -1, 1)
    if len(rows.people) == len(rows.faces):
        return scores
    if mode == "best":
        return np.maximum.reduceat(scores, rows.starts, axis=1)
    counts = np.diff(rows.starts, append=len(rows.faces))
    return np.add.reduceat(scores, rows.starts, axis=1) / counts.astype(np.float32)


def top_people(
    rows: Rows, probes: np.ndarray, count: int, mode: str = "best"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the people most like each probe, a block of faces at a time.

    Args:
        rows: the faces.
        probes: (probes, E) float32 of unit length.
        count: number of people, at least 1.
        mode: "best" or "mean" of a person's faces.

    Returns:
        (people, scores, faces), each (probes, at most `count`), best first: the people's numbers, their scores as
        float32, and the number of each one's most similar face. Of equal scores, the lower number comes first.
    """
    length = max(1, _BLOCK // max(len(probes), 1))
    columns = np.empty((len(probes), 0), np.int64)
    scores = np.empty((len(probes), 0), np.float32)
    for first, last in _blocks_of_people(rows, length):
        others, their_scores = _largest(person_scores(_part(rows, first, last), probes, mode), count)
        columns = np.concatenate([columns, others + first], axis=1)
        scores = np.concatenate([scores, their_scores], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        columns, scores = np.take_along_axis(columns, order, 1), np.take_along_axis(scores, order, 1)
    faces = np.empty_like(columns)
    for row, probe in enumerate(probes):
        for place, column in enumerate(columns[row]):
            part = _part(rows, column, column + 1)
            faces[row, place] = part.faces[np.argmax(part.vectors @ probe)]
    return rows.people[columns], scores, faces


def _largest(scores: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of the `count` largest scores per row, ascending columns first, and those scores."""
    if scores.shape[1] > count:
        # Ties at the border are settled by the stable sort only if all of them get that far.
        least = np.partition(scores, scores.shape[1] - count, axis=1)[:, -count]
        order = np.stack([_first_at_least(row, bound, count) for row, bound in zip(scores, least, strict=True)])
    else:
        order = np.tile(np.arange(scores.shape[1]), (len(scores), 1))
    return order, np.take_along_axis(scores, order, 1)


def _first_at_least(row: np.ndarray, bound: float, count: int) -> np.ndarray:
    above, equal = np.flatnonzero(row > bound), np.flatnonzero(row == bound)
    return np.sort(np.concatenate([above, equal[: count - len(above)]]))


def _blocks_of_people(rows: Rows, length: int) -> Sequence[tuple[int, int]]:
    """Cut the people into blocks of about `length` faces, (first, last) each; nobody is cut in two."""
    ends = np.append(rows.starts[1:], len(rows.faces)) if len(rows.people) else np.empty(0, np.int64)
    blocks, first = [], 0
    while first < len(rows.people):
        last = max(first + 1, int(np.searchsorted(ends, rows.starts[first] + length, side="right")))
        blocks.append((first, last))
        first = last
    return blocks


def _part(rows: Rows, first: int, last: int) -> Rows:
    start = rows.starts[first]
    end = rows.starts[last] if last < len(rows.people) else len(rows.faces)
    return Rows(
        rows.vectors[start:end], rows.faces[start:end], rows.people[first:last], rows.starts[first:last] - start
    )


def _top_in_database(
    connection: Connection, card: Card, kind: str, probe: np.ndarray, count: int
) -> list[Candidate]:
    from cshml_tf.gallery.postgres import best_people, face_scores

    people = best_people(connection, card, kind, probe, count)
    rows = connection.execute(face_scores(card, kind, probe).where(FACES.c.person_id.in_(people))).all()
    names = _names(connection, people)
    found = []
    for person in people:
        scores = {row.face_id: row.score for row in rows if row.person_id == person}
        score = max(scores.values()) if card.person_score == "best" else sum(scores.values()) / len(scores)
        found.append(Candidate(person, names[person], float(score), max(scores, key=scores.__getitem__)))
    return sorted(found, key=lambda each: (-each.score, each.person))


def _names(connection: Connection, people: list[int]) -> dict[int, str]:
    names: dict[int, str] = {}
    for start in range(0, len(people), _MOST_PARAMETERS):
        some = people[start : start + _MOST_PARAMETERS]
        query = select(PEOPLE.c.id, PEOPLE.c.name).where(PEOPLE.c.id.in_(some))
        names |= {number: name for number, name in connection.execute(query)}
    return names

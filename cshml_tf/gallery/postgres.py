"""Search inside PostgreSQL with pgvector: exact, or through an HNSW index (Malkov and Yashunin, 2018)."""

from collections.abc import Sequence

import numpy as np
from pgvector.sqlalchemy import Vector
from sqlalchemy import ColumnElement, Connection, Float, Select, bindparam, cast, func, select, text

from cshml_tf.gallery.rows import Card
from cshml_tf.gallery.schema import EMBEDDINGS, FACES, SHARP, VIEWS

# Faces that each index proposes, whose people are then scored exactly: hnsw.ef_search, at most 1000. Fewer are
# faster and find less: of 200,000 faces drawn around real embeddings, 400 hold 88 % of the exact top five, and
# 1000 hold 97 %.
_PROPOSED = 1000


def make_indexes(connection: Connection, embedding_size: int) -> None:
    """Make one HNSW index per view: a search through a common one would find mostly other views' embeddings."""
    for number in connection.scalars(select(VIEWS.c.id)).all():
        connection.execute(
            text(
                f"CREATE INDEX embeddings_hnsw_{number} ON embeddings "
                f"USING hnsw ((CAST(vector AS vector({embedding_size}))) vector_ip_ops) WHERE view_id = {number}"
            )
        )


def drop_indexes(connection: Connection) -> None:
    """Drop the index of every view."""
    for number in connection.scalars(select(VIEWS.c.id)).all():
        connection.execute(text(f"DROP INDEX IF EXISTS embeddings_hnsw_{number}"))


def best_people(connection: Connection, card: Card, kind: str, probe: np.ndarray, count: int) -> list[int]:
    """Return the numbers of the people whose scores are highest, in no particular order.

    Args:
        connection: inside a transaction of PostgreSQL.
        card: the gallery's card.
        kind: the view that suits the probe.
        probe: (E,) float32 of unit length.
        count: number of people.
    """
    scores = face_scores(card, kind, probe).subquery()
    person_score = func.max if card.person_score == "best" else func.avg
    query = select(scores.c.person_id).group_by(scores.c.person_id)
    if card.search == "hnsw":
        query = query.where(scores.c.person_id.in_(_proposed(connection, card, kind, probe)))
    best_first = query.order_by(person_score(scores.c.score).desc(), scores.c.person_id).limit(count)
    return list(connection.scalars(best_first))


def face_scores(card: Card, kind: str, probe: np.ndarray) -> Select:
    """Return the query for (person_id, face_id, score) of every face against a probe."""
    sharp, reduced = EMBEDDINGS.alias("sharp"), EMBEDDINGS.alias("reduced")
    weight = card.views[kind].weight
    score = _similarity(sharp.c.vector, probe, card.embedding_size)
    source = FACES.join(sharp, (sharp.c.face_id == FACES.c.id) & (sharp.c.view_id == _number(card, SHARP)))
    if weight:
        of_view = (reduced.c.face_id == FACES.c.id) & (reduced.c.view_id == _number(card, kind))
        source = source.join(reduced, of_view)
        score = (score + weight * _similarity(reduced.c.vector, probe, card.embedding_size)) / (1 + weight)
    return select(FACES.c.person_id, FACES.c.id.label("face_id"), score.label("score")).select_from(source)


def _proposed(connection: Connection, card: Card, kind: str, probe: np.ndarray) -> Sequence[int]:
    """Return the people of the faces that the indexes find nearest."""
    connection.execute(text(f"SET LOCAL hnsw.ef_search = {_PROPOSED}"))
    faces: set[int] = set()
    for view in {SHARP, kind} if card.views[kind].weight else {SHARP}:
        faces |= set(connection.scalars(nearest_faces(card, view, probe, _PROPOSED)))
    return connection.scalars(select(FACES.c.person_id).where(FACES.c.id.in_(faces)).distinct()).all()


def nearest_faces(card: Card, kind: str, probe: np.ndarray, count: int) -> Select:
    """Return the query for the faces nearest to a probe in one view, which the view's index answers."""
    distance = _distance(EMBEDDINGS.c.vector, probe, card.embedding_size)
    query = select(EMBEDDINGS.c.face_id).where(EMBEDDINGS.c.view_id == _number(card, kind))
    return query.order_by(distance).limit(count)


def _similarity(column: ColumnElement, probe: np.ndarray, size: int) -> ColumnElement:
    return -_distance(column, probe, size)


def _distance(column: ColumnElement, probe: np.ndarray, size: int) -> ColumnElement:
    """Return the negative cosine similarity of unit vectors, by the operator that the index knows."""
    return cast(column, Vector(size)).op("<#>", return_type=Float())(cast(probe, Vector(size)))


def _number(card: Card, kind: str) -> ColumnElement:
    # Written into the statement: a parameter would hide from the planner that the view's index applies.
    return bindparam(f"view_{kind}", card.view_ids[kind], literal_execute=True)

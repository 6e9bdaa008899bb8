"""A whole gallery as one file, to keep or to move to another database.

The file is itself a gallery in SQLite. On import nothing in it is trusted: every value of every row is checked, so
that a damaged or foreign file never becomes a gallery that fails later.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, text

from cshml_tf.gallery.content import (
    CalibrationRow,
    FaceRow,
    LogRow,
    PersonRow,
    check_person_name,
    check_row,
    checked_crop,
    checked_scores,
    checked_vectors,
)
from cshml_tf.gallery.creation import make_gallery, open_gallery
from cshml_tf.gallery.database import is_address
from cshml_tf.gallery.rows import Card, checked_name
from cshml_tf.gallery.schema import CALIBRATIONS, EMBEDDINGS, FACES, LOG, PEOPLE
from cshml_tf.gallery.store import Gallery

_ROWS_AT_A_TIME = 256
# Columns that are not in the class of their table's row.
_CHECKED_APART = {"faces": ("crop",)}


def export_gallery(gallery: Gallery, path: str | Path) -> None:
    """Write a gallery to a new file, which appears whole or not at all.

    Args:
        gallery: in either database.
        path: the file to make.

    Raises:
        ValueError: the file exists.
        OSError: it cannot be written.
    """
    _copy(gallery, path, "exact").database.close()


def import_gallery(path: str | Path, where: str | Path, search: str = "exact") -> Gallery:
    """Make a gallery from a file that `export_gallery` wrote.

    Args:
        path: the file.
        where: path or address of the new gallery.
        search: "exact"; or "hnsw", in PostgreSQL.

    Returns:
        The open gallery.

    Raises:
        ValueError: the file is damaged, is not such a file, or there is a gallery at `where` already.
    """
    if is_address(path):
        raise ValueError("archive: expected a file, got an address")
    source = open_gallery(path)
    with contextlib.closing(source.database):
        with source.database.reading() as connection:
            found = connection.scalar(text("PRAGMA quick_check(1)"))
        if found != "ok":
            reason = " ".join(str(found).split())
            raise ValueError(f"{source.name}: expected an exported gallery, got a damaged file: {reason}")
        return _copy(source, where, search)


def _copy(source: Gallery, where: str | Path, search: str) -> Gallery:
    """Copy and check every row, in one transaction on either side."""
    with source.database.reading() as old:
        card = source.card()
        new_card = dataclasses.replace(card, search=search)

        def fill(new: Connection, view_ids: dict[str, int]) -> None:
            try:
                _copy_rows(source.name, card, old, new, view_ids)
            except (TypeError, AttributeError) as error:
                # SQLite keeps values of any type in any column; reading one as another fails in these ways.
                raise ValueError(f"{source.name}: expected a gallery, got a damaged row: {error}") from None

        return make_gallery(where, new_card, fill)


def _copy_rows(name: str, card: Card, old: Connection, new: Connection, view_ids: dict[str, int]) -> None:
    for row in _checked(name, old, PEOPLE, PersonRow):
        check_person_name(name, row["name"])
        if checked_name(row["name"]) != row["name"]:
            raise ValueError(f"{name}: people: expected a name without blanks around it, got {row['name']!r}")
        new.execute(insert(PEOPLE).values(**row))
    faces = 0
    for row in _checked(name, old, FACES, FaceRow):
        checked_crop(name, card.image_size, row["id"], row["crop"])
        new.execute(insert(FACES).values(**row))
        faces += 1
    for kind, number in card.view_ids.items():
        query = select(EMBEDDINGS).where(EMBEDDINGS.c.view_id == number)
        copied = 0
        for row in old.execution_options(yield_per=_ROWS_AT_A_TIME).execute(query):
            checked_vectors(name, card.embedding_size, [row.face_id], [row.vector])
            new.execute(insert(EMBEDDINGS).values(view_id=view_ids[kind], face_id=row.face_id, vector=row.vector))
            copied += 1
        if copied != faces:
            raise ValueError(f"{name}: expected an embedding of {kind} for each of {faces} faces, got {copied}")
    for row in _checked(name, old, CALIBRATIONS, CalibrationRow):
        checked_scores(name, row, card.views)
        new.execute(insert(CALIBRATIONS).values(**row))
    for row in _checked(name, old, LOG, LogRow):
        new.execute(insert(LOG).values(**row))
    _keep_numbers(old, new)


def _checked(name: str, old: Connection, table: Table, expected: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table, checked, in order."""
    query = select(table).order_by(table.c.id)
    for row in old.execution_options(yield_per=_ROWS_AT_A_TIME).execute(query).mappings():
        check_row(f"{name}: {table.name}", row, expected)
        yield {column: row[column] for column in (*expected.__annotations__, *_CHECKED_APART.get(table.name, ()))}


def _keep_numbers(old: Connection, new: Connection) -> None:
    """Let new people and faces have numbers above all that the log or a row mentions."""
    for table in (PEOPLE, FACES):
        last = max(
            old.scalar(select(func.max(table.c.id))) or 0,
            (old.scalar(select(func.max(LOG.c.person))) or 0) if table is PEOPLE else 0,
        )
        if not last:
            continue
        if new.dialect.name == "postgresql":
            new.execute(
                text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :last)"),
                {"table": table.name, "last": last},
            )
        else:
            new.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), {"table": table.name})
            new.execute(
                text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)"),
                {"table": table.name, "last": last},
            )

"""A whole gallery as one file, to keep or to move to another database.

The file is itself a gallery in SQLite. On import nothing in it is trusted: every value of every row is checked, so
that a damaged or foreign file never becomes a gallery that fails later.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import numpy as np
from msgspec import Meta
from sqlalchemy import Connection, Table, func, insert, select, text

from cshml_tf.files import check_content
from cshml_tf.gallery.creation import make_gallery, open_gallery
from cshml_tf.gallery.database import is_address
from cshml_tf.gallery.rows import Card, checked_name
from cshml_tf.gallery.schema import CALIBRATIONS, EMBEDDINGS, FACES, LOG, PEOPLE, SHARP
from cshml_tf.gallery.store import Gallery
from cshml_tf.images import UnreadableImage, decode_image

_Number = Annotated[int, Meta(ge=1, le=2**31 - 1)]
_Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
_Size = Annotated[int, Meta(ge=1, le=2**15)]
_Measure = Annotated[float, Meta(ge=0, le=1e12)]
_Rate = Annotated[float, Meta(gt=0, lt=1)]
_Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Time = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
_ROWS_AT_A_TIME = 256


class _Card(TypedDict):
    created: _Time
    image_size: tuple[_Size, _Size]
    embedding_size: _Size
    hr_width: Annotated[float, Meta(gt=0, le=1e6)]
    revision: _Count


class _View(TypedDict):
    kind: str
    digest: _Digest
    folder: str
    degradation: str
    weight: Annotated[float, Meta(ge=0, le=1e6)]


class _Person(TypedDict):
    id: _Number
    name: str
    created: _Time


class _Face(TypedDict):
    id: _Number
    person_id: _Number
    crop: bytes
    source: str
    digest: _Digest
    created: _Time
    width: _Measure
    detector_score: Annotated[float, Meta(ge=0, le=1)] | None
    sharpness: _Measure
    mirror_distance: _Measure


class _Calibration(TypedDict):
    kind: str
    created: _Time
    fpir: _Rate
    scores: bytes
    strangers: _Number
    people: _Count
    faces: _Number
    origin: Literal["reduced", "native"]


class _Log(TypedDict):
    at: _Time
    action: str
    person: _Number | None
    faces: _Count | None


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
        _check_card(source.name, card)
        new_card = dataclasses.replace(card, search=search)

        def fill(new: Connection, view_ids: dict[str, int]) -> None:
            try:
                _copy_rows(source.name, card, old, new, view_ids)
            except (TypeError, AttributeError) as error:
                # SQLite keeps values of any type in any column; reading one as another fails in these ways.
                raise ValueError(f"{source.name}: expected a gallery, got a damaged row: {error}") from None

        return make_gallery(where, new_card, fill)


def _copy_rows(name: str, card: Card, old: Connection, new: Connection, view_ids: dict[str, int]) -> None:
    for row in _checked(name, old, PEOPLE, _Person):
        if checked_name(row["name"]) != row["name"]:
            raise ValueError(f"{name}: people: expected a name without blanks around it, got {row['name']!r}")
        new.execute(insert(PEOPLE).values(**row))
    faces = 0
    for row in _checked(name, old, FACES, _Face):
        _check_crop(name, card, row)
        new.execute(insert(FACES).values(**row))
        faces += 1
    for kind, number in card.view_ids.items():
        query = select(EMBEDDINGS).where(EMBEDDINGS.c.view_id == number)
        copied = 0
        for row in old.execution_options(yield_per=_ROWS_AT_A_TIME).execute(query):
            _check_vector(name, card, row.face_id, row.vector)
            new.execute(insert(EMBEDDINGS).values(view_id=view_ids[kind], face_id=row.face_id, vector=row.vector))
            copied += 1
        if copied != faces:
            raise ValueError(f"{name}: expected an embedding of {kind} for each of {faces} faces, got {copied}")
    for row in _checked(name, old, CALIBRATIONS, _Calibration):
        scores = np.frombuffer(row["scores"], "<f8")
        if row["kind"] not in card.views or not scores.size or not (np.abs(scores) <= 1.001).all():
            raise ValueError(f"{name}: calibrations: expected cosine similarities of a view, got {row['kind']!r}")
        new.execute(insert(CALIBRATIONS).values(**row))
    for row in _checked(name, old, LOG, _Log):
        new.execute(insert(LOG).values(**row))
    _keep_numbers(old, new)


def _checked(name: str, old: Connection, table: Table, expected: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table with the expected fields, in order."""
    columns = [table.c[field] for field in expected.__annotations__]
    query = select(*columns).order_by(table.c.id)
    for row in old.execution_options(yield_per=_ROWS_AT_A_TIME).execute(query):
        content = dict(zip(expected.__annotations__, row, strict=True))
        check_content(f"{name}: {table.name}", content, expected)
        yield content


def _check_card(name: str, card: Card) -> None:
    fields = {field: getattr(card, field) for field in _Card.__annotations__}
    check_content(f"{name}: card", fields, _Card)
    for kind, view in card.views.items():
        check_content(f"{name}: view {kind}", vars(view), _View)
    if next(iter(card.views), None) != SHARP:
        raise ValueError(f"{name}: expected the view {SHARP} first, got {', '.join(card.views) or 'none'}")


def _check_crop(name: str, card: Card, row: dict[str, Any]) -> None:
    try:
        shape = decode_image(row["crop"]).shape[:2]
    except UnreadableImage as error:
        raise ValueError(f"{name}: face {row['id']}: expected the PNG of a crop: {error}") from None
    if shape != card.image_size:
        raise ValueError(f"{name}: face {row['id']}: expected a crop of {card.image_size}, got {shape}")


def _check_vector(name: str, card: Card, face: int, vector: np.ndarray) -> None:
    is_unit = vector.shape == (card.embedding_size,) and abs(float(np.linalg.norm(vector)) - 1) < 1e-3
    if not is_unit:
        raise ValueError(
            f"{name}: face {face}: expected an embedding of {card.embedding_size} values and unit length, got "
            f"{vector.shape[0]} values of length {float(np.linalg.norm(vector)):.3g}"
        )


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

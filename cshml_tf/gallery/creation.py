"""Create a gallery, or open one."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from cshml_tf.files import claimed, replacing
from cshml_tf.gallery.database import Database, is_address
from cshml_tf.gallery.rows import Card, now, write_card, write_log
from cshml_tf.gallery.store import Gallery
from cshml_tf.settings.choices import PERSON_SCORES, SEARCHES

if TYPE_CHECKING:
    # Only the commands that embed faces need Keras.
    from cshml_tf.gallery.networks import GalleryNetworks


def create_gallery(
    where: str | Path, networks: "GalleryNetworks", person_score: str = "mean", search: str = "exact"
) -> Gallery:
    """Create an empty gallery.

    Args:
        where: path of the SQLite file to make, or the address of a PostgreSQL database with no gallery in it.
        networks: the networks to bind it to.
        person_score: "best" or "mean" of the scores of a person's faces.
        search: "exact"; or "hnsw", pgvector's approximate index, in PostgreSQL.

    Returns:
        The open gallery.

    Raises:
        ValueError: there is one already, or the database cannot be written.
        OSError: the file cannot be written.
    """
    card = Card(
        created=now(),
        image_size=networks.image_size,
        embedding_size=networks.embedding_size,
        hr_width=float(networks.serving.hr_width),
        person_score=person_score,
        search=search,
        revision=0,
        views=networks.views,
        view_ids={},
    )
    return make_gallery(where, card)


def make_gallery(
    where: str | Path, card: Card, fill: Callable[[Connection, dict[str, int]], None] | None = None
) -> Gallery:
    """Create a gallery with a given card, whole or not at all.

    Args:
        where: as for `create_gallery`.
        card: what the gallery says of itself.
        fill: function of a connection and of the number of each view by kind, which writes further rows; None
            leaves the gallery empty.

    Returns:
        The open gallery.

    Raises:
        ValueError: as for `create_gallery`, or what `fill` raises.
    """
    if card.person_score not in PERSON_SCORES or card.search not in SEARCHES:
        raise ValueError(f"card: expected best or mean, and exact or hnsw, got {card.person_score}, {card.search}")
    if is_address(where):
        _fill(Database(where), card, fill)
        return open_gallery(where)
    if card.search != "exact":
        raise ValueError("search: hnsw needs a gallery in PostgreSQL; an SQLite file is searched exactly")
    path = Path(where)
    with claimed(path):
        if path.exists() or path.is_symlink():
            raise ValueError(f"{where}: expected a new file, got one that exists")
        with replacing(path) as partial:
            _fill(Database(partial, must_exist=False, name=where), card, fill)
    return open_gallery(where)


def open_gallery(where: str | Path) -> Gallery:
    """Open a gallery.

    Args:
        where: path of an SQLite file, or the address of a PostgreSQL database.

    Raises:
        ValueError: there is no gallery, or one of another version.
    """
    return Gallery(Database(where))


def _fill(database: Database, card: Card, fill: Callable[[Connection, dict[str, int]], None] | None) -> None:
    with contextlib.closing(database), database.writing() as connection:
        database.make_tables(connection)
        view_ids = write_card(connection, card)
        if fill is None:
            write_log(connection, "created", None, None)
        else:
            fill(connection, view_ids)
        if card.search == "hnsw":
            from cshml_tf.gallery.postgres import make_indexes

            make_indexes(connection, card.embedding_size)

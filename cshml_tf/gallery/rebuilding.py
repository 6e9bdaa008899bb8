"""Bind a gallery to other networks: embed every face anew from its stored crop."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from sqlalchemy import Connection, delete, insert, select, update

from cshml_tf.gallery.content import checked_crop
from cshml_tf.gallery.networks import GalleryNetworks
from cshml_tf.gallery.portraits import in_batches
from cshml_tf.gallery.quality import mirror_distances
from cshml_tf.gallery.rows import Card, read_card, write_log, write_views
from cshml_tf.gallery.schema import CALIBRATIONS, EMBEDDINGS, FACES, GALLERY, NETWORKS, SHARP, VIEWS
from cshml_tf.gallery.store import Gallery


def rebuild(
    gallery: Gallery,
    networks: GalleryNetworks,
    person_score: str | None = None,
    batch_size: int = 32,
    progress: Callable[[Iterable], Iterable] = iter,
) -> int:
    """Embed every face anew; thresholds of the old networks are dropped.

    All of it is one transaction: other writers wait, readers see the old embeddings until it ends.

    Args:
        gallery: the gallery.
        networks: the networks to bind it to.
        person_score: "best" or "mean" of a person's faces; None keeps the gallery's.
        batch_size: number of faces per forward pass.
        progress: wraps the sequence of batches, such as `tqdm`.

    Returns:
        The number of faces.

    Raises:
        ValueError: the networks take faces of another size than the stored crops, or a crop is damaged.
    """
    with gallery.database.writing() as connection:
        card = read_card(connection, gallery.name)
        _check_size(gallery.name, card, networks)
        if gallery.database.is_postgres:
            from cshml_tf.gallery.postgres import drop_indexes, make_indexes

            drop_indexes(connection)
        for table in (CALIBRATIONS, EMBEDDINGS, VIEWS, NETWORKS):
            connection.execute(delete(table))
        view_ids = write_views(connection, networks.views.values())
        numbers = connection.scalars(select(FACES.c.id).order_by(FACES.c.id)).all()
        for part in progress(list(in_batches(numbers, batch_size))):
            _embed_anew(connection, gallery.name, networks, view_ids, part)
        connection.execute(
            update(GALLERY).values(
                embedding_size=networks.embedding_size,
                hr_width=float(networks.serving.hr_width),
                person_score=person_score or card.person_score,
                revision=card.revision + 1,
            )
        )
        if card.search == "hnsw":
            make_indexes(connection, networks.embedding_size)
        write_log(connection, "rebuilt", None, len(numbers))
    return len(numbers)


def _check_size(name: str, card: Card, networks: GalleryNetworks) -> None:
    if networks.image_size != card.image_size:
        size, got = ("{} x {}".format(*each) for each in (card.image_size, networks.image_size))
        raise ValueError(
            f"{name}: expected networks for the stored crops' {size} (height x width), got {got}; "
            "create another gallery, and enrol the photographs there"
        )


def _embed_anew(
    connection: Connection, name: str, networks: GalleryNetworks, view_ids: dict[str, int], numbers: Sequence[int]
) -> None:
    """Embed the stored crops of some faces in every view."""
    query = select(FACES.c.crop).where(FACES.c.id.in_(numbers)).order_by(FACES.c.id)
    crops = zip(numbers, connection.scalars(query), strict=True)
    pixels = np.stack([checked_crop(name, networks.image_size, number, crop) for number, crop in crops])
    vectors = networks.embed_portraits(pixels)
    distances = mirror_distances(lambda faces: networks.embed(SHARP, faces), pixels, vectors[SHARP])
    for number, distance in zip(numbers, distances, strict=True):
        changed = update(FACES).where(FACES.c.id == number)
        connection.execute(changed.values(mirror_distance=float(distance)))
    rows = [
        {"view_id": view_ids[kind], "face_id": number, "vector": row}
        for kind, embeddings in vectors.items()
        for number, row in zip(numbers, embeddings, strict=True)
    ]
    connection.execute(insert(EMBEDDINGS), rows)

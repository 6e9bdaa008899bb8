"""Find the nearest faces of a gallery exactly, beside FAISS's flat index and plain NumPy."""

import functools
from collections.abc import Callable, Iterator

import numpy as np

from cshml_tf.gallery.search import Rows, sorted_rows, top_people
from cshml_tf.metrics.vectors import unit_rows
from rows.comparison import Peer, Plan, Row, compare

_FACES, _SIZE, _COUNT = 200_000, 512, 5


def rows(plan: Plan, before: list[Row]) -> Iterator[Row]:
    """Measure one probe, and 32 at once."""
    faces = 1000 if plan.quick else _FACES
    random = np.random.default_rng(0)
    vectors = _drawn(faces, random)
    numbers = np.arange(faces)
    enrolled = sorted_rows(vectors, numbers, numbers)
    for count in (1, 32):
        probes = _drawn(count, random)
        ways = (("FAISS, flat", _faiss), ("NumPy", _numpy))
        peers = [Peer(name, functools.partial(build, vectors, probes)) for name, build in ways]
        row = Row("search", f"{count} of {faces:,} faces, {_SIZE} values each, best {_COUNT}", "probes/s")
        yield compare(plan, row, count, functools.partial(_ours, enrolled, probes), peers, _agreement)


def _ours(enrolled: Rows, probes: np.ndarray) -> np.ndarray:
    return top_people(enrolled, probes, _COUNT)[2]


def _drawn(count: int, random: np.random.Generator) -> np.ndarray:
    return unit_rows(random.standard_normal((count, _SIZE), np.float32)).astype(np.float32)


def _agreement(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    return {"share of the same faces": float(np.mean(ours == theirs))}


def _faiss(vectors: np.ndarray, probes: np.ndarray) -> Callable[[], np.ndarray]:
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return lambda: index.search(probes, _COUNT)[1]


def _numpy(vectors: np.ndarray, probes: np.ndarray) -> Callable[[], np.ndarray]:
    def run() -> np.ndarray:
        scores = probes @ vectors.T
        best = np.argpartition(-scores, _COUNT, axis=1)[:, :_COUNT]
        order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1)
        return np.take_along_axis(best, order, 1)

    return run

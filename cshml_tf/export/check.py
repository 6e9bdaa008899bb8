"""Compare an export with the Keras model on faces, on the export's own runtime."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cshml_tf.export.format import Embed

# The smallest cosine to the Keras model's embedding that an export may have on any face.
LEAST_COSINE = {"float32": 0.999, "float16": 0.999, "int8": 0.99}
TIMED = (1, 32)
_ROUNDS = 7


@dataclass(frozen=True)
class Checked:
    """How an export compares with the Keras model.

    Attributes:
        smallest_cosine: over the faces, to the Keras model's embedding of the same face; NaN if any embedding is
            not finite.
        mean_cosine: their mean.
        faces: number of faces compared.
        bytes: size of the export on disk.
        milliseconds: median time for a batch of each size in `TIMED`.
    """

    smallest_cosine: float
    mean_cosine: float
    faces: int
    bytes: int
    milliseconds: dict[int, float]

    def is_good(self, precision: str) -> bool:
        """Return whether the smallest cosine is what a precision must reach."""
        return self.smallest_cosine >= LEAST_COSINE[precision]

    def as_json(self) -> dict[str, object]:
        """Return the figures for the card beside the export."""
        return {
            "smallest_cosine": _finite(self.smallest_cosine),
            "mean_cosine": _finite(self.mean_cosine),
            "faces_compared": self.faces,
            "bytes": self.bytes,
            "milliseconds": {str(size): round(value, 3) for size, value in self.milliseconds.items()},
        }


def compare(embed: Embed, folder: Path, faces: np.ndarray, expected: np.ndarray, batch_size: int = 32) -> Checked:
    """Compare an export with the Keras model, and time it.

    Args:
        embed: the export, loaded into its runtime.
        folder: the export.
        faces: (N, height, width, 3) float32, 0..255.
        expected: (N, E) float32, the Keras model's embeddings of the same faces.
        batch_size: number of faces per batch in the comparison.

    Returns:
        Checked.

    Raises:
        ValueError: the export does not return one embedding of the expected size per face.
    """
    parts = [np.asarray(embed(faces[at : at + batch_size])) for at in range(0, len(faces), batch_size)]
    got = np.concatenate(parts)
    if got.shape != expected.shape:
        raise ValueError(f"{folder}: expected embeddings of shape {expected.shape}, got {got.shape}")
    lengths = np.linalg.norm(got, axis=1) * np.linalg.norm(expected, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = np.sum(got.astype(np.float64) * expected, axis=1) / lengths
    return Checked(
        float(np.min(cosines)),
        float(np.mean(cosines)),
        len(faces),
        sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        {size: _milliseconds(embed, np.resize(faces, (size, *faces.shape[1:]))) for size in TIMED},
    )


def _milliseconds(embed: Embed, faces: np.ndarray) -> float:
    # The first run of a size prepares the runtime's memory.
    embed(faces)
    seconds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        embed(faces)
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds)


def _finite(value: float) -> float | None:
    return round(value, 8) if np.isfinite(value) else None

"""Choose how a network embeds: the runtime that is fastest here and equal to Keras, and the number format.

OpenVINO is the fastest for one face on every network measured, and for many faces it is never slower than Keras on
idle cores (docs/results.md). onnxruntime is faster than Keras for single faces only, and its conversion takes up
to half a minute, so that it has to be named.
"""

import statistics
import time
import warnings
from collections.abc import Sequence

import keras
import numpy as np

from cshml_tf.files import ListWarning
from cshml_tf.layers import fit_to_size
from cshml_tf.metrics.vectors import unit_rows
from cshml_tf.recogniser import features, image_size_of
from cshml_tf.runtimes.runtime import BFLOAT16, FLOAT32, Run, load_runtime

# Largest difference between two values of unit embeddings, and smallest cosine of those in bfloat16.
EQUAL = 1e-5
LEAST_COSINE = 0.999
# Fewer faces per second than this many times float32's do not pay for the rounding.
_LEAST_GAIN = 1.1
_ROUNDS, _TIMED_FACES = 3, 16
_FASTEST = ("openvino",)


def find_runtime(name: str) -> str:
    """Return the runtime that a choice stands for here.

    Args:
        name: one of `cshml_tf.settings.choices.RUNTIMES`.

    Returns:
        The name itself; for "auto" the fastest that is installed and can convert networks of this backend.

    Raises:
        ValueError: a named runtime is not installed; the message names the extra that installs it.
    """
    if name == "auto":
        usable = _FASTEST if keras.backend.backend() == "tensorflow" else ()
        return next((each for each in usable if load_runtime(each).missing() is None), "keras")
    if (package := load_runtime(name).missing()) is not None:
        raise ValueError(
            f"runtime: expected an installed one, got {name}, which needs the package {package}: "
            f"pip install 'cshml_tf[{load_runtime(name).extra}]'"
        )
    return name


def prepare(recogniser: keras.Model, runtime: str, mixed_precision: str = "off", name: str = "") -> Run | None:
    """Prepare a network in a runtime, and compare it with Keras on a few faces.

    Args:
        recogniser: pixels 0..255 -> unit embeddings.
        runtime: as `find_runtime` returns.
        mixed_precision: "on" for bfloat16, "off" for float32, "auto" for whichever of them is faster, measured
            on a few batches in turns.
        name: of the network, for warnings.

    Returns:
        The network in its runtime; None where Keras embeds in float32, as it does without any preparation.

    Warns:
        ListWarning: the network cannot be converted, or is not equal to Keras, which embeds in its place.
    """
    faces = _faces(image_size_of(recogniser))
    expected = np.asarray(features(recogniser, faces)["embedding"], np.float32)
    run = None if runtime == "keras" else _equal(recogniser, runtime, faces, expected, name)
    runtime = "keras" if run is None else runtime
    if mixed_precision == "off":
        return run
    rounded = _rounded(recogniser, runtime, faces, expected, name, is_asked=mixed_precision == "on")
    if rounded is None or mixed_precision == "on":
        return rounded or run
    exact = run or load_runtime("keras").prepare(recogniser, FLOAT32)
    gain = _gain(exact, rounded, np.resize(faces, (_TIMED_FACES, *faces.shape[1:])))
    return rounded if gain >= _LEAST_GAIN else run


def _equal(
    recogniser: keras.Model, runtime: str, faces: np.ndarray, expected: np.ndarray, name: str
) -> Run | None:
    """Convert a network; return it if it is equal to Keras's in float32."""
    run = _converted(recogniser, runtime, FLOAT32, name)
    if run is None:
        return None
    difference = float(np.abs(unit_rows(run(faces)) - unit_rows(expected)).max())
    # NaN is not equal either.
    if not difference <= EQUAL:
        _warn(name, runtime, f"its embeddings differ by {difference:.1g}, more than {EQUAL:g}")
        return None
    return run


def _rounded(
    recogniser: keras.Model, runtime: str, faces: np.ndarray, expected: np.ndarray, name: str, is_asked: bool
) -> Run | None:
    """Prepare a network in bfloat16; return it if the runtime has it and its embeddings hardly differ."""
    if BFLOAT16 not in load_runtime(runtime).formats():
        if is_asked:
            _warn(name, BFLOAT16, f"{runtime} does not compute in it here", "float32")
        return None
    run = _converted(recogniser, runtime, BFLOAT16, name)
    if run is None:
        return None
    cosine = float(np.sum(unit_rows(run(faces)) * unit_rows(expected), axis=1).min())
    if not cosine >= LEAST_COSINE:
        _warn(name, BFLOAT16, f"cosines to float32 fall to {cosine:.4f}, below {LEAST_COSINE}", "float32")
        return None
    return run


def _converted(recogniser: keras.Model, runtime: str, number_format: str, name: str) -> Run | None:
    backend = keras.backend.backend()
    if runtime != "keras" and backend != "tensorflow":
        _warn(name, runtime, f"networks of Keras's {backend} backend cannot be converted")
        return None
    try:
        return load_runtime(runtime).prepare(recogniser, number_format)
    except Exception as error:  # Each converter has exceptions of its own.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        _warn(name, runtime, f"the network cannot be converted: {reason}")
        return None


def _gain(exact: Run, rounded: Run, faces: np.ndarray) -> float:
    """Return how many times faster the second embeds than the first, measured in turns."""
    ratios = []
    for turn in range(_ROUNDS + 1):
        seconds = [_seconds(run, faces) for run in (exact, rounded)]
        if turn:  # The first run of a size prepares the runtime's memory.
            ratios.append(seconds[0] / seconds[1])
    return statistics.median(ratios)


def _seconds(run: Run, faces: np.ndarray) -> float:
    started = time.perf_counter()
    run(faces)
    return time.perf_counter() - started


def _faces(image_size: Sequence[int]) -> np.ndarray:
    """Return two drawn faces and one of noise, which excites what faces leave at rest: (3, h, w, 3) float32."""
    from cshml_tf.data.synthetic import draw_aligned

    drawn = [np.asarray(fit_to_size(draw_aligned(number, number)[None], image_size)) for number in range(2)]
    noise = np.random.default_rng(0).integers(0, 256, (1, *image_size, 3)).astype(np.float32)
    return np.concatenate([*drawn, noise])


def _warn(name: str, asked: str, reason: str, instead: str = "keras") -> None:
    where = f"{name}: " if name else ""
    warnings.warn(f"{where}embeds with {instead} instead of {asked}: {reason}", ListWarning, stacklevel=2)

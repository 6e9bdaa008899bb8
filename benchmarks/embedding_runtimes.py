"""Measure how many faces a second each runtime embeds, in turns with Keras, and how its embeddings differ.

python benchmarks/embedding_runtimes.py models/hr --batch_sizes 1 32
python benchmarks/embedding_runtimes.py inception_resnet_v1 --stem_pool_stride 2
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from cshml_tf.backbones import build
from cshml_tf.metrics.vectors import unit_rows
from cshml_tf.model_folder import load_recogniser
from cshml_tf.recogniser import build_recogniser, image_size_of
from cshml_tf.runtimes.runtime import load_runtime

Embed = Callable[[np.ndarray], np.ndarray]


def images_per_second(embed: Embed, faces: np.ndarray) -> float:
    """Return the rate of one call: faces (N, H, W, 3) float32, 0..255."""
    started = time.perf_counter()
    embed(faces)
    return len(faces) / (time.perf_counter() - started)


def embedders(recogniser: keras.Model, runtimes: Sequence[str]) -> tuple[dict[str, Embed], dict[str, float]]:
    """Return what embeds, by name, Keras's own prediction first; and the seconds that each took to prepare."""
    prepared: dict[str, Embed] = {"keras predict": lambda faces: unit_rows(recogniser.predict_on_batch(faces))}
    seconds = {"keras predict": 0.0}
    for name in runtimes:
        runtime = load_runtime(name)
        for number_format in runtime.formats():
            started = time.perf_counter()
            run = runtime.prepare(recogniser, number_format)
            words = f"{name} {number_format}"
            prepared[words] = lambda faces, run=run: unit_rows(run(faces))
            seconds[words] = time.perf_counter() - started
    return prepared, seconds


def rates_in_turns(embed: dict[str, Embed], faces: np.ndarray, rounds: int) -> dict[str, list[float]]:
    """Return the rates of each in every round; the order changes from round to round."""
    names = list(embed)
    for _ in range(2):  # The first calls with a batch size trace, compile and take memory.
        for name in names:
            embed[name](faces)
    rates: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            rates[name].append(images_per_second(embed[name], faces))
    return rates


def processor_milliseconds(embed: Embed, faces: np.ndarray) -> float:
    """Return the processor's time per face over all cores, which other programs lengthen less than the clock's."""
    started = time.process_time()
    embed(faces)
    return 1000 * (time.process_time() - started) / len(faces)


def load(arguments: argparse.Namespace) -> keras.Model:
    """Load a model folder, or build a network with random weights."""
    if Path(arguments.network).is_dir():
        return load_recogniser(arguments.network)
    options = {} if arguments.stem_pool_stride is None else {"stem_pool_stride": arguments.stem_pool_stride}
    return build_recogniser(build(arguments.network, tuple(arguments.image_size), 512, **options))


def main() -> None:
    """Print one row per runtime, number format and batch size."""
    parser = argparse.ArgumentParser(description="measure the runtimes that embed faces")
    parser.add_argument("network", help="model folder, or name of a backbone, which gets random weights")
    parser.add_argument(
        "--image_size", type=int, nargs=2, default=(112, 96), help="of a backbone with random weights"
    )
    parser.add_argument("--stem_pool_stride", type=int, help="of inception_resnet_v1")
    parser.add_argument("--runtimes", nargs="+", default=["keras", "openvino"], help="runtimes to measure")
    parser.add_argument("--batch_sizes", type=int, nargs="+", default=[1, 32], help="faces per call")
    parser.add_argument("--rounds", type=int, default=10, help="calls of each, in turns")
    arguments = parser.parse_args()
    recogniser = load(arguments)
    embed, seconds = embedders(recogniser, arguments.runtimes)
    print(
        "| faces | runtime | prepared in | faces/s | ratio (range) | CPU ms/face | largest difference | cosine |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for size in arguments.batch_sizes:
        shape = (size, *image_size_of(recogniser), 3)
        faces = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
        expected = embed["keras predict"](faces)
        rates = rates_in_turns(embed, faces, arguments.rounds)
        for name, of_one in rates.items():
            ratios = [rate / base for rate, base in zip(of_one, rates["keras predict"], strict=True)]
            got = embed[name](faces)
            busy = statistics.median(processor_milliseconds(embed[name], faces) for _ in range(5))
            print(
                f"| {size} | {name} | {seconds[name]:.1f} s | {statistics.median(of_one):.1f} "
                f"| {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) | {busy:.2f} "
                f"| {np.abs(got - expected).max():.1e} | {np.sum(got * expected, axis=1).min():.5f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

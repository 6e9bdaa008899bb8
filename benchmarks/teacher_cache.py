"""Measure `--cache_teacher`: the time and size of the cache, pairs per second with and without it, and its error.

python benchmarks/teacher_cache.py models/hr faces cache --batch_size 32 --steps 8 --rounds 5
"""

import argparse
import statistics
import time
from pathlib import Path

import keras

from cshml_tf.settings.training import LrSettings
from cshml_tf.training.experiment import Experiment
from cshml_tf.training.lr import prepare_lr
from cshml_tf.training.step import make_step


class TimedRun:
    """A run without its loop: batches from the input pipeline, and the compiled step."""

    def __init__(self, experiment: Experiment) -> None:
        self.network = experiment.network
        self._batches = experiment.batches_from(0)
        optimizer = keras.optimizers.SGD(0.001, momentum=0.9)
        optimizer.build(self.network.trainable_variables)
        self._step = make_step(self.network, optimizer, 5e-4, experiment.strategy)

    def train(self, steps: int) -> tuple[float, float]:
        """Train, and return the seconds that it took, and those of all processor cores together."""
        started, used, terms = time.perf_counter(), time.process_time(), {}
        for _ in range(steps):
            terms = self._step(next(self._batches))
        float(terms["total"])  # Waits for the device.
        return time.perf_counter() - started, time.process_time() - used


def print_errors(plain: Experiment, cached: Experiment, batches: int) -> None:
    """Print the largest relative difference of each term over several batches, before any training."""
    streams = plain.batches_from(0), cached.batches_from(0)
    largest: dict[str, float] = {}
    for _ in range(batches):
        exact, found = (
            {name: float(value) for name, value in each.network.terms(next(stream)).items()}
            for each, stream in zip((plain, cached), streams, strict=True)
        )
        for name, value in exact.items():
            largest[name] = max(largest.get(name, 0.0), abs(found[name] - value) / value)
    for name, error in largest.items():
        print(f"largest relative difference of {name:15} {error:.1e} over {batches} batches")
    for stream in streams:
        stream.close()


def main() -> None:
    """Make the cache unless it is there, and let both kinds of step take turns."""
    parser = argparse.ArgumentParser(description="measure training with and without --cache_teacher")
    parser.add_argument("model_dir", help="model folder of an HR network")
    parser.add_argument("data_dir", help="aligned faces")
    parser.add_argument("cache", help="folder of the cache; made unless it exists, which is timed")
    parser.add_argument("--people", help="file of the people to train on")
    parser.add_argument("--resolution", type=int, default=8)
    parser.add_argument("--batch_size", type=int, default=32, help="pairs per step")
    parser.add_argument("--steps", type=int, default=8, help="steps per turn")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each kind")
    parser.add_argument("--mixed_precision", action="store_true")
    arguments = parser.parse_args()
    settings = {name: getattr(arguments, name) for name in ("data_dir", "batch_size", "mixed_precision")}
    settings |= {"pretrained_model": arguments.model_dir, "resolution": (arguments.resolution,)}
    settings |= {"people": arguments.people, "new_classifier": True}
    means: dict = {}
    plain = prepare_lr(LrSettings(**settings), means=means)
    started = time.perf_counter()
    cached = prepare_lr(LrSettings(**settings, cache_teacher=arguments.cache), means=means, progress=True)
    built = time.perf_counter() - started
    size = sum(path.stat().st_size for path in Path(arguments.cache).rglob("*.npy"))
    images = len(plain.source)
    print(f"{images} faces: opened in {built:.0f} s, {size / 1e6:.1f} MB, {size / images:.0f} bytes per face")
    print_errors(plain, cached, batches=10)
    runs = {"without": TimedRun(plain), "with": TimedRun(cached)}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for turn in range(arguments.rounds + 1):
        for name, run in runs.items():
            measured = run.train(arguments.steps)
            if turn:  # The first turn compiles.
                seconds[name].append(measured)
    # On a busy machine, the time of the cores says more than the clock.
    for kind, what in enumerate(("by the clock", "of one core")):
        for name, measured in seconds.items():
            rate = arguments.batch_size * arguments.steps / statistics.median(each[kind] for each in measured)
            print(f"{name:8} {rate:7.1f} pairs per second {what}")
        pairs = zip(seconds["without"], seconds["with"], strict=True)
        ratios = [plain[kind] / cached[kind] for plain, cached in pairs]
        print(f"ratio    {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) {what}")


if __name__ == "__main__":
    main()

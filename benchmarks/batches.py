"""Measure images per second from class folders and packed faces, and pairs per second of training on them.

python benchmarks/batches.py faces faces_packed
python benchmarks/batches.py faces faces_packed --other ../an_older_checkout

`faces` contains class folders of aligned faces of one size, and `faces_packed` the same faces packed
(`pack_dataset.py`). In each round the checkouts take turns, each in its own process, so that a busy machine
slows all equally. The table shows the best round, which other processes disturbed least.
"""

import argparse
import csv
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SEED = 1
# Batches of the paper's size, and of the size in the recipe of docs/results.md.
CASES = {
    "HR, 90": (90, None, {}),
    "12, 90": (90, [12], {}),
    "8 12 16 20, 64": (64, [8, 12, 16, 20], {}),
    "8 12 16 20, 64, same person": (64, [8, 12, 16, 20], {"pairing": "same_person"}),
}
NETWORK = "--model_def small_resnet --embedding_size 128 --max_steps 1"
TRAINING = "--resolution 8 12 16 20 --random_shift 2 --log_every 1"


def time_batches(
    data_dir: str, batch_size: int, resolutions: list[int] | None, options: dict[str, Any], seconds: float
) -> tuple[float, float]:
    """Take batches with flips and shifts of up to 2 pixels for some seconds, after a few that start the threads.

    Returns:
        (images per second, microseconds of processor time per image, summed over all threads).
    """
    from cshml_tf.data import sources

    batches = _batches_module()
    source = sources.open_source(data_dir)
    first = source.images[0]
    size = first.shape[:2] if hasattr(first, "shape") else _size_of_file(first)
    if resolutions is None:
        stream = batches.hr_batches(source, size, batch_size, SEED, shift=2)
    else:
        stream = batches.two_branch_batches(source, size, batch_size, SEED, resolutions, shift=2, **options)
    iterator = iter(stream)
    list(itertools.islice(iterator, 8))
    started, busy, taken = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - started < seconds:
        next(iterator)
        taken += batch_size
    rates = taken / (time.perf_counter() - started), 1e6 * (time.process_time() - busy) / taken
    if hasattr(stream, "close"):
        stream.close()
    return rates


def _batches_module() -> ModuleType:
    """Return the module of the functions that make batches, which were in `sources` in version 0.1.0."""
    try:
        from cshml_tf.data import batches
    except ImportError:
        from cshml_tf.data import sources

        return sources
    return batches


def _size_of_file(path: str | Path) -> tuple[int, int]:
    from cshml_tf.images import read_image

    height, width, _ = read_image(path).shape
    return height, width


def training_rate(data_dir: str, image_size: tuple[int, int], steps: int) -> float:
    """Train both stages of a small network with the commands; return the second's median pairs per second."""
    from cshml_tf.cli import train_cshml, train_hr

    with tempfile.TemporaryDirectory() as folder:
        shared = ["--data_dir", data_dir, "--batch_size", 64, "--learning_rate", 0.01]
        shared += ["--models_base_dir", f"{folder}/models", "--logs_base_dir", f"{folder}/logs"]
        hr = ["--run_name", "hr", "--image_size", *image_size, *NETWORK.split()]
        lr = [
            "--run_name",
            "lr",
            "--pretrained_model",
            f"{folder}/models/hr",
            "--max_steps",
            steps,
            *TRAINING.split(),
        ]
        for command, words in ((train_hr, hr), (train_cshml, lr)):
            if command.main([str(word) for word in [*shared, *words]]) != 0:
                raise SystemExit("the training failed")
        with open(Path(folder, "logs", "lr", "history.csv"), newline="") as file:
            rates = [float(row["pairs_per_second"]) for row in csv.DictReader(file)]
    return statistics.median(rates[len(rates) // 3 :])


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure the `cshml_tf` that Python imports; return the figures by name."""
    folders = {"class folders": arguments.faces, "packed": arguments.packed}
    rates = {}
    for name, (batch_size, resolutions, options) in CASES.items():
        for kind, folder in folders.items():
            rate, cost = time_batches(folder, batch_size, resolutions, options, arguments.seconds)
            rates[f"{kind}: {name}, per second"] = rate
            rates[f"{kind}: {name}, CPU us each"] = cost
    first = next(path for path in sorted(Path(arguments.faces).glob("*/*")) if path.suffix != ".txt")
    for kind, folder in folders.items():
        rates[f"{kind}: training, 64, per second"] = training_rate(folder, _size_of_file(first), arguments.steps)
    return rates


def measure_in_process(checkout: Path) -> dict[str, float]:
    """Measure a checkout in its own process."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, __file__, *sys.argv[1:], "--one"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{checkout}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description="measure batches and training from class folders and packed faces"
    )
    parser.add_argument("faces", help="folder of class folders of aligned faces")
    parser.add_argument("packed", help="packed folder of the same faces")
    parser.add_argument("--other", metavar="CHECKOUT", help="another checkout to compare with")
    parser.add_argument("--rounds", type=int, default=5, help="processes per checkout")
    parser.add_argument("--seconds", type=float, default=2.0, help="time of each measurement")
    parser.add_argument("--steps", type=int, default=30, help="training steps")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments)))
        return
    checkouts = [ROOT] + ([Path(arguments.other).resolve()] if arguments.other else [])
    rounds = []
    for number in range(arguments.rounds):
        # The order is reversed in every other round.
        order = checkouts if number % 2 else checkouts[::-1]
        taken = {checkout: measure_in_process(checkout) for checkout in order}
        rounds.append([taken[checkout] for checkout in checkouts])
    print(f"{'':60} {'here':>9}" + (f" {'other':>9} {'here/other':>11}" if arguments.other else ""))
    for name in rounds[0][0]:
        best = min if "CPU" in name else max
        figures = [best(taken[place][name] for taken in rounds) for place in range(len(checkouts))]
        ratio = f" {figures[0] / figures[1]:11.2f}" if arguments.other else ""
        print(f"{name:60}" + "".join(f" {figure:9.0f}" for figure in figures) + ratio)


if __name__ == "__main__":
    main()

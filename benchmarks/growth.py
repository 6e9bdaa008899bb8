"""Measure how time and memory grow with the number of faces, from alignment to search.

Each measurement is a process of its own. Its faces are a few synthetic ones, linked under as many names as needed;
the network is small and untrained, so that what is measured is what the library itself needs for each face.
"align" is MTCNN on photographs of 80 x 80; "align, no detector" has a stand-in that finds one face in every
photograph at no cost; "resume" passes over the folder of the latter. CPU time is that of all threads.

python benchmarks/growth.py work --sizes 1000 10000 100000
python benchmarks/growth.py work --sizes 1000 10000 --tasks align
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

DRAWN = 100
FACES_PER_PERSON = 10
SIZE = (48, 40)
STEPS = 100
BATCH = 32
TASKS = ("align", "align, no detector", "resume", "pack", "train", "train packed", "evaluate", "embed", "search")
# Whatever takes longer is not a matter of growth.
SECONDS = 480


class OneFace:
    """A detector that finds one face in the middle of every photograph."""

    def detect(self, image: np.ndarray) -> list[Any]:
        """Return one face whose landmarks fill the middle of the photograph."""
        from cshml_tf.alignment.detector import Face
        from cshml_tf.alignment.geometry import template

        height, width = image.shape[:2]
        return [Face(0.0, 0.0, float(width), float(height), 0.9, template() * min(height / 112, width / 96))]


def draw(folder: Path) -> None:
    """Draw the few faces and photographs that all others are links to, and save a network."""
    import cv2
    import keras

    from cshml_tf.backbones import build
    from cshml_tf.data.synthetic import draw_aligned, draw_photograph
    from cshml_tf.images import write_image
    from cshml_tf.model_folder import save_model
    from cshml_tf.recogniser import build_recogniser

    if (folder / "network" / "model.json").exists():
        return
    keras.utils.set_random_seed(0)
    for name in ("face", "photograph"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(DRAWN):
        write_image(folder / "face" / f"{number}.png", draw_aligned(number, 1, SIZE))
        photograph = cv2.resize(draw_photograph(number, 1).pixels, (80, 80), interpolation=cv2.INTER_AREA)
        write_image(folder / "photograph" / f"{number}.png", photograph)
    recogniser = build_recogniser(build("small_resnet", SIZE, 64, width=8))
    card = {"kind": "hr", "image_size": list(SIZE), "resolutions": [], "degradation": "antialias", "figures": {}}
    save_model(folder / "network", recogniser, card)


def linked(folder: Path, kind: str, count: int) -> Path:
    """Return class folders of `count` links to the drawn faces or photographs; made if they do not exist."""
    place = folder / f"{kind}s_{count}"
    marker = folder / f"{kind}s_{count}.whole"
    if not marker.exists():
        for number in range(count):
            person = place / f"person_{number // FACES_PER_PERSON:06d}"
            if number % FACES_PER_PERSON == 0:
                person.mkdir(parents=True, exist_ok=True)
            path = person / f"{person.name}_{number % FACES_PER_PERSON + 1:04d}.png"
            if not path.exists():
                os.link(folder / kind / f"{number % DRAWN}.png", path)
        marker.touch()
    return place


def prepare(task: str, folder: Path, count: int) -> Callable[[], None]:
    """Return the work to measure, with its imports done."""
    if task == "evaluate":
        import tensorflow  # noqa: F401
    if task in ("align", "align, no detector", "resume"):
        from cshml_tf.alignment.folder import align_dataset
        from cshml_tf.settings.alignment import AlignmentSettings

        detector = None if task == "align" else OneFace
        out = folder / (f"detected_{count}" if task == "align" else f"aligned_{count}")
        settings = AlignmentSettings(image_size=SIZE)
        source = linked(folder, "photograph", count)
        return lambda: _print(align_dataset(source, out, settings, make_detector=detector).counts())
    if task in ("train", "train packed"):
        return _training(task, folder, count)
    if task == "search":
        return _search(count)
    source = linked(folder, "face", count)
    if task == "pack":
        from cshml_tf.data.packed.writer import pack

        return lambda: _print(pack(source, folder / f"packed_{count}"))
    if task == "embed":
        from cshml_tf.embedding.dataset import embed_dataset

        return lambda: _print(
            embed_dataset(source, folder / f"embeddings_{count}", folder / "network", BATCH).count
        )
    from cshml_tf.cli.evaluate_lfw import main

    pairs = folder / f"pairs_{count}.txt"
    files = sorted(path.relative_to(source).as_posix() for path in source.rglob("*.png"))
    # Every face is in one pair: of one person, or of two.
    same = [f"{a} {b} 1" for a, b in zip(files[::4], files[1::4], strict=True)]
    different = [f"{a} {b} 0" for a, b in zip(files[2::4], [*files[23::4], *files[3:23:4]], strict=True)]
    pairs.write_text("\n".join(same + different) + "\n")
    words = [str(source), "--lfw_pairs", str(pairs), "--hr_model", str(folder / "network"), "--resolutions", "12"]
    return lambda: _print(main(words))


def _training(task: str, folder: Path, count: int) -> Callable[[], None]:
    from cshml_tf.settings.training import HrSettings
    from cshml_tf.training.hr import train_hr

    source = linked(folder, "face", count)
    if task == "train packed":
        from cshml_tf.data.packed.writer import pack

        if not (folder / f"packed_{count}").exists():
            pack(source, folder / f"packed_{count}")
        source = folder / f"packed_{count}"
    settings = HrSettings(
        data_dir=str(source),
        models_base_dir=str(folder / "models"),
        logs_base_dir=str(folder / "logs"),
        run_name=f"{task.replace(' ', '_')}_{count}_{os.getpid()}",
        model_def="small_resnet",
        image_size=SIZE,
        embedding_size=64,
        width=8,
        batch_size=BATCH,
        max_steps=STEPS,
        learning_rate=0.01,
    )
    return lambda: _print(train_hr(settings, progress=False)[0].model_dir)


def _search(count: int) -> Callable[[], None]:
    from cshml_tf.gallery.search import sorted_rows, top_people
    from cshml_tf.metrics.vectors import unit_rows

    random = np.random.default_rng(0)
    rows = unit_rows(random.standard_normal((count, 512), np.float32))
    numbers = np.arange(count)
    probes = unit_rows(random.standard_normal((BATCH, 512), np.float32))

    def work() -> None:
        gallery = sorted_rows(rows, numbers, numbers // FACES_PER_PERSON)
        for _ in range(STEPS):
            top_people(gallery, probes, 5)

    return work


def _print(result: Any) -> None:
    print(result, file=sys.stderr)


def measure(task: str, folder: Path, count: int) -> None:
    """Do the work in this process, and print what it took as JSON on the last line."""
    work = prepare(task, folder, count)
    before = _resident("VmRSS")
    started, cpu = time.perf_counter(), _cpu_seconds()
    work()
    figures = {
        "wall": time.perf_counter() - started,
        "cpu": _cpu_seconds() - cpu,
        "before": before,
        "peak": _resident("VmHWM"),
    }
    print(json.dumps(figures))


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _resident(field: str) -> float:
    """Return a figure of /proc/self/status in MB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field + ":")) / 1e3


def row_of(task: str, folder: Path, count: int) -> str:
    """Measure in a process of its own; return a row of the table."""
    words = [sys.executable, __file__, str(folder), "--measure", task, str(count)]
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, timeout=SECONDS, check=True)
    except subprocess.TimeoutExpired:
        return f"| {task} | {count:,} | not run: over {SECONDS} s | | | |"
    found = json.loads(done.stdout.splitlines()[-1])
    # Training takes a fixed number of steps, and search a fixed number of passes over all faces.
    shared = {"train": STEPS * BATCH, "train packed": STEPS * BATCH, "search": STEPS * count}.get(task, count)
    cells = [f"{1e3 * found[name] / shared:.4g}" for name in ("wall", "cpu")]
    cells += [f"{found['peak']:.0f}", f"{found['peak'] - found['before']:.0f}"]
    return f"| {task} | {count:,} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder for what is drawn and written; kept for the next call")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000], help="numbers of faces")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS, metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--measure", nargs=2, metavar=("TASK", "COUNT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        return measure(arguments.measure[0], arguments.folder, int(arguments.measure[1]))
    draw(arguments.folder)
    print("| work | faces | ms per face | CPU ms per face | peak, MB | of it for the work, MB |")
    print("|---|---|---|---|---|---|")
    for task in arguments.tasks:
        for count in arguments.sizes:
            print(row_of(task, arguments.folder, count), flush=True)
    return None


if __name__ == "__main__":
    main()

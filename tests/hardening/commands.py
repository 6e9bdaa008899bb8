"""The commands that write, on tiny data, and what is compared after an interruption.

`Workplace` draws the data once and knows the words of each command; `Starter` runs commands; `content_of` reads a
command's results in a form in which two runs are equal, whatever the time of day.
"""

import contextlib
import csv
import dataclasses
import hashlib
import io
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
# Far above what any of these commands takes on a busy machine.
SECONDS = 300
_TRAINING = ["--batch_size", "8", "--learning_rate", "0.01", "--log_every", "3", "--epoch_size", "5"]
_NETWORK = ["--model_def", "small_resnet", "--image_size", "48", "40", "--embedding_size", "16", "--width", "4"]
LEFT_OVER = "a lock, or partial output of a killed process"
COMMANDS = (
    "align",
    "embed",
    "pack",
    "import",
    "import_into",
    "join",
    "widen",
    "train",
    "export",
    "ablation",
    "evaluate",
    "synthetic",
)


@dataclasses.dataclass(frozen=True)
class Done:
    """A command that has ended.

    Attributes:
        code: its exit code; negative if a signal ended it.
        shown: what it printed, both streams.
        seconds: how long it ran.
    """

    code: int
    shown: str
    seconds: float

    @property
    def error_line(self) -> str:
        """The one line of an error, which must be the only one."""
        lines = [line for line in self.shown.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1 and "Traceback" not in self.shown, self.shown
        return lines[0]


class Starter:
    """The process `starter`, and the commands that it runs."""

    def __init__(self, folder: Path) -> None:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "0"}
        self._folder, self._number = folder, 0
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("starter.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._pending, self._running = b"", {}
        assert self._next(SECONDS) == {"ready": True}

    def close(self) -> None:
        """End the process and all commands."""
        for number in list(self._running):
            self.kill(number)
        self._process.stdin.close()
        self._process.wait(SECONDS)
        self._process.stdout.close()

    def start(self, words: list[str]) -> int:
        """Start a command, and return its process's number."""
        self._number += 1
        shown = self._folder / f"shown-{self._number}"
        line = {"module": words[0], "words": words[1:], "shown": str(shown)}
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        self._process.stdin.flush()
        number = self._next(SECONDS)["started"]
        self._running[number] = shown, time.monotonic()
        return number

    def wait(self, number: int, seconds: float = SECONDS) -> Done | None:
        """Return how a command ended; None if it has not ended in time."""
        deadline = time.monotonic() + seconds
        while isinstance(self._running[number], tuple):
            line = self._next(max(0.0, deadline - time.monotonic()))
            if line is None:
                return None
            shown, started = self._running[line["ended"]]
            text = shown.read_text(encoding="utf-8", errors="replace")
            self._running[line["ended"]] = Done(line["code"], text, time.monotonic() - started)
        return self._running.pop(number)

    def run(self, words: list[str]) -> Done:
        """Run a command to its end."""
        done = self.wait(self.start(words))
        assert done is not None, f"expected an end within {SECONDS} s of {words}"
        return done

    def kill(self, number: int) -> None:
        """Kill a command and the processes that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(number, signal.SIGKILL)
        self.wait(number)

    def _next(self, seconds):
        deadline = time.monotonic() + seconds
        while b"\n" not in self._pending:
            if not self._selector.select(max(0.0, deadline - time.monotonic())):
                return None
            data = os.read(self._process.stdout.fileno(), 65536)
            assert data, "the starter ended"
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        return json.loads(line)


class Workplace:
    """The data of all commands, drawn into a folder."""

    def __init__(self, folder: Path, starter: Starter) -> None:
        self.folder, self.starter = folder, starter
        drawn = ["make_synthetic", str(folder / "drawn"), "--photographs", "--people", "2", "--pictures", "3"]
        self._prepare([*drawn, "--test_people", "0", "--workers", "1", "--seed", "3"])
        faces = [
            "make_synthetic",
            str(folder / "faces"),
            "--people",
            "3",
            "--pictures",
            "4",
            "--image_size",
            "48",
            "40",
        ]
        people = ["--test_people", "4", "--test_pictures", "3", "--folds", "2", "--pairs_per_fold", "6"]
        self._prepare([*faces, *people, "--workers", "1"])
        self._prepare([*self._train(folder, "hr"), "--max_steps", "2"])
        _write_onnx(folder / "network.onnx")
        _draw_noise(folder / "many")

    def words(self, command: str, out: Path) -> list[str]:
        """Return the words of a command that writes below the folder `out`: its module in `cshml_tf.cli` first."""
        place, model = str(out / "out"), str(self.folder / "models" / "hr")
        network = str(self.folder / "network.onnx")
        if command == "import_into":
            (out / "out").mkdir(exist_ok=True)
        if command == "join":
            self._prepare_lr_networks()
        faces, pairs = (
            str(self.folder / "faces" / "test"),
            ["--lfw_pairs", str(self.folder / "faces" / "pairs.txt")],
        )
        train = ["--data_dir", str(self.folder / "faces" / "train"), *_TRAINING]
        return {
            "align": ["align_dataset", str(self.folder / "drawn" / "train"), place, "--workers", "1"],
            "embed": [
                *(
                    "embed_faces",
                    str(self.folder / "many"),
                    place,
                    "--model",
                    model,
                    "--embedding_batch_size",
                    "8",
                ),
                *("--workers", "1"),
            ],
            "pack": ["pack_dataset", str(self.folder / "many"), place],
            "import": ["import_recogniser", network, place, "--standardisation", "fixed"],
            "import_into": ["import_recogniser", network, place, "--standardisation", "fixed"],
            "join": ["join_networks", *(str(self.folder / "models" / name) for name in ("lr_1", "lr_2")), place],
            "widen": ["widen_network", model, place],
            "train": [*self._train(out, "out"), "--max_steps", "10", "--checkpoint_steps", "2"],
            "export": ["export_saved_model", model, place],
            "ablation": [
                *("run_ablation", place, "--networks", model, *train, "--max_steps", "3"),
                *("--lfw_dir", faces, *pairs, "--resolutions", "12", "--losses", "2", "2+3+5"),
            ],
            "evaluate": ["evaluate_lfw", faces, *pairs, "--hr_model", model, "--report", str(out / "report.json")],
            "synthetic": [
                *("make_synthetic", place, "--people", "2", "--pictures", "3", "--image_size", "48", "40"),
                *("--test_people", "2", "--test_pictures", "3", "--folds", "1", "--pairs_per_fold", "2"),
                *("--workers", "1"),
            ],
        }[command]

    def _train(self, out, name):
        return ["train_hr", *self._run(out, name), *_NETWORK]

    def _prepare_lr_networks(self):
        """Train two LR networks, unless that was done before."""
        start = ["--pretrained_model", str(self.folder / "models" / "hr"), "--resolution", "12"]
        for steps in (1, 2):
            name = f"lr_{steps}"
            if not (self.folder / "models" / name / "model.json").exists():
                run = self._run(self.folder, name)
                self._prepare(["train_cshml", *run, *start, "--max_steps", str(steps)])

    def _run(self, out, name):
        faces, models, logs = self.folder / "faces" / "train", out / "models", out / "logs"
        folders = ["--models_base_dir", str(models), "--logs_base_dir", str(logs), "--run_name", name]
        return ["--data_dir", str(faces), *folders, *_TRAINING]

    def _prepare(self, words):
        done = self.starter.run(words)
        assert done.code == 0, done.shown


def _draw_noise(folder, people=4, pictures=100):
    """Write class folders of noise: enough for packing to take a while."""
    random = np.random.default_rng(0)
    for person, picture in np.ndindex(people, pictures):
        path = folder / f"person_{person}" / f"person_{person}_{picture:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (112, 96, 3)).astype(np.uint8)).save(path)


def _write_onnx(path):
    from onnx_files import node, weights, write_graph

    nodes = [
        node("Conv", ["image", "kernel"], "conv", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("PRelu", ["conv", "slope"], "prelu"),
        node("Flatten", ["prelu"], "flat", axis=1),
        node("Gemm", ["flat", "dense"], "embedding", transB=1),
    ]
    shapes = {"kernel": (16, 3, 3, 3), "slope": (16, 1, 1), "dense": (64, 16 * 24 * 20)}
    write_graph(path, nodes, {name: weights(*shape) for name, shape in shapes.items()}, shape=("N", 3, 48, 40))


def differing(expected: dict[str, object], folder: Path, with_left_overs: bool = True) -> list[str]:
    """Return the paths below a folder whose content is not the expected one, the first five.

    Args:
        expected: the content that a command leaves without an interruption.
        folder: where it wrote.
        with_left_overs: whether locks and partial files count, which a killed process may leave.
    """
    found = content_of(folder)
    if not with_left_overs:
        found, expected = (
            {name: content for name, content in known.items() if content != LEFT_OVER}
            for known in (found, expected)
        )
    return sorted(name for name in expected.keys() | found.keys() if found.get(name) != expected.get(name))[:5]


def content_of(folder: Path) -> dict[str, object]:
    """Return a command's results by path, hidden files included: what is equal is equal.

    Left out are TensorBoard's events, whose names hold the time, and within files the speed and the time of
    writing.
    """
    paths = (path for path in sorted(folder.rglob("*")) if "tfevents" not in path.name)
    return {path.relative_to(folder).as_posix(): _content(path, folder) for path in paths}


def _content(path, folder):
    from cshml_tf.files import left_over

    # Partial files may end anywhere.
    if any(map(left_over, path.relative_to(folder).parts)):
        return LEFT_OVER
    if path.is_dir():
        return "folder"
    data = path.read_bytes()
    if path.suffix in (".keras", ".npz"):
        return _members(data)
    if path.name == "history.csv":
        rows = csv.DictReader(io.StringIO(data.decode()))
        return [{name: cell for name, cell in row.items() if name != "pairs_per_second"} for row in rows]
    if path.suffix in (".json", ".csv", ".txt", ".md"):
        text = data.decode().replace(str(folder), "")
        return re.sub(r'"seconds": [\d.]+', "", text)
    if ".data-" in path.name:
        return _variables(path.with_name(path.name.partition(".data-")[0]))
    # Names in the graph are numbered in no fixed order; the index and the fingerprint follow.
    if path.suffix in (".pb", ".index"):
        return "a part of the SavedModel"
    return hashlib.sha256(data).hexdigest()


def _members(data):
    """Return the members of a zip file, without the time of writing and addresses in memory."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != "metadata.json"}
    return {name: re.sub(rb'"shared_object_id": \d+', b"", member) for name, member in members.items()}


def _variables(prefix):
    """Return the values of a SavedModel's variables, but for dropout's seeds, which no embedding depends on."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(prefix))
    names = [name for name, kind in reader.get_variable_to_dtype_map().items() if kind.is_floating]
    return {name: reader.get_tensor(name).tobytes() for name in sorted(names)}

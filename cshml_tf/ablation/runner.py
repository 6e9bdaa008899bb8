"""Train and measure the cells of an ablation, one after the other; what is done already is left as it is."""

import dataclasses
import gc
import hashlib
import json
import time
from pathlib import Path

import keras

from cshml_tf.data.protocols import read_pairs
from cshml_tf.data.sources import find_images
from cshml_tf.evaluation.lfw import Options, evaluate
from cshml_tf.files import write_json
from cshml_tf.model_folder import card_of_kind, load_recogniser
from cshml_tf.training.lr import train_lr
from cshml_tf.training.settings import LrSettings

REPORTS = "reports"
_COMMON = "ablation.json"


@dataclasses.dataclass(frozen=True)
class PairsTest:
    """What every network is measured on.

    Attributes:
        lfw_dir: folder of class folders of aligned faces.
        lfw_pairs: its pairs file.
        options: `cshml_tf.evaluation.lfw.Options`.
    """

    lfw_dir: str
    lfw_pairs: str
    options: Options

    def as_json(self):
        """Give what decides the figures, as JSON's types: the pairs by a digest of their file."""
        pairs = hashlib.sha256(Path(self.lfw_pairs).read_bytes()).hexdigest()
        # The number of images in a forward pass is no part of the question.
        options = {name: value for name, value in dataclasses.asdict(self.options).items() if name != "batch_size"}
        return json.loads(json.dumps({"lfw_dir": str(Path(self.lfw_dir).resolve()), "pairs": pairs} | options))


def run_ablation(cells, options, test, output_dir, max_minutes=None, progress=True):
    """Train and measure each cell; a run that was cut is continued, a finished one is not repeated.

    Args:
        cells: list of `cshml_tf.ablation.grid.Cell`.
        options: dict of `LrSettings`'s fields, the same for all cells.
        test: `PairsTest`.
        output_dir: folder of models/, logs/ and reports/; another ablation may have filled it in part.
        max_minutes: time after which the run in hand is stopped, to be continued by the next call; None has
            no limit.
        progress: whether bars are shown.

    Yields:
        (cell, report) as each is done. It ends before the last cell where time is up or a signal came.

    Raises:
        ValueError: bad settings or data, or a folder whose ablation has other options or another test: figures
            that nothing else tells apart must not meet in one table.
    """
    output_dir = Path(output_dir)
    pairs = read_pairs(test.lfw_pairs)
    images = find_images(test.lfw_dir, pairs)
    if not images:
        raise ValueError(f"lfw_dir: expected the images of {test.lfw_pairs}, {test.lfw_dir} has none of them")
    folders = {"models_base_dir": str(output_dir / "models"), "logs_base_dir": str(output_dir / "logs")}
    # Whatever can be refused is refused before hours are spent on the first cells.
    settings = [cell.settings(**options | folders) for cell in cells]
    for network in {cell.network for cell in cells}:
        card_of_kind(network, "hr")
    _claim(output_dir, options, test)
    deadline = None if max_minutes is None else time.monotonic() + 60 * max_minutes
    hr_networks, means = {}, {}
    for cell, setting in zip(cells, settings, strict=True):
        path = output_dir / REPORTS / f"{cell.name}.json"
        setting, in_time = _until(setting, deadline)
        if not in_time:
            return
        run, outcome = train_lr(setting, progress, means)
        if outcome is not None and not outcome.complete:
            return
        report = read_report(path)
        if report is None:
            # A graph of an earlier cell is of no more use, and none is small.
            keras.backend.clear_session()
            gc.collect()
            hr_recogniser, known = _hr_network(hr_networks, cell.network)
            lr_recogniser = load_recogniser(run.model_dir)
            served = dict.fromkeys(cell.resolutions, lr_recogniser)
            evaluation = evaluate(
                pairs,
                images,
                hr_recogniser,
                served,
                degradation=setting.degradation,
                options=test.options,
                hr_embeddings=known,
            )
            report = {"cell": _as_json(cell)} | evaluation.report
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, report)
        yield cell, report


def read_reports(output_dir):
    """Read the reports of all cells that were ever finished in a folder: a list of dicts, by name."""
    return [read_report(path) for path in sorted((Path(output_dir) / REPORTS).glob("*.json"))]


def read_report(path):
    """Read a cell's report; None where there is none.

    Raises:
        ValueError: the file is no such report.
    """
    if not path.exists():
        return None
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: expected a report of an ablation: {error}") from error
    if not isinstance(report, dict) or not {"cell", "HR"} <= set(report):
        raise ValueError(f"{path}: expected a report of an ablation, got other JSON")
    return report


def _claim(output_dir, options, test):
    """Note what all cells of the folder have in common, or compare with what was noted."""
    path = output_dir / _COMMON
    free = (*LrSettings.CONTINUATION, "lfw_batch_size")
    common = {name: value for name, value in options.items() if name not in free} | {"test": test.as_json()}
    common = json.loads(json.dumps(common))
    if not path.exists():
        output_dir.mkdir(parents=True, exist_ok=True)
        write_json(path, common)
        return
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        differing = sorted(name for name in set(noted) | set(common) if noted.get(name) != common.get(name))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: expected the settings of an ablation: {error}") from error
    if differing:
        first = differing[0]
        raise ValueError(
            f"OUT_DIR: {output_dir} holds an ablation with other settings ({', '.join(differing)}): {first} was "
            f"{noted.get(first)!r} and is {common.get(first)!r}; choose another folder"
        )


def _until(settings, deadline):
    """Give a run what time is left, and whether any is."""
    if deadline is None:
        return settings, True
    left = (deadline - time.monotonic()) / 60
    return (dataclasses.replace(settings, max_minutes=left), True) if left > 0 else (settings, False)


def _hr_network(loaded, model_dir):
    """Load an HR network, once: the recogniser, and the dict of its embeddings."""
    if model_dir not in loaded:
        loaded.clear()
        loaded[model_dir] = load_recogniser(model_dir), {}
    return loaded[model_dir]


def _as_json(cell):
    return json.loads(json.dumps(dataclasses.asdict(cell) | {"name": cell.name}))

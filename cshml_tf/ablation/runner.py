"""Train and measure the cells of an ablation, one after the other; what is done already is left as it is."""

import dataclasses
import gc
import time
from pathlib import Path

import keras

from cshml_tf.ablation.common import Common
from cshml_tf.ablation.reports import read_report, report_path, write_report
from cshml_tf.data.protocols import read_pairs
from cshml_tf.data.sources import find_images
from cshml_tf.evaluation.lfw import Options, evaluate
from cshml_tf.evaluation.networks import trained_on
from cshml_tf.files import lock_folder
from cshml_tf.model_folder import card_of_kind, load_recogniser, read_card
from cshml_tf.recogniser import image_size_of
from cshml_tf.training.lr import train_lr


class PairsTest:
    """What every network is measured on.

    Args:
        lfw_dir: class folders of aligned faces, or packed.
        lfw_pairs: its pairs file.
        options: `cshml_tf.evaluation.lfw.Options`.

    Raises:
        ValueError: no pairs file, or none of its images.
        OSError: it cannot be read.
    """

    def __init__(self, lfw_dir, lfw_pairs, options: Options):
        self.options = options
        self.pairs = read_pairs(lfw_pairs)
        self.images = find_images(lfw_dir, self.pairs)
        if not self.images:
            raise ValueError(f"lfw_dir: expected the images of {lfw_pairs}, {lfw_dir} has none of them")

    def measure(self, hr_recogniser, hr_embeddings, resolutions, lr_recogniser=None, degradation="antialias"):
        """Measure the HR network alone, or an LR network beside it: as `cshml_tf.evaluation.lfw.evaluate`."""
        return evaluate(
            self.pairs,
            self.images,
            hr_recogniser,
            lr_recogniser and dict.fromkeys(resolutions, lr_recogniser),
            resolutions,
            degradation=degradation,
            options=self.options,
            image_size=image_size_of(hr_recogniser),
            hr_embeddings=hr_embeddings,
        ).report


def run_ablation(cells, options, test, output_dir, max_minutes=None, progress=True):
    """Train and measure each cell; a run that was cut is continued, a finished one is not repeated.

    Args:
        cells: list of `cshml_tf.ablation.grid.Cell`.
        options: dict of fields of `LrSettings`, the same for all cells.
        test: `PairsTest`.
        output_dir: folder of models/, logs/ and reports/; another ablation may have filled it in part.
        max_minutes: time after which the run in hand is stopped, to be continued by the next call; None has
            no limit.
        progress: whether bars are shown.

    Yields:
        (cell, report) as each is done. It ends before the last cell where time is up or a signal came.

    Raises:
        ValueError: bad settings or data; a folder whose ablation has other ones (figures that nothing else tells
            apart must not meet in one table), or that another process is writing to.
    """
    output_dir = Path(output_dir)
    folders = {"models_base_dir": str(output_dir / "models"), "logs_base_dir": str(output_dir / "logs")}
    # Whatever can be refused is refused before hours are spent on the first cells.
    settings = [cell.settings(**options | folders) for cell in cells]
    for network in {cell.network for cell in cells}:
        card_of_kind(network, "hr")
    common = Common(output_dir, settings[0], test, {cell.network for cell in cells})
    output_dir.mkdir(parents=True, exist_ok=True)
    with lock_folder(output_dir):
        yield from _run(list(zip(cells, settings, strict=True)), test, output_dir, common, max_minutes, progress)


def _run(cells, test, output_dir, common, max_minutes, progress):
    deadline = None if max_minutes is None else time.monotonic() + 60 * max_minutes
    hr_networks, means = {}, {}
    for cell, settings in cells:
        path = report_path(output_dir, cell)
        if not path.exists():
            _measure_hr_network(hr_networks, cell, cells, test)
        settings, in_time = _until(settings, deadline)
        if not in_time:
            return
        run, outcome = train_lr(settings, progress, means)
        common.note()
        if outcome is not None and not outcome.complete:
            return
        # A report that lies there already is of the network that was trained anew just now.
        report = read_report(path) if outcome is None else None
        if report is None:
            # A graph of an earlier cell is of no more use, and none is small.
            keras.backend.clear_session()
            gc.collect()
            hr_recogniser, hr_embeddings = _measure_hr_network(hr_networks, cell, cells, test)
            lr_recogniser = load_recogniser(run.model_dir)
            report = test.measure(
                hr_recogniser, hr_embeddings, cell.resolutions, lr_recogniser, settings.degradation
            )
            folders = [cell.network, run.model_dir]
            report["protocol"] |= {
                "trained_people": trained_on(folders, test.pairs, test.images),
                # The paper's rows of this network go below.
                "model_def": (read_card(cell.network).get("settings") or {}).get("model_def"),
            }
            report = {"cell": cell.as_json()} | report
            write_report(path, report)
        yield cell, report
        if outcome is not None and outcome.interrupted:
            return


def _measure_hr_network(measured, cell, cells, test):
    """Load a cell's HR network and measure it alone, once: the recogniser, and the dict of its embeddings."""
    if cell.network not in measured:
        measured.clear()
        recogniser, embeddings = load_recogniser(cell.network), {}
        of_network = [(other, settings) for other, settings in cells if other.network == cell.network]
        resolutions = dict.fromkeys(side for other, _ in of_network for side in other.resolutions)
        test.measure(recogniser, embeddings, list(resolutions), degradation=of_network[0][1].degradation)
        measured[cell.network] = recogniser, embeddings
    return measured[cell.network]


def _until(settings, deadline):
    """Give a run what time is left, and whether any is."""
    if deadline is None:
        return settings, True
    left = (deadline - time.monotonic()) / 60
    return (dataclasses.replace(settings, max_minutes=left), True) if left > 0 else (settings, False)

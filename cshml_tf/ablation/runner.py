"""Train and measure the cells of an ablation, one after the other; finished cells are left untouched."""

import dataclasses
import gc
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras

from cshml_tf.ablation.common import Common
from cshml_tf.ablation.grid import Cell
from cshml_tf.ablation.measurement import PairsTest
from cshml_tf.ablation.reports import read_report, report_path, write_report
from cshml_tf.evaluation.networks import trained_on
from cshml_tf.files import lock_folder
from cshml_tf.model_folder import card_of_kind, load_recogniser, read_card
from cshml_tf.training.lr import train_lr


def run_ablation(
    cells: Sequence[Cell],
    options: dict[str, Any],
    test: PairsTest,
    output_dir: str | Path,
    max_minutes: float | None = None,
    progress: bool = True,
) -> Iterator[tuple[Cell, dict[str, Any]]]:
    """Train and measure each cell; an interrupted run is resumed, a finished one is not repeated.

    Args:
        cells: the LR networks to train.
        options: fields of `LrSettings`, the same for all cells.
        test: the test on which every network is measured.
        output_dir: folder of models/, logs/ and reports/; an earlier ablation may have filled it in part.
        max_minutes: minutes after which the current run is stopped, to be resumed by the next call; None sets no
            limit.
        progress: whether progress bars are shown.

    Yields:
        (cell, report) as each is done. It ends before the last cell if time is up or a signal arrives.

    Raises:
        ValueError: the settings or data are invalid; the folder contains an ablation with other settings, whose
            results must not be mixed with these in one table; or another process is writing to the folder.
    """
    output_dir = Path(output_dir)
    folders = {"models_base_dir": str(output_dir / "models"), "logs_base_dir": str(output_dir / "logs")}
    # Whatever can be refused is refused before hours are spent on the first cells.
    settings = [cell.settings(**options | folders) for cell in cells]
    for network in {cell.network for cell in cells}:
        card_of_kind(network, "hr")
    common = Common(output_dir, settings[0], options, test, {cell.network for cell in cells})
    output_dir.mkdir(parents=True, exist_ok=True)
    with lock_folder(output_dir):
        # Another process may have worked here since.
        common.compare()
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
        # An existing report belongs to an earlier network if this one was trained just now.
        report = read_report(path) if outcome is None else None
        if report is None:
            # The graphs of earlier cells are no longer needed, and each is large.
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
                # Selects the paper's rows to show below.
                "model_def": (read_card(cell.network).get("settings") or {}).get("model_def"),
            }
            report = {"cell": cell.as_json()} | report
            write_report(path, report)
        yield cell, report
        if outcome is not None and outcome.interrupted:
            return


def _measure_hr_network(measured, cell, cells, test):
    """Load a cell's HR network and measure it by itself, once; return it and a dict of its embeddings."""
    if cell.network not in measured:
        measured.clear()
        recogniser, embeddings = load_recogniser(cell.network), {}
        of_network = [(other, settings) for other, settings in cells if other.network == cell.network]
        resolutions = dict.fromkeys(side for other, _ in of_network for side in other.resolutions)
        test.measure(recogniser, embeddings, list(resolutions), degradation=of_network[0][1].degradation)
        measured[cell.network] = recogniser, embeddings
    return measured[cell.network]


def _until(settings, deadline):
    """Limit a run to the time that is left; also return whether any is left."""
    if deadline is None:
        return settings, True
    left = (deadline - time.monotonic()) / 60
    return (dataclasses.replace(settings, max_minutes=left), True) if left > 0 else (settings, False)

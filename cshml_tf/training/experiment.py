"""The parts common to HR and LR training: the source, the loop, validation on LFW, and the model folder."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any

import keras

from cshml_tf.data.carriers import Stream
from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.unreadable import Unreadable
from cshml_tf.files import read_text, write_text
from cshml_tf.model_folder import save_model
from cshml_tf.recogniser import clone, settle_batch_norm
from cshml_tf.settings.training import LrSettings, RunSettings
from cshml_tf.training.checkpoint import delete_checkpoints
from cshml_tf.training.cluster import Cluster, agree
from cshml_tf.training.devices import check_batch_size, check_xla
from cshml_tf.training.inputs import CHIEFS_INPUTS, inputs_of
from cshml_tf.training.loop import Outcome, run_steps
from cshml_tf.training.optimizers import averaged_weights, make_optimizer
from cshml_tf.training.run_folder import Run
from cshml_tf.training.schedule import CosineDecay, Schedule, make_schedule


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Everything the training loop needs for one network.

    Attributes:
        network: `HrNetwork` or `TwoBranchNetwork`.
        recogniser: the recogniser inside `network` that is trained and saved.
        settings: HrSettings or LrSettings.
        source: the training faces.
        unreadable: reads them, and counts those that it passes over.
        strategy: as returned by `cshml_tf.training.devices.choose_strategy`; the network was created in its scope.
        batches_from: function of a step that returns the stream of batches that begins there.
        card: the entries of the model folder's card that describe the network, such as "kind" and "resolutions".
        people: names of everyone on whom the recogniser will have been trained at the end.
        evaluate: function of a float32 recogniser that returns figures by name, or None.
        fresh: whether the recogniser started from random weights.
        cluster: the workers that train the network together.
        unlabelled: the faces without names beside those of `source`; None without any.
    """

    network: Any
    recogniser: keras.Model
    settings: RunSettings
    source: FaceSource
    unreadable: Unreadable
    strategy: Any
    batches_from: Callable[[int], Stream]
    card: dict[str, Any]
    people: Set[str]
    evaluate: Callable[[keras.Model], dict[str, Any]] | None = None
    fresh: bool = False
    cluster: Cluster = dataclasses.field(default_factory=Cluster)
    unlabelled: FaceSource | None = None


def schedule_of(settings: RunSettings) -> Schedule | CosineDecay:
    """Return the learning rate schedule of a run."""
    return make_schedule(
        settings.learning_rate,
        settings.learning_rate_schedule_file,
        settings.epoch_size,
        settings.last_step if settings.cosine_decay else None,
    )


def run_experiment(
    experiment: Experiment, run: Run, progress: bool = True, on_step: Callable[[int], None] | None = None
) -> Outcome:
    """Train until the last step or a limit, and write the model folder.

    Args:
        experiment: what to train.
        run: opened with the experiment's settings.
        progress: whether to show a progress bar.
        on_step: function of the number of steps done, called after each; or None.

    Returns:
        How training ended.

    Raises:
        ValueError: a face cannot be read or is of another size, or training diverges.
    """
    settings = experiment.settings
    schedule = schedule_of(settings)
    # Whatever can be refused is refused before the run's folder is made.
    check_batch_size(settings.batch_size, experiment.strategy)
    if isinstance(settings, LrSettings) and settings.unlabelled_dir is not None:
        check_batch_size(settings.unlabelled_batch_size, experiment.strategy, "unlabelled_batch_size")
    check_xla(settings.xla, experiment.strategy)
    experiment.batches_from(0)
    inputs = inputs_of(settings, experiment.source, schedule, experiment.unlabelled)
    agree({name: inputs[name] for name in inputs if name not in CHIEFS_INPUTS}, experiment.cluster)
    if experiment.cluster.is_chief:
        run.begin(inputs)
    try:
        return _run(experiment, run, schedule, progress, on_step)
    finally:
        run.release()


def _run(
    experiment: Experiment,
    run: Run,
    schedule: Schedule | CosineDecay,
    progress: bool,
    on_step: Callable[[int], None] | None,
) -> Outcome:
    settings, evaluate, cluster = experiment.settings, experiment.evaluate, experiment.cluster
    with experiment.strategy.scope():
        optimizer = make_optimizer(settings.optimizer, schedule.rate(0), settings.moving_average_decay)

    measured: dict[int, dict[str, Any]] = {}

    def validate(steps: int) -> dict[str, float]:
        assert evaluate is not None
        measured[steps] = evaluate(_as_trained(experiment, optimizer, steps))
        _write_lfw_result(run.log_dir, steps, measured[steps])
        return {f"lfw/{name}": value for name, value in measured[steps].items() if value is not None}

    outcome = run_steps(
        experiment.network,
        optimizer,
        schedule,
        settings,
        run,
        experiment.strategy,
        experiment.batches_from,
        experiment.unreadable,
        validate=validate if evaluate else None,
        progress=progress,
        on_step=on_step,
        cluster=cluster,
    )
    if cluster.is_chief:
        recogniser = _as_trained(experiment, optimizer, outcome.steps)
        if evaluate and outcome.steps not in measured:
            validate(outcome.steps)
        _save(experiment, run, recogniser, outcome, measured.get(outcome.steps, {}))
        if outcome.complete:
            run.finish()
            delete_checkpoints(run.checkpoint_dir)
    # The other workers end only when the model is written.
    cluster.exchange(None)
    return outcome


def _as_trained(experiment: Experiment, optimizer: keras.Optimizer, steps: int) -> keras.Model:
    """Copy the recogniser in its final form: float32, batch norm for one device, averaged weights if any."""
    with averaged_weights(optimizer, experiment.network.trainable_variables):
        recogniser = clone(experiment.recogniser)
    if experiment.fresh and steps:
        settle_batch_norm(recogniser, steps)
    return recogniser


def _save(
    experiment: Experiment, run: Run, recogniser: keras.Model, outcome: Outcome, figures: Mapping[str, Any]
) -> None:
    with_average = experiment.settings.moving_average_decay > 0
    card = experiment.card | {
        "learning_rate_schedule": run.inputs["learning rate schedule"],
        "classes": len(experiment.source.classes),
        "images": len(experiment.source.images),
        "steps": outcome.steps,
        "complete": outcome.complete,
        "weights": "moving average" if with_average else "last step",
        "settings": run.settings,
        "figures": figures,
    }
    if outcome.unreadable:
        card["unreadable_images"] = list(outcome.unreadable)
    centres = keras.ops.convert_to_numpy(experiment.network.classifier.centres)
    save_model(run.model_dir, recogniser, card, centres, experiment.source.classes, experiment.people)


def _write_lfw_result(log_dir: Path, steps: int, figures: Mapping[str, Any]) -> None:
    """Add a step's line, and drop lines that a killed call wrote for this or later steps."""
    path = log_dir / "lfw_result.txt"
    lines = read_text(path).splitlines(keepends=True) if path.exists() else []
    # Lines that are not ours stay.
    found = [(re.match(r"step ([0-9]{1,18})\t", line), line) for line in lines if line.endswith("\n")]
    before = "".join(line for match, line in found if match is None or int(match[1]) < steps)
    line = "\t".join(
        [f"step {steps}"] + [f"{name} {value:.5f}" for name, value in figures.items() if value is not None]
    )
    write_text(path, before + line + "\n")

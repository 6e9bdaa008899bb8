"""What the two trainings share: the source, the loop, validation on LFW, and the model folder at the end."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from cshml_tf.data import sources
from cshml_tf.data.protocols import read_people
from cshml_tf.files import write_text
from cshml_tf.model_folder import save_model
from cshml_tf.recogniser import clone, settle_batch_norm
from cshml_tf.training.checkpoint import delete_checkpoints
from cshml_tf.training.devices import check_batch_size
from cshml_tf.training.loop import run_steps
from cshml_tf.training.optimizers import averaged_weights, make_optimizer
from cshml_tf.training.run_folder import Run
from cshml_tf.training.schedule import make_schedule


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A network made ready for the loop.

    Attributes:
        network: `HrNetwork` or `TwoBranchNetwork`.
        recogniser: the one inside it that learns, and is saved.
        settings: HrSettings or LrSettings.
        source: as `cshml_tf.data.sources.open_source` gives.
        strategy: as `cshml_tf.training.devices.choose_strategy` gives, under which the network was made.
        batches_from: function of a step that returns the `cshml_tf.data.carriers.Stream` that begins there.
        card: what the model folder says beside settings, steps and figures.
        people: names of everybody the recogniser has been trained on, by the end.
        evaluate: function of a float32 recogniser giving a dict of figures, or None.
        fresh: whether the recogniser started from random weights.
    """

    network: Any
    recogniser: keras.Model
    settings: Any
    source: Any
    strategy: Any
    batches_from: Callable
    card: dict
    people: frozenset
    evaluate: Callable | None = None
    fresh: bool = False


def open_source(settings, image_size):
    """List the training images, and look at the first.

    Returns:
        As `cshml_tf.data.sources.open_source`.

    Raises:
        ValueError: nothing to train on, or a first image that does not fit.
    """
    people = read_people(settings.people) if settings.people else None
    source = sources.open_source(settings.data_dir, people, image_size)
    source.check(image_size)
    return source


def schedule_of(settings):
    """Make the learning rate's schedule of a run's settings."""
    return make_schedule(
        settings.learning_rate,
        settings.learning_rate_schedule_file,
        settings.epoch_size,
        settings.last_step if settings.cosine_decay else None,
    )


def run_experiment(experiment: Experiment, run: Run, progress=True):
    """Train until the last step or a limit, and write the model folder.

    Args:
        experiment: Experiment.
        run: Run, opened with the experiment's settings.
        progress: whether a bar is shown.

    Returns:
        `cshml_tf.training.loop.Outcome`.

    Raises:
        ValueError: an image cannot be read or does not fit, or the training diverges.
    """
    settings = experiment.settings
    schedule = schedule_of(settings)
    # What can be refused is refused before the run's folder is made.
    check_batch_size(settings.batch_size, experiment.strategy)
    experiment.batches_from(0)
    run.begin({"learning rate schedule": schedule.as_json(), "data": experiment.source.digest()})
    try:
        return _run(experiment, run, schedule, progress)
    finally:
        run.release()


def _run(experiment, run, schedule, progress):
    settings = experiment.settings
    with experiment.strategy.scope():
        optimizer = make_optimizer(settings.optimizer, schedule.rate(0), settings.moving_average_decay)

    measured = {}

    def validate(steps):
        measured[steps] = experiment.evaluate(_as_trained(experiment, optimizer, steps))
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
        validate=validate if experiment.evaluate else None,
        progress=progress,
    )
    recogniser = _as_trained(experiment, optimizer, outcome.steps)
    if experiment.evaluate and outcome.steps not in measured:
        validate(outcome.steps)
    _save(experiment, run, recogniser, outcome, measured.get(outcome.steps, {}))
    if outcome.complete:
        run.finish()
        delete_checkpoints(run.checkpoint_dir)
    return outcome


def _as_trained(experiment, optimizer, steps):
    """Copy the recogniser as it will be served: float32, batch norm of one device, averaged weights if kept."""
    with averaged_weights(optimizer, experiment.network.trainable_variables):
        recogniser = clone(experiment.recogniser)
    if experiment.fresh and steps:
        settle_batch_norm(recogniser, steps)
    return recogniser


def _save(experiment, run, recogniser, outcome, figures):
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
    centres = keras.ops.convert_to_numpy(experiment.network.classifier.centres)
    save_model(run.model_dir, recogniser, card, centres, experiment.source.classes, experiment.people)


def _write_lfw_result(log_dir, steps, figures):
    """Add the line of a step; those of the step and of later ones, from before a kill, go."""
    path = log_dir / "lfw_result.txt"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    before = "".join(line for line in lines if int(line.split()[1]) < steps)
    line = "\t".join(
        [f"step {steps}"] + [f"{name} {value:.5f}" for name, value in figures.items() if value is not None]
    )
    write_text(path, before + line + "\n")

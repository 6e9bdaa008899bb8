"""A run by one worker or by several: they agree on what they train, and the chief alone writes."""

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import keras

from cshml_tf import __version__
from cshml_tf.settings.option import options_of
from cshml_tf.settings.training import RunSettings
from cshml_tf.training.cluster import Cluster, agree, join, read_place
from cshml_tf.training.experiment import Experiment, run_experiment
from cshml_tf.training.loop import Outcome
from cshml_tf.training.run_folder import Run, open_run, run_named

_S = TypeVar("_S", bound=RunSettings)


def train_together(
    kind: str,
    settings: _S,
    prepare: Callable[[_S, Cluster], Experiment],
    progress: bool = True,
    on_step: Callable[[int], None] | None = None,
) -> tuple[Run, Outcome | None]:
    """Train a network, or resume an interrupted run, with the workers that the settings ask for.

    Args:
        kind: "hr" or "lr".
        settings: settings of the run.
        prepare: function of this worker's settings and of the workers that builds the network and opens its data.
        progress: whether to show a progress bar.
        on_step: function of the number of steps done, called after each; or None.

    Returns:
        (run, outcome); the outcome is None if the run had already finished.

    Raises:
        ValueError: the settings or the data are invalid, or the workers' differ.
    """
    with join(read_place()) if settings.strategy == "multi_worker" else Cluster() as cluster:
        _agree_on_settings(kind, settings, cluster)
        if not cluster.is_chief:
            # The chief checks and validates for all.
            settings = dataclasses.replace(settings, check_images=False, lfw_dir=None, lfw_pairs=None)
        run = open_run(kind, settings) if cluster.is_chief else None
        name, finished = cluster.share(None if run is None else [run.model_dir.name, run.finished])
        run = run or run_named(kind, settings, name)
        if finished:
            return run, None
        return run, run_experiment(prepare(settings, cluster), run, progress, on_step)


def _agree_on_settings(kind: str, settings: RunSettings, cluster: Cluster) -> None:
    """Refuse workers that were not started by the same command; paths may differ.

    Raises:
        ValueError: their programs, backends or settings differ.
    """
    options = options_of(type(settings))
    own = {name: value for name, value in settings.as_json().items() if options[name].place is None}
    told = {"command": kind, "version": __version__, "backend": keras.backend.backend(), "settings": own}
    told |= {"keras": keras.__version__}
    agree(told, cluster)

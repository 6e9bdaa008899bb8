"""Train the LR network under equation 6: a clone of a frozen HR network, or a network that began as one."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from cshml_tf.data.batches import two_branch_batches
from cshml_tf.data.carriers import Stream
from cshml_tf.degradation.resolution import Resolution, check_reductions, resolution_sides
from cshml_tf.layers import CosFace, Degrade
from cshml_tf.model_folder import card_of_kind, load_recogniser, read_classifier, trained_people
from cshml_tf.network import TwoBranchNetwork
from cshml_tf.recogniser import clone, image_size_of, standardisation_of, with_tap
from cshml_tf.settings.training import LrSettings
from cshml_tf.training.class_means import class_means
from cshml_tf.training.devices import choose_strategy
from cshml_tf.training.experiment import Experiment, open_source, run_experiment
from cshml_tf.training.loop import Outcome
from cshml_tf.training.run_folder import Run, open_run
from cshml_tf.training.validation import make_lfw_evaluation


def train_lr(
    settings: LrSettings,
    progress: bool = True,
    means: dict[tuple[str, str], np.ndarray] | None = None,
    on_step: Callable[[int], None] | None = None,
) -> tuple[Run, Outcome | None]:
    """Train an LR network from the model folder of an HR network, or resume an interrupted run.

    Args:
        settings: settings of the run, with `pretrained_model`.
        progress: whether to show progress bars.
        means: a dict, empty at first, that caches class means for further runs with the same HR network and data.
        on_step: function of the number of steps done, called after each; or None.

    Returns:
        (run, outcome); the outcome is None if the run had already finished.

    Raises:
        ValueError: the settings or the data are invalid.
    """
    run = open_run("lr", settings)
    if run.finished:
        return run, None
    return run, run_experiment(prepare_lr(settings, progress, means), run, progress, on_step)


def prepare_lr(
    settings: LrSettings, progress: bool = False, means: dict[tuple[str, str], np.ndarray] | None = None
) -> Experiment:
    """Build the two branches and the shared classifier, and open the training data.

    Args:
        settings: settings of the run, with `pretrained_model`.
        progress: whether to show a progress bar while class means are computed.
        means: as for `train_lr`.

    Returns:
        `Experiment`.

    Raises:
        ValueError: the settings or the data are invalid.
    """
    keras.utils.set_random_seed(settings.seed)
    strategy = choose_strategy(settings.strategy, settings.replicas)
    card_of_kind(settings.pretrained_model, "hr")
    hr_recogniser = load_recogniser(settings.pretrained_model)
    start = (
        hr_recogniser
        if settings.pretrained_lr_model is None
        else _load_start(settings.pretrained_lr_model, hr_recogniser)
    )
    if settings.tap is not None:
        hr_recogniser, start = (with_tap(recogniser, settings.tap) for recogniser in (hr_recogniser, start))
    image_size = image_size_of(hr_recogniser)
    check_reductions(settings.resolution, image_size)
    source = open_source(settings, image_size)
    newest = settings.pretrained_lr_model or settings.pretrained_model
    centres = None if settings.new_classifier else _matching_centres(newest, source)
    if centres is None:
        means = {} if means is None else means
        centres = _cached_means(means, settings.pretrained_model, hr_recogniser, source, progress)
    evaluate = make_lfw_evaluation(settings, hr_recogniser, settings.resolution, settings.degradation)
    with strategy.scope():
        network = _two_branches(settings, strategy, hr_recogniser, start, len(source.classes), centres)

    def batches_from(step: int) -> Stream:
        return two_branch_batches(
            source,
            image_size,
            settings.batch_size,
            settings.seed,
            settings.resolution,
            step,
            degrade_here=not settings.degrade_on_device,
            **settings.batch_options(),
        )

    card = {
        "kind": "lr",
        "image_size": list(image_size),
        "standardisation": standardisation_of(hr_recogniser),
        "resolutions": [_as_written(resolution) for resolution in settings.resolution],
        "degradation": settings.degradation,
        "tap": network.tap,
    }
    people = trained_people(settings.pretrained_model) | trained_people(newest) | set(source.classes)
    return Experiment(network, network.student, settings, source, strategy, batches_from, card, people, evaluate)


def _load_start(model_dir: str, hr_recogniser: keras.Model) -> keras.Model:
    """Load the LR network to start from.

    Raises:
        ValueError: it is not an LR network, or its architecture differs from the HR network's.
    """
    card_of_kind(model_dir, "lr")
    start = load_recogniser(model_dir)
    ours, theirs = (
        [(weight.path, tuple(weight.shape)) for weight in recogniser.weights] + [standardisation_of(recogniser)]
        for recogniser in (hr_recogniser, start)
    )
    if ours != theirs:
        raise ValueError(
            f"pretrained_lr_model: expected a network that began as a clone of the HR network, got {model_dir}"
        )
    return start


def _cached_means(
    means: dict[tuple[str, str], np.ndarray], model_dir: str, hr_recogniser: keras.Model, source: Any, shown: bool
) -> np.ndarray:
    """Return the class means of the source under an HR network, computed unless `means` has them."""
    key = model_dir, source.digest()
    if key not in means:
        progress = functools.partial(tqdm, desc="class means", unit="batch", disable=not shown)
        means[key] = class_means(hr_recogniser, source, image_size_of(hr_recogniser), progress=progress)
    return means[key]


def _two_branches(
    settings: LrSettings,
    strategy: Any,
    hr_recogniser: keras.Model,
    start: keras.Model,
    classes: int,
    centres: np.ndarray,
) -> TwoBranchNetwork:
    precision = "mixed_bfloat16" if settings.mixed_precision else "float32"
    teacher = clone(hr_recogniser, precision, to_train=True)
    several = strategy.num_replicas_in_sync > 1
    student = clone(start, precision, several, 1.0 - settings.keep_probability, to_train=True)
    degrade = Degrade(settings.resolution, settings.degradation) if settings.degrade_on_device else None
    network = TwoBranchNetwork(teacher, student, CosFace(classes), settings, degrade)
    network.classifier.centres.assign(centres)
    return network


def _matching_centres(model_dir: str, source: Any) -> np.ndarray | None:
    """Return a network's W, whose columns must be the classes of the source; None if it has no classifier.

    Raises:
        ValueError: the classes differ.
    """
    centres, classes = read_classifier(model_dir)
    if centres is None:
        return None
    if classes == source.classes:
        return centres
    if len(classes) != len(source.classes):
        difference = f"{len(classes)} classes in {model_dir}, {len(source.classes)} in the data"
    else:
        theirs, ours = next(pair for pair in zip(classes, source.classes, strict=True) if pair[0] != pair[1])
        difference = f"{len(classes)} classes in both, but {theirs!r} in {model_dir} where the data has {ours!r}"
    raise ValueError(
        f"classes: expected those of the network's classifier, got {difference}; --new_classifier starts a new one"
    )


def _as_written(resolution: Resolution) -> int | list[int]:
    height, width = resolution_sides(resolution)
    return height if height == width else [height, width]

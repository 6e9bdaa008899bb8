"""Train the LR network under equation 6: a clone of a frozen HR network, or a network that began as one."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from cshml_tf.data.batches import two_branch_batches
from cshml_tf.data.carriers import Stream
from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.unreadable import Unreadable
from cshml_tf.degradation.resolution import check_reductions, resolution_as_json
from cshml_tf.files import normalised
from cshml_tf.layers import Bank, CosFace, Degrade
from cshml_tf.model_folder import card_of_kind, load_recogniser, read_classifier, trained_people
from cshml_tf.network import TwoBranchNetwork
from cshml_tf.recogniser import clone, image_size_of, standardisation_of, with_tap
from cshml_tf.settings.training import LrSettings
from cshml_tf.training.bank import make_bank
from cshml_tf.training.class_means import class_means
from cshml_tf.training.cluster import Cluster
from cshml_tf.training.devices import augments_on_device, choose_strategy, needs_synchronised_batch_norm
from cshml_tf.training.experiment import Experiment
from cshml_tf.training.faces import open_faces, open_nameless_faces
from cshml_tf.training.loop import Outcome
from cshml_tf.training.run_folder import Run
from cshml_tf.training.teacher_cache import open_teacher
from cshml_tf.training.together import train_together
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

    def prepare(own: LrSettings, cluster: Cluster) -> Experiment:
        return prepare_lr(own, progress and cluster.is_chief, means, cluster)

    return train_together("lr", settings, prepare, progress, on_step)


def prepare_lr(
    settings: LrSettings,
    progress: bool = False,
    means: dict[tuple[str, str], np.ndarray] | None = None,
    cluster: Cluster | None = None,
) -> Experiment:
    """Build the two branches and the shared classifier, and open the training data.

    Args:
        settings: settings of the run, with `pretrained_model`.
        progress: whether to show progress bars while images are checked and class means are computed.
        means: as for `train_lr`.
        cluster: the workers that train together; None for this process alone.

    Returns:
        `Experiment`.

    Raises:
        ValueError: the settings or the data are invalid.
    """
    cluster = cluster or Cluster()
    strategy = choose_strategy(settings.strategy, settings.replicas, cluster)
    keras.utils.set_random_seed(settings.seed)
    card_of_kind(settings.pretrained_model, "hr")
    hr_recogniser, start = _load_both(settings)
    image_size = image_size_of(hr_recogniser)
    check_reductions(settings.resolution, image_size)
    source, unreadable = open_faces(settings, image_size, progress)
    unlabelled = open_nameless_faces(settings, image_size, progress)
    newest = settings.pretrained_lr_model or settings.pretrained_model
    centres = None if settings.new_classifier else _matching_centres(newest, source)
    if centres is None:
        centres = _first_centres(
            settings, hr_recogniser, source, progress, {} if means is None else means, cluster
        )
    evaluate = make_lfw_evaluation(settings, hr_recogniser, settings.resolution, settings.degradation)
    with strategy.scope():
        bank = _make_bank(settings, hr_recogniser, source, unreadable, progress)
        network = _two_branches(settings, strategy, hr_recogniser, start, CosFace(len(source.classes)), bank)
        network.classifier.centres.assign(centres)
    teacher = open_teacher(settings, network, source, unreadable, image_size, progress)

    def batches_from(step: int) -> Stream:
        return two_branch_batches(
            source,
            image_size,
            settings.batch_size,
            settings.seed,
            settings.resolution,
            step,
            degrade_here=not settings.degrade_on_device,
            unreadable=unreadable,
            change_here=not augments_on_device(settings),
            teacher=teacher,
            unlabelled=unlabelled,
            worker=cluster.index,
            workers=cluster.count,
            **settings.batch_options(),
        )

    card = _card_of(settings, hr_recogniser, network.tap)
    people = trained_people(settings.pretrained_model) | trained_people(newest) | set(source.classes)
    data = settings, source, unreadable, strategy, batches_from
    nameless = None if unlabelled is None else unlabelled.source
    return Experiment(
        network, network.student, *data, card, people, evaluate, cluster=cluster, unlabelled=nameless
    )


def _load_both(settings: LrSettings) -> tuple[keras.Model, keras.Model]:
    """Load the HR network, and the network that the LR network starts as, which may be the same."""
    hr_recogniser = start = load_recogniser(settings.pretrained_model)
    if settings.pretrained_lr_model is not None:
        start = _load_start(settings.pretrained_lr_model, hr_recogniser)
    if settings.tap is None:
        return hr_recogniser, start
    return with_tap(hr_recogniser, settings.tap), with_tap(start, settings.tap)


def _load_start(model_dir: str, hr_recogniser: keras.Model) -> keras.Model:
    """Load the LR network to start from.

    Raises:
        ValueError: it is not an LR network, or its architecture differs from the HR network's.
    """
    card_of_kind(model_dir, "lr")
    start = load_recogniser(model_dir)
    ours, theirs = (
        (
            [(weight.path, tuple(weight.shape)) for weight in recogniser.weights],
            standardisation_of(recogniser),
            recogniser.output_shape,
        )
        for recogniser in (hr_recogniser, start)
    )
    if ours != theirs:
        raise ValueError(
            f"pretrained_lr_model: expected a network that began as a clone of the HR network, got {model_dir}"
        )
    return start


def _first_centres(
    settings: LrSettings,
    hr_recogniser: keras.Model,
    source: FaceSource,
    shown: bool,
    means: dict[tuple[str, str], np.ndarray],
    cluster: Cluster,
) -> np.ndarray:
    """Return the class means of the source under an HR network, computed unless `means` has them."""
    if not cluster.is_chief:
        # The chief's arrive with the rest of its state.
        return np.zeros((hr_recogniser.output_shape[-1], len(source.classes)), np.float32)
    key = settings.pretrained_model, source.digest()
    if key not in means:
        progress = functools.partial(tqdm, desc="class means", unit="batch", disable=not shown)
        size, limit = image_size_of(hr_recogniser), settings.skip_unreadable
        means[key] = class_means(hr_recogniser, source, size, progress=progress, skip_unreadable=limit)
    return means[key]


def _card_of(settings: LrSettings, hr_recogniser: keras.Model, tap: str) -> dict[str, Any]:
    """Return the entries of the model folder's card that training decides."""
    return {
        "kind": "lr",
        "image_size": list(image_size_of(hr_recogniser)),
        "standardisation": standardisation_of(hr_recogniser),
        "resolutions": [resolution_as_json(resolution) for resolution in settings.resolution],
        "degradation": settings.degradation,
        "tap": tap,
    }


def _two_branches(
    settings: LrSettings,
    strategy: Any,
    hr_recogniser: keras.Model,
    start: keras.Model,
    classifier: CosFace,
    bank: Bank | None,
) -> TwoBranchNetwork:
    precision = "mixed_bfloat16" if settings.mixed_precision else "float32"
    teacher = clone(hr_recogniser, precision, to_train=True)
    several = needs_synchronised_batch_norm(strategy)
    student = clone(start, precision, several, 1.0 - settings.keep_probability, to_train=True)
    on_device = settings.degrade_on_device or augments_on_device(settings)
    degrade = Degrade(settings.resolution, settings.degradation) if on_device else None
    return TwoBranchNetwork(teacher, student, classifier, settings, degrade, bank)


def _make_bank(
    settings: LrSettings, hr_recogniser: keras.Model, source: FaceSource, unreadable: Unreadable, shown: bool
) -> Bank | None:
    """Make the bank if the loss has the term that needs one."""
    if "bank" not in settings.weights:
        return None
    progress = functools.partial(tqdm, desc="bank", unit="batch", disable=not shown)
    size, flip = image_size_of(hr_recogniser), settings.mirror_target
    return make_bank(hr_recogniser, source, unreadable, size, settings.bank_size, flip, progress)


def _matching_centres(model_dir: str, source: Any) -> np.ndarray | None:
    """Return a network's W in the order of the source's classes; None if it has no classifier.

    Names are compared in Unicode's composed form, by which folders of one data set may sort in another order.

    Raises:
        ValueError: the classes differ.
    """
    centres, classes = read_classifier(model_dir)
    if centres is None:
        return None
    columns = {normalised(name): column for column, name in enumerate(classes)}
    names = [normalised(name) for name in source.classes]
    if sorted(columns) == sorted(names):
        return centres[:, [columns[name] for name in names]]
    if len(classes) != len(source.classes):
        difference = f"{len(classes)} classes in {model_dir}, {len(source.classes)} in the data"
    else:
        theirs, ours = next(pair for pair in zip(classes, source.classes, strict=True) if pair[0] != pair[1])
        difference = f"{len(classes)} classes in both, but {theirs!r} in {model_dir} where the data has {ours!r}"
    raise ValueError(
        f"classes: expected those of the network's classifier, got {difference}; --new_classifier starts a new one"
    )

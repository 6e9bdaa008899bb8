"""Train the HR network: a recogniser under CosFace, equation 2, on undegraded faces."""

from collections.abc import Iterable
from typing import Any

import keras

from cshml_tf.backbones import build
from cshml_tf.data.batches import hr_batches
from cshml_tf.layers import CosFace
from cshml_tf.model_folder import card_of_kind, load_recogniser, trained_people
from cshml_tf.network import HrNetwork
from cshml_tf.recogniser import build_recogniser, clone, image_size_of, standardisation_of
from cshml_tf.settings.training import HrSettings
from cshml_tf.training.devices import choose_strategy
from cshml_tf.training.experiment import Experiment, open_source, run_experiment
from cshml_tf.training.loop import Outcome
from cshml_tf.training.run_folder import Run, open_run
from cshml_tf.training.validation import make_lfw_evaluation


def train_hr(settings: HrSettings, progress: bool = True) -> tuple[Run, Outcome | None]:
    """Train an HR network, or resume an interrupted run.

    Args:
        settings: settings of the run.
        progress: whether to show a progress bar.

    Returns:
        (run, outcome); the outcome is None if the run had already finished.

    Raises:
        ValueError: the settings or the data are invalid.
    """
    run = open_run("hr", settings)
    if run.finished:
        return run, None
    return run, run_experiment(prepare_hr(settings), run, progress)


def prepare_hr(settings: HrSettings) -> Experiment:
    """Build the network and open its training data.

    Args:
        settings: settings of the run.

    Returns:
        `Experiment`.

    Raises:
        ValueError: the settings or the data are invalid.
    """
    keras.utils.set_random_seed(settings.seed)
    strategy = choose_strategy(settings.strategy, settings.replicas)
    original = _starting_recogniser(settings)
    image_size = image_size_of(original)
    source = open_source(settings, image_size)
    evaluate = make_lfw_evaluation(settings)
    with strategy.scope():
        recogniser = clone(
            original,
            precision="mixed_bfloat16" if settings.mixed_precision else "float32",
            synchronised=strategy.num_replicas_in_sync > 1,
            dropout=1.0 - settings.keep_probability,
            to_train=True,
        )
        network = HrNetwork(recogniser, CosFace(len(source.classes)), settings)

    def batches_from(step: int) -> Iterable[dict[str, Any]]:
        return hr_batches(source, image_size, settings.batch_size, settings.seed, step, **settings.batch_options())

    ancestors = trained_people(settings.pretrained_model) if settings.pretrained_model else frozenset()
    card = {
        "kind": "hr",
        "image_size": list(image_size),
        "standardisation": standardisation_of(original),
        "resolutions": [],
        "degradation": "antialias",
    }
    people = ancestors | set(source.classes)
    fresh = settings.pretrained_model is None
    return Experiment(network, recogniser, settings, source, strategy, batches_from, card, people, evaluate, fresh)


def _starting_recogniser(settings: HrSettings) -> keras.Model:
    if settings.pretrained_model:
        card_of_kind(settings.pretrained_model, "hr")
        return load_recogniser(settings.pretrained_model)
    options = {name: getattr(settings, name) for name in settings.NETWORK_OPTIONS}
    options = {name: value for name, value in options.items() if value is not None}
    name, size, standardisation = settings.model_def, settings.embedding_size, settings.standardisation
    # `HrSettings` fills in every option of a new network.
    assert name is not None and settings.image_size is not None and size is not None
    assert standardisation is not None
    return build_recogniser(build(name, settings.image_size, size, **options), standardisation)

"""Train the HR network: a recogniser under CosFace, equation 2, on undegraded faces.

With `resolutions`, some faces of each batch are replaced by their LR copies, so that one network learns both. That
is what is known of RICNN (Zeng, Chen and Zhao, ICB 2016); its layers, resolutions and optimiser are not public,
and those here are ours.
"""

from collections.abc import Callable

import keras

from cshml_tf.backbones import build
from cshml_tf.data.batches import hr_batches
from cshml_tf.data.carriers import Stream
from cshml_tf.degradation.resolution import check_reductions, resolution_as_json
from cshml_tf.layers import CosFace
from cshml_tf.model_folder import card_of_kind, load_recogniser, trained_people
from cshml_tf.network import HrNetwork
from cshml_tf.recogniser import build_recogniser, clone, image_size_of, standardisation_of
from cshml_tf.settings.training import HrSettings
from cshml_tf.training.cluster import Cluster
from cshml_tf.training.devices import augments_on_device, choose_strategy, needs_synchronised_batch_norm
from cshml_tf.training.experiment import Experiment
from cshml_tf.training.faces import open_faces
from cshml_tf.training.loop import Outcome
from cshml_tf.training.run_folder import Run
from cshml_tf.training.together import train_together
from cshml_tf.training.validation import make_lfw_evaluation


def train_hr(
    settings: HrSettings, progress: bool = True, on_step: Callable[[int], None] | None = None
) -> tuple[Run, Outcome | None]:
    """Train an HR network, or resume an interrupted run.

    Args:
        settings: settings of the run.
        progress: whether to show a progress bar.
        on_step: function of the number of steps done, called after each; or None.

    Returns:
        (run, outcome); the outcome is None if the run had already finished.

    Raises:
        ValueError: the settings or the data are invalid.
    """

    def prepare(own: HrSettings, cluster: Cluster) -> Experiment:
        return prepare_hr(own, progress and cluster.is_chief, cluster)

    return train_together("hr", settings, prepare, progress, on_step)


def prepare_hr(settings: HrSettings, progress: bool = False, cluster: Cluster | None = None) -> Experiment:
    """Build the network and open its training data.

    Args:
        settings: settings of the run.
        progress: whether to show a progress bar while all images are checked.
        cluster: the workers that train together; None for this process alone.

    Returns:
        `Experiment`.

    Raises:
        ValueError: the settings or the data are invalid.
    """
    cluster = cluster or Cluster()
    strategy = choose_strategy(settings.strategy, settings.replicas, cluster)
    keras.utils.set_random_seed(settings.seed)
    original = _starting_recogniser(settings)
    image_size = image_size_of(original)
    source, unreadable = open_faces(settings, image_size, progress)
    check_reductions(settings.resolutions, image_size)
    evaluate = make_lfw_evaluation(settings, None, settings.resolutions, settings.degradation)
    on_device = augments_on_device(settings)
    with strategy.scope():
        recogniser = clone(
            original,
            precision="mixed_bfloat16" if settings.mixed_precision else "float32",
            synchronised=needs_synchronised_batch_norm(strategy),
            dropout=1.0 - settings.keep_probability,
            to_train=True,
        )
        network = HrNetwork(recogniser, CosFace(len(source.classes)), settings)

    def batches_from(step: int) -> Stream:
        own = {"start_step": step, "unreadable": unreadable, "change_here": not on_device}
        own |= {"worker": cluster.index, "workers": cluster.count}
        return hr_batches(
            source, image_size, settings.batch_size, settings.seed, **own, **settings.batch_options()
        )

    ancestors = trained_people(settings.pretrained_model) if settings.pretrained_model else frozenset()
    card = {
        "kind": "hr",
        "image_size": list(image_size),
        "standardisation": standardisation_of(original),
        "resolutions": [resolution_as_json(resolution) for resolution in settings.resolutions],
        "degradation": settings.degradation,
    }
    people = ancestors | set(source.classes)
    fresh = settings.pretrained_model is None
    data = settings, source, unreadable, strategy, batches_from
    return Experiment(network, recogniser, *data, card, people, evaluate, fresh, cluster)


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

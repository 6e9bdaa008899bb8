"""Fit joint Bayesian classifiers to the embeddings of training faces."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from cshml_tf.data.face_source import FaceSource
from cshml_tf.degradation.resolution import format_resolution
from cshml_tf.evaluation.embedding import View, embed
from cshml_tf.evaluation.joint_bayesian.scorers import Scorers
from cshml_tf.evaluation.networks import ModelFolders
from cshml_tf.metrics.joint_bayesian import Fit, fit_joint_bayesian
from cshml_tf.model_folder import digest_of_network


def fit_scorers(
    source: FaceSource,
    networks: ModelFolders,
    fit: Fit,
    flip: bool = False,
    batch_size: int = 32,
    progress: Callable[[Iterable], Iterable] = iter,
    settings: dict[str, Any] | None = None,
) -> tuple[Scorers, dict[str, np.ndarray]]:
    """Fit one classifier per resolution: every face as the HR network sees it, and reduced as the LR network does.

    Args:
        source: the training faces.
        networks: the networks and their resolutions.
        fit: how to fit.
        flip: whether to add the embedding of the mirrored face and normalise the sum.
        batch_size: number of faces per forward pass.
        progress: wraps the sequence of batches, such as `tqdm`.
        settings: those of the command, of JSON types, to be kept with the classifiers.

    Returns:
        (scorers, objectives): the classifiers, and by resolution the objective of each iteration, which never
        falls.

    Raises:
        ValueError: a face cannot be read or has another size, or fewer than two people have faces.
    """
    hr_recogniser, lr_recognisers = networks.load()
    modes = networks.degradation
    views = [View(hr_recogniser), *(View(lr_recognisers[r], r, modes[r]) for r in networks.resolutions)]
    hr, *by_resolution = embed(source.images, views, networks.image_size, batch_size, flip, progress)
    keys = {resolution: format_resolution(resolution) for resolution in networks.resolutions}
    classifiers, objectives = {}, {}
    for key, lr in zip(keys.values(), by_resolution, strict=True):
        classifiers[key], objectives[key] = fit_joint_bayesian(hr, source.labels, lr, source.labels, fit)
    about = {
        "hr_network": digest_of_network(networks.hr_dir),
        "lr_networks": {key: digest_of_network(networks.lr_dirs[r]) for r, key in keys.items()},
        "degradation": {key: modes[r] for r, key in keys.items()},
        "flip": flip,
        "fitted_on": list(source.classes),
        "settings": settings or {},
    }
    return Scorers(classifiers, about), objectives

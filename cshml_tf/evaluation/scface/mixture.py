"""The joint Bayesian classifier for SCface: fitted to a balanced mixture of general faces and of SCface's own.

Source: Zeng, Spreeuwers, Veldhuis and Zhao, IET Image Processing 2019 (RIDN-HJB), of which is known that the
mixture of general and application data is balanced and that the general faces are made to look like the
application's. How it is balanced is ours: the people of both parts have the same total weight. So is how general
faces are made alike: they are reduced to the resolution of the distance.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.scface import DISTANCES, PEOPLE
from cshml_tf.degradation.resolution import Resolution
from cshml_tf.evaluation.embedding import View, embed
from cshml_tf.evaluation.scface.identification import Embedded
from cshml_tf.metrics.joint_bayesian import Fit, JointBayesian, fit_joint_bayesian


class GeneralFaces(NamedTuple):
    """Faces of people who are not SCface's, and how they are made to look like its probes.

    Attributes:
        source: the faces, of the size of SCface's crops.
        resolutions: dict of distance to the resolution that the copies for it are reduced to; None leaves them as
            they are.
        modes: dict of distance to how they are reduced.
    """

    source: FaceSource
    resolutions: Mapping[int, Resolution | None]
    modes: Mapping[int, str]


class GeneralEmbeddings(NamedTuple):
    """The general faces, embedded.

    Attributes:
        people: (faces,) int64, numbers that no person of SCface has.
        hr: (faces, E) float32, the undegraded faces.
        lr: dict of distance to (faces, E) float32, the copies for it.
    """

    people: np.ndarray
    hr: np.ndarray
    lr: dict[int, np.ndarray]


def embed_general(
    faces: GeneralFaces,
    image_size: tuple[int, int],
    hr_recogniser: keras.Model,
    by_distance: Mapping[int, keras.Model],
    flip: bool = False,
    batch_size: int = 32,
    progress: Callable[[Iterable], Iterable] = iter,
) -> GeneralEmbeddings:
    """Embed the general faces, and their copies for each distance.

    Args:
        faces: the faces.
        image_size: (height, width) that they must have.
        hr_recogniser: the network of the mugshots.
        by_distance: the network of each distance's probes.
        flip: whether to add the embedding of the mirrored face and normalise the sum.
        batch_size: number of faces per forward pass.
        progress: wraps the sequence of batches, such as `tqdm`.

    Returns:
        `GeneralEmbeddings`.

    Raises:
        ValueError: a face cannot be read or has another size.
    """
    hr_view = View(hr_recogniser)
    views = {
        distance: View(by_distance[distance], faces.resolutions[distance], faces.modes[distance])
        if faces.resolutions[distance] is not None
        else View(by_distance[distance])
        for distance in DISTANCES
    }
    distinct = list(dict.fromkeys([hr_view, *views.values()]))
    embedded = embed(faces.source.images, distinct, image_size, batch_size, flip, progress)
    found = dict(zip(distinct, embedded, strict=True))
    people = faces.source.labels.astype(np.int64) + max(PEOPLE) + 1
    return GeneralEmbeddings(people, found[hr_view], {distance: found[view] for distance, view in views.items()})


def fit_mixture(
    mugshots: Embedded, probes: Embedded, general: GeneralEmbeddings, distance: int, fit: Fit
) -> JointBayesian:
    """Fit the classifier of one distance.

    Args:
        mugshots: those of the people to learn from.
        probes: the images of the same people at the distance.
        general: the general faces.
        distance: which of their copies to take.
        fit: how to fit.

    Returns:
        `JointBayesian`.

    Raises:
        ValueError: the embeddings are too few for the fit.
    """
    own = np.union1d(mugshots.people, probes.people)
    share = len(own) / max(len(np.unique(general.people)), 1)
    weights: dict[Any, float] = dict.fromkeys(np.unique(general.people).tolist(), share)
    classifier, _ = fit_joint_bayesian(
        np.concatenate([mugshots.embeddings, general.hr]),
        np.concatenate([mugshots.people, general.people]),
        np.concatenate([probes.embeddings, general.lr[distance]]),
        np.concatenate([probes.people, general.people]),
        fit,
        weights,
    )
    return classifier

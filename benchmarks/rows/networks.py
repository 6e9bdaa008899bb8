"""The networks that are measured, with random weights: a rate does not depend on them."""

import dataclasses
from typing import Any

import cv2
import keras
import numpy as np

from cshml_tf.backbones import build
from cshml_tf.recogniser import backbone_of, build_recogniser
from rows.comparison import Plan


@dataclasses.dataclass(frozen=True)
class Network:
    """A network to measure.

    Attributes:
        title: in the table.
        name: of the backbone.
        size: (height, width) of its input.
        options: of the backbone.
        batch_size: pairs per training step.
    """

    title: str
    name: str
    size: tuple[int, int]
    options: dict[str, Any]
    batch_size: int


STRIDE_1 = Network(
    "Inception-ResNet-v1, 112 x 96, stride 1", "inception_resnet_v1", (112, 96), {"stem_pool_stride": 1}, 8
)
STRIDE_2 = Network(
    "Inception-ResNet-v1, 112 x 96, stride 2", "inception_resnet_v1", (112, 96), {"stem_pool_stride": 2}, 8
)
MOBILE = Network("MobileFaceNet, 112 x 112", "mobilefacenet", (112, 112), {}, 32)
TINY = Network("a tiny network, 48 x 40", "small_resnet", (48, 40), {"width": 4}, 8)


def networks_to_embed(plan: Plan) -> list[Network]:
    """Return the networks of the rows "embed"."""
    return [TINY] if plan.quick else [STRIDE_1, STRIDE_2, MOBILE]


def networks_to_train(plan: Plan) -> list[Network]:
    """Return the networks of the rows "training step"."""
    return [TINY] if plan.quick else [STRIDE_1, MOBILE]


def network_to_export(plan: Plan) -> Network:
    """Return the network of the rows "export"."""
    return TINY if plan.quick else MOBILE


def random_recogniser(network: Network) -> keras.Model:
    """Build a recogniser whose weights, batch norm's averages included, are random and the same each time.

    With averages of 0 and 1, a peer that was given the wrong ones would go unnoticed.
    """
    keras.utils.set_random_seed(0)
    recogniser = build_recogniser(build(network.name, network.size, **network.options))
    random = np.random.default_rng(0)
    for layer in backbone_of(recogniser).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.moving_mean.shape
            layer.beta.assign(random.normal(0, 0.1, shape))
            layer.moving_mean.assign(random.normal(0, 0.1, shape))
            layer.moving_variance.assign(random.uniform(0.5, 1.5, shape))
    return recogniser


def random_faces(network: Network, count: int) -> np.ndarray:
    """Return (count, height, width, 3) uint8: spots of random colours, no two pictures alike."""
    spots = np.random.default_rng(1).integers(0, 256, (count, 7, 6, 3)).astype(np.uint8)
    return np.stack([cv2.resize(each, network.size[::-1], interpolation=cv2.INTER_LINEAR) for each in spots])

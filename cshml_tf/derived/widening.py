"""Widen a recogniser's embedding by the features that it is computed from.

The last layer of most recognisers is linear and narrows many features to few, 512 to 128 in MobileFaceNet. What is
lost there helps at low resolution, where every feature is uncertain; docs/results.md has the figures. An HR
network and its LR networks are widened alike, and then take the place of the narrow ones.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras

from cshml_tf.files import claimed_empty
from cshml_tf.layers import MeanEmbedding, WideEmbedding
from cshml_tf.model_folder import CARD, digest_of_network, load_recogniser, read_card, save_model, trained_people
from cshml_tf.recogniser import backbone_of, build_recogniser, standardisation_of

_KIND = "widened"
# What stays true of the card. The classifier belongs to the narrow embedding, and is left out with its classes.
_KEPT = (
    *("kind", "image_size", "resolutions", "degradation", "standardisation", "template", "colours"),
    *("stem_pool_stride", "tap", "complete", "settings"),
)
# Networks that flatten whole maps have 25,088 features: searching them, or fitting to them, would take too long.
_MOST = 4096


class Widened(NamedTuple):
    """The widths before and after.

    Attributes:
        embedding: length of the embedding before, E.
        features: number of features added, F.
    """

    embedding: int
    features: int


def widen_network(model_dir: str | Path, out_dir: str | Path) -> Widened:
    """Write a model folder whose embedding also contains the features before the last dense layer.

    Args:
        model_dir: model folder of an HR or LR network, which may be a joined one.
        out_dir: new or empty folder.

    Returns:
        `Widened`.

    Raises:
        ValueError: it is not a model folder, the network is widened already or cannot be, or the folder is in use.
            Nothing is written.
        OSError: a folder cannot be read or written.
    """
    card = read_card(model_dir)
    if card.get("source", {}).get("kind") == _KIND:
        raise ValueError(f"{model_dir}: expected a network that is not widened, got one that is")
    with claimed_empty(out_dir, CARD) as writing:
        recogniser = load_recogniser(model_dir)
        try:
            wide = wide_recogniser(recogniser)
        except ValueError as error:
            raise ValueError(f"{model_dir}: {error}") from None
        source = {"kind": _KIND, "network": digest_of_network(model_dir)}
        kept = {entry: card[entry] for entry in _KEPT if entry in card}
        with writing() as partial:
            save_model(partial, wide, kept | {"source": source, "figures": {}}, people=trained_people(model_dir))
    before, after = recogniser.output_shape[-1], wide.output_shape[-1]
    return Widened(before, after - before)


def wide_recogniser(recogniser: keras.Model) -> keras.Model:
    """Return a recogniser whose embedding is the original's beside the features before the last dense layer.

    Args:
        recogniser: as returned by `cshml_tf.recogniser.build_recogniser` or
            `cshml_tf.derived.joining.mean_recogniser`; of a joined
            network, the features are the mean of its networks'.

    Returns:
        keras.Model sharing every layer with the original: RGB pixels (batch, H, W, 3), 0..255 -> (batch, E + F)
        float32, unit length, see `cshml_tf.layers.WideEmbedding`.

    Raises:
        ValueError: the embedding does not come from a dense layer, or from one that reads over 4096 features.
    """
    backbone = backbone_of(recogniser)
    taps: dict[str, Any] = backbone.output  # pyright: ignore[reportAssignmentType]
    embedding = taps["embedding"]
    features = _before_dense(embedding, {id(operation.output): operation for operation in backbone.operations})
    taps = taps | {"embedding": WideEmbedding(name="wide_embedding")([embedding, features])}
    return build_recogniser(keras.Model(backbone.input, taps, name="backbone"), standardisation_of(recogniser))


def _before_dense(tensor: Any, producers: Mapping[int, Any]) -> Any:
    """Return what the last dense layer before a tensor reads: (batch, F). Producers are by their tensor's id."""
    layer = producers[id(tensor)]
    read: Any = layer.input
    if isinstance(layer, MeanEmbedding):
        return MeanEmbedding(name="mean_features")([_before_dense(each, producers) for each in read])
    if isinstance(layer, keras.layers.InputLayer) or not isinstance(read, keras.KerasTensor):
        raise ValueError(f"expected an embedding that comes from a dense layer, got one from {layer.name}")
    if not isinstance(layer, keras.layers.Dense):
        return _before_dense(read, producers)
    if len(read.shape) != 2 or read.shape[-1] > _MOST:
        shape = " x ".join(map(str, read.shape[1:]))
        raise ValueError(f"expected at most {_MOST} features before the embedding, got {shape}")
    return read

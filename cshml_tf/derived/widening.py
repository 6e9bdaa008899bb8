"""Widen a recogniser's embedding by the features that it is computed from.

The last layer of most recognisers is linear and narrows many features to few, 512 to 128 in MobileFaceNet. What is
lost there helps at low resolution, where every feature is uncertain; docs/results.md has the figures. An HR
network and its LR networks are widened alike, and then take the place of the narrow ones.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras

from cshml_tf.derived.loading import load_as_described
from cshml_tf.files import claimed_empty
from cshml_tf.layers import MeanEmbedding, WideEmbedding
from cshml_tf.model_folder import CARD, digest_of_network, read_card, save_model, trained_people
from cshml_tf.recogniser import backbone_of, build_recogniser, standardisation_of

_KIND = "widened"
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
        ValueError: it is not a model folder, the network is wide already or cannot be widened, or the folder is in
            use. Nothing is written.
        OSError: a folder cannot be read or written.
    """
    card = read_card(model_dir)
    with claimed_empty(out_dir, CARD) as writing:
        recogniser = load_as_described(Path(model_dir), card)
        try:
            wide = wide_recogniser(recogniser)
        except ValueError as error:
            raise ValueError(f"{model_dir}: {error}") from None
        card |= {"source": {"kind": _KIND, "network": digest_of_network(model_dir)}, "figures": {}}
        with writing() as partial:
            # The classifier belongs to the narrow embedding.
            save_model(partial, wide, card, people=trained_people(model_dir))
    before, after = recogniser.output_shape[-1], wide.output_shape[-1]
    return Widened(before, after - before)


def wide_recogniser(recogniser: keras.Model) -> keras.Model:
    """Return a recogniser whose embedding is the original's beside the features before the last dense layer.

    Args:
        recogniser: as returned by `cshml_tf.recogniser.build_recogniser`, or by
            `cshml_tf.derived.joining.mean_recogniser`: the features are then the mean of its networks'.

    Returns:
        keras.Model sharing every layer with the original: RGB pixels (batch, H, W, 3), 0..255 -> (batch, E + F)
        float32, unit length, see `cshml_tf.layers.WideEmbedding`.

    Raises:
        ValueError: the embedding does not come from one dense layer, which reads at most 4096 features.
    """
    backbone = backbone_of(recogniser)
    taps: dict[str, Any] = backbone.output  # pyright: ignore[reportAssignmentType]
    parts = [taps["embedding"], _features(taps["embedding"])]
    taps = taps | {"embedding": WideEmbedding(name="wide_embedding")(parts)}
    return build_recogniser(keras.Model(backbone.input, taps, name="backbone"), standardisation_of(recogniser))


def _features(embedding: Any) -> Any:
    """Return what the dense layer before an embedding reads: (batch, F); of a joined one, the mean."""
    layer, read = _origin(embedding)
    if isinstance(layer, MeanEmbedding):
        return MeanEmbedding(name="mean_features")([_features(each) for each in read])
    dense = {id(each): each for each in _dense_inputs(embedding)}
    if len(dense) != 1 or None in dense.values():
        raise ValueError(f"expected an embedding that comes from one dense layer, got one from {layer.name}")
    (features,) = dense.values()
    if len(features.shape) != 2:
        shape = " x ".join(map(str, features.shape[1:]))
        raise ValueError(f"expected features without places before the embedding, got {shape}")
    if features.shape[-1] > _MOST:
        raise ValueError(f"expected at most {_MOST} features before the embedding, got {features.shape[-1]}")
    return features


def _dense_inputs(embedding: Any) -> Iterator[Any]:
    """Yield what the last dense layer of each path to an embedding reads; None for a path without one."""
    waiting, seen = [embedding], set()
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        layer, read = _origin(tensor)
        if isinstance(layer, WideEmbedding):
            raise ValueError("expected a network that is not wide, got one that is")
        if isinstance(layer, keras.layers.Dense):
            yield from read
        elif read:
            waiting += read
        else:
            yield None


def _origin(tensor: Any) -> tuple[Any, list[Any]]:
    """Return the layer that a tensor comes from, and what the layer read for it."""
    history = tensor._keras_history
    return history.operation, history.operation._inbound_nodes[history.node_index].input_tensors

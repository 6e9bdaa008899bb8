"""Join LR networks for the same resolution into one recogniser, whose embedding is the mean of theirs.

Networks that were trained in different ways err in part on different faces, and their mean usually errs less. It
costs the time of all of them for every small face.

All of them must have learned from one HR network: only then do their embeddings belong to one space. A recogniser
cannot tell, but its shared classifier can: the centres of a person, in two classifiers that began as the HR
network's, still point the same way after training.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from cshml_tf.degradation.resolution import (
    Resolution,
    format_resolution,
    resolution_as_json,
    resolution_from_json,
)
from cshml_tf.derived.loading import load_as_described
from cshml_tf.files import claimed_empty, normalised
from cshml_tf.layers import MeanEmbedding
from cshml_tf.layers.imported import layer_name
from cshml_tf.metrics.vectors import unit_rows
from cshml_tf.model_folder import (
    CARD,
    card_of_kind,
    digest_of_network,
    read_classifier,
    save_model,
    trained_people,
)
from cshml_tf.recogniser import backbone_of, build_recogniser, standardisation_of

_KIND = "joined"
# Networks without class centres to check, and what to join instead.
_BEFORE = {_KIND: "its parts", "widened": "narrow networks, and widen the joined one"}
# What the cards must agree on.
_COMMON = {"image_size": "image size", "degradation": "degradation"}
# Of two centres of a person. Unrelated networks have 0 on average; MobileFaceNets that learned from one HR network
# on LFW, by whatever terms and at whatever resolutions, have 0.88 and more.
_LEAST_COSINE = 0.25


class Joined(NamedTuple):
    """What was joined.

    Attributes:
        resolutions: those that all networks list, each r or (h, w).
        agreement: for each network but the first, the mean cosine of its class centres with those of the earlier
            network that it agrees least with; None without a class in common with any.
    """

    resolutions: list[Resolution]
    agreement: list[float | None]


def join_networks(model_dirs: Sequence[str | Path], out_dir: str | Path) -> Joined:
    """Write a model folder whose network is the mean of several LR networks.

    Args:
        model_dirs: model folders of two or more LR networks that learned from one HR network.
        out_dir: new or empty folder.

    Returns:
        `Joined`.

    Raises:
        ValueError: fewer than two networks, one of them twice, one that is joined or widened, or one that does not
            go with the others; or the folder is in use. Nothing is written.
        OSError: a folder cannot be read or written.
    """
    folders = [Path(model_dir) for model_dir in model_dirs]
    cards = [card_of_kind(folder, "lr") for folder in folders]
    digests = _different(folders, cards)
    resolutions = _common_resolutions(folders, cards)
    with claimed_empty(out_dir, CARD) as writing:
        recognisers = [load_as_described(folder, card) for folder, card in zip(folders, cards, strict=True)]
        joined = mean_recogniser(recognisers, list(map(str, folders)))
        agreement = _agreement(folders, joined.output_shape[-1])
        card = {entry: cards[0][entry] for entry in _COMMON} | {
            "kind": "lr",
            "resolutions": [resolution_as_json(resolution) for resolution in resolutions],
            "standardisation": standardisation_of(joined),
            "source": {"kind": _KIND, "networks": digests},
            "figures": {},
        }
        people = frozenset().union(*map(trained_people, folders))
        with writing() as partial:
            save_model(partial, joined, card, people=people)
    return Joined(resolutions, agreement)


def mean_recogniser(recognisers: Sequence[keras.Model], names: Sequence[str]) -> keras.Model:
    """Build one recogniser from several: the mean of their embeddings, at unit length.

    Args:
        recognisers: one or more, as returned by `cshml_tf.recogniser.build_recogniser`, for faces of one size.
        names: what to call them in errors.

    Returns:
        keras.Model with copies of their weights. Its taps are those that all of them have in one shape, each the
        mean of theirs.

    Raises:
        ValueError: they differ in standardisation or in the length of their embeddings.
    """
    _check_alike([standardisation_of(recogniser) for recogniser in recognisers], "standardisation", names)
    _check_alike([recogniser.output_shape[-1] for recogniser in recognisers], "embedding size", names)
    pixels: Any = keras.Input(backbone_of(recognisers[0]).input_shape[1:], name="standardised")
    outputs = [_copied(backbone_of(recogniser), pixels, place) for place, recogniser in enumerate(recognisers)]
    means = {
        tap: keras.layers.Average(name=f"mean_{layer_name(tap)}")([each[tap] for each in outputs])
        for tap, first in outputs[0].items()
        if tap != "embedding" and all(tap in each and each[tap].shape == first.shape for each in outputs)
    }
    means["embedding"] = MeanEmbedding(name="mean_embedding")([each["embedding"] for each in outputs])
    backbone = keras.Model(pixels, means, name="backbone")
    return build_recogniser(backbone, standardisation_of(recognisers[0]))


def _copied(backbone: keras.Model, pixels: Any, place: int) -> dict[str, Any]:
    """Return the outputs of a copy of a backbone, whose layers stand beside those of the others."""

    def copy_layer(layer: Any) -> Any:
        return type(layer).from_config(layer.get_config() | {"name": f"network_{place}_{layer.name}"})

    copy = keras.models.clone_model(backbone, input_tensors=pixels, clone_function=copy_layer)
    copy.set_weights(backbone.get_weights())
    outputs: dict[str, Any] = copy.output  # pyright: ignore[reportAssignmentType]
    return outputs


def _different(folders: Sequence[Path], cards: Sequence[dict[str, Any]]) -> list[str]:
    """Return each network's digest, after refusing fewer than two, the same one again, joined and wide ones."""
    if len(folders) < 2:
        raise ValueError(f"expected two networks or more to join, got {', '.join(map(str, folders)) or 'none'}")
    digests: dict[str, Path] = {}
    for folder, card in zip(folders, cards, strict=True):
        if (made := card.get("source", {}).get("kind")) in _BEFORE:
            raise ValueError(
                f"{folder}: expected a network that was trained, got a {made} one: join {_BEFORE[made]}"
            )
        digest = digest_of_network(folder)
        if digest in digests:
            raise ValueError(f"{folder}: expected another network than {digests[digest]}, got the same")
        digests[digest] = folder
    return list(digests)


def _common_resolutions(folders: Sequence[Path], cards: Sequence[dict[str, Any]]) -> list[Resolution]:
    """Return the resolutions that all cards list, after refusing cards that differ in what must be the same."""
    names = list(map(str, folders))
    for entry, words in _COMMON.items():
        _check_alike([card[entry] for card in cards], words, names)
    listed = [dict.fromkeys(map(resolution_from_json, card["resolutions"])) for card in cards]
    common = [resolution for resolution in listed[0] if all(resolution in each for each in listed)]
    if not common:
        got = "; ".join(
            f"{name} ({', '.join(map(format_resolution, each))})" for name, each in zip(names, listed, strict=True)
        )
        raise ValueError(f"expected networks for the same resolution, got {got}")
    return common


def _agreement(folders: Sequence[Path], width: int) -> list[float | None]:
    """Return how far each network's class centres point where those of the earlier networks do.

    Raises:
        ValueError: not at all, so that the networks cannot have learned from one HR network.
    """
    centres = [_centres(folder, width) for folder in folders]
    agreement = []
    for place, folder in enumerate(folders[1:], 1):
        cosines = {other: _mean_cosine(centres[place], centres[other]) for other in range(place)}
        known = {other: cosine for other, cosine in cosines.items() if cosine is not None}
        least = min(known, key=known.__getitem__, default=None)
        if least is not None and not known[least] >= _LEAST_COSINE:
            raise ValueError(
                f"{folder}: expected a network that learned from the same HR network as {folders[least]}, and the "
                f"same people under the same names, got class centres whose cosine with that network's is "
                f"{known[least]:.2f} on average"
            )
        agreement.append(None if least is None else known[least])
    return agreement


def _centres(folder: Path, width: int) -> dict[str, np.ndarray]:
    """Return the class centres of a network's classifier at unit length, by the class's name."""
    centres, classes = read_classifier(folder)
    if centres is None:
        return {}
    if len(centres) != width:
        raise ValueError(f"{folder}: expected class centres of {width} numbers, got {len(centres)}")
    return dict(zip(map(normalised, classes), unit_rows(centres.T.astype(np.float64)), strict=True))


def _mean_cosine(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> float | None:
    common = sorted(first.keys() & second.keys())
    if not common:
        return None
    ours, theirs = (np.stack([centres[name] for name in common]) for centres in (first, second))
    return float(np.sum(ours * theirs, axis=1).mean())


def _check_alike(values: Sequence[Any], words: str, names: Sequence[str]) -> None:
    for value, name in zip(values, names, strict=True):
        if value != values[0]:
            raise ValueError(f"{name}: expected the {words} of {names[0]}, {values[0]}, got {value}")

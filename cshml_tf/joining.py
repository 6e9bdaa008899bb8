"""Join LR networks for the same resolution to one recogniser, whose embedding is the mean of theirs.

Networks that were trained in different ways err in part on different faces, and their mean errs less. It costs the
time of all of them for every small face.

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
from cshml_tf.files import claimed_empty
from cshml_tf.layers import UnitLength
from cshml_tf.metrics.vectors import unit_rows
from cshml_tf.model_folder import (
    CARD,
    card_of_kind,
    digest_of_network,
    load_recogniser,
    read_classifier,
    save_model,
    trained_people,
)
from cshml_tf.recogniser import backbone_of, build_recogniser, standardisation_of

# What the cards must agree on.
_COMMON = {"image_size": "image size", "degradation": "degradation", "template": "crop"}
# Of two centres of a person. Unrelated networks have 0 on average; MobileFaceNets that learned from one HR network
# on LFW, by whatever terms and at whatever resolutions, have 0.88 and more.
_LEAST_COSINE = 0.25


class Joined(NamedTuple):
    """What was joined.

    Attributes:
        resolutions: those that all networks list, each r or (h, w).
        agreement: for each network but the first, the mean cosine of its class centres with the first network's;
            None without a class in common.
    """

    resolutions: list[Resolution]
    agreement: list[float | None]


def join_networks(model_dirs: Sequence[str | Path], out_dir: str | Path) -> Joined:
    """Write a model folder whose network is the mean of several LR networks.

    Its quality, the length of its embedding before normalisation, is how far the networks agree: 0..1, and 1 if
    their embeddings are the same.

    Args:
        model_dirs: model folders of two or more LR networks that learned from one HR network.
        out_dir: new or empty folder.

    Returns:
        `Joined`.

    Raises:
        ValueError: fewer than two networks, one of them twice, or one that does not go with the first; or the
            folder is in use. Nothing is written.
        OSError: a folder cannot be read or written.
    """
    folders = [Path(model_dir) for model_dir in model_dirs]
    cards = [card_of_kind(folder, "lr") for folder in folders]
    digests = _different(folders)
    resolutions = _common_resolutions(folders, cards)
    agreement = _agreement(folders)
    with claimed_empty(out_dir, CARD) as writing:
        recogniser = mean_recogniser([load_recogniser(folder) for folder in folders], list(map(str, folders)))
        card = {entry: cards[0][entry] for entry in _COMMON if entry in cards[0]} | {
            "kind": "lr",
            "resolutions": [resolution_as_json(resolution) for resolution in resolutions],
            "standardisation": standardisation_of(recogniser),
            "source": {"kind": "joined", "networks": digests},
            "figures": {},
        }
        people = frozenset().union(*map(trained_people, folders))
        with writing() as partial:
            save_model(partial, recogniser, card, people=people)
    return Joined(resolutions, agreement)


def mean_recogniser(recognisers: Sequence[keras.Model], names: Sequence[str]) -> keras.Model:
    """Build one recogniser from several: the mean of their embeddings, at unit length.

    Args:
        recognisers: as returned by `cshml_tf.recogniser.build_recogniser`, for faces of one size.
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
    embeddings = [UnitLength(name=f"unit_{place}")(each["embedding"]) for place, each in enumerate(outputs)]
    common = [
        tap
        for tap, first in outputs[0].items()
        if tap != "embedding" and all(tap in each and each[tap].shape == first.shape for each in outputs)
    ]
    means = {tap: keras.layers.Average(name=f"mean_{tap}")([each[tap] for each in outputs]) for tap in common}
    means["embedding"] = keras.layers.Average(name="mean_embedding", dtype="float32")(embeddings)
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


def _different(folders: Sequence[Path]) -> list[str]:
    """Return the digest of each network, after refusing fewer than two and the same one again."""
    if len(folders) < 2:
        raise ValueError(f"expected two networks or more to join, got {', '.join(map(str, folders)) or 'none'}")
    digests: dict[str, Path] = {}
    for folder in folders:
        digest = digest_of_network(folder)
        if digest in digests:
            raise ValueError(f"{folder}: expected another network than {digests[digest]}, got the same")
        digests[digest] = folder
    return list(digests)


def _common_resolutions(folders: Sequence[Path], cards: Sequence[dict[str, Any]]) -> list[Resolution]:
    """Return the resolutions that all cards list, after refusing cards that differ in what must be the same."""
    names = list(map(str, folders))
    for entry, words in _COMMON.items():
        _check_alike([card.get(entry) for card in cards], words, names)
    listed = [[resolution_from_json(entry) for entry in card["resolutions"]] for card in cards]
    common = [resolution for resolution in listed[0] if all(resolution in each for each in listed)]
    if not common:
        got = "; ".join(
            f"{name} ({', '.join(map(format_resolution, each))})" for name, each in zip(names, listed, strict=True)
        )
        raise ValueError(f"expected networks for the same resolution, got {got}")
    return common


def _agreement(folders: Sequence[Path]) -> list[float | None]:
    """Return how far each network's class centres point where those of the first network do.

    Raises:
        ValueError: not at all, so that the networks cannot have learned from one HR network.
    """
    first = _centres(folders[0])
    found: list[float | None] = []
    for folder in folders[1:]:
        other = _centres(folder)
        common = sorted(first.keys() & other.keys())
        if not common or first[common[0]].shape != other[common[0]].shape:
            found.append(None)
            continue
        ours, theirs = (np.stack([centres[name] for name in common]) for centres in (first, other))
        cosine = float(np.sum(ours * theirs, axis=1).mean())
        if not cosine >= _LEAST_COSINE:
            raise ValueError(
                f"{folder}: expected a network that learned from the same HR network as {folders[0]}, got class "
                f"centres whose cosine with that network's is {cosine:.2f} on average"
            )
        found.append(cosine)
    return found


def _centres(folder: Path) -> dict[str, np.ndarray]:
    """Return the class centres of a network's classifier at unit length, by the class's name."""
    centres, classes = read_classifier(folder)
    return {} if centres is None else dict(zip(classes, unit_rows(centres.T), strict=True))


def _check_alike(values: Sequence[Any], words: str, names: Sequence[str]) -> None:
    for value, name in zip(values, names, strict=True):
        if value != values[0]:
            raise ValueError(f"{name}: expected the {words} of {names[0]}, {values[0]}, got {value}")

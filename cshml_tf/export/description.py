"""The card beside an export, `recogniser.json`, for a reader who has only the export."""

from collections.abc import Iterable
from importlib import metadata
from typing import Any

from cshml_tf.export.format import Source
from cshml_tf.model_folder import versions
from cshml_tf.recogniser import image_size_of, standardisation_of

DESCRIPTION = "recogniser.json"
_CARD_ENTRIES = ("kind", "resolutions", "degradation")


def description(source: Source, more: dict[str, Any], packages: Iterable[str] = ()) -> dict[str, Any]:
    """Describe a network and its export.

    Args:
        source: what the export was made of.
        more: the entries of the format and of the export's own figures.
        packages: distributions whose versions are recorded too.

    Returns:
        dict of JSON types.
    """
    card, recogniser = source.card, source.recogniser
    return (
        {name: card[name] for name in _CARD_ENTRIES if name in card}
        | {
            "image_size": list(image_size_of(recogniser)),
            "embedding_size": recogniser.output_shape[-1],
            "standardisation": standardisation_of(recogniser),
        }
        | more
        | {
            "trained_at_commit": card.get("commit"),
            "versions": versions() | {package: metadata.version(package) for package in packages},
        }
    )

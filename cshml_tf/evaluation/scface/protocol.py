"""The protocol of an SCface report: how its rows were produced, as JSON and in words."""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cshml_tf.degradation.resolution import format_resolution
from cshml_tf.evaluation.scface.faces import AlignedFaces
from cshml_tf.evaluation.scface.mixture import GeneralFaces
from cshml_tf.evaluation.scface.networks import ScfaceNetworks
from cshml_tf.settings.scface import FineTuning, ScfaceSettings

if TYPE_CHECKING:
    from cshml_tf.data.scface import ScFace


def describe(
    settings: ScfaceSettings,
    networks: ScfaceNetworks,
    fine_tuning: FineTuning | None,
    data: "ScFace",
    mugshots: AlignedFaces,
    probes: Mapping[int, AlignedFaces],
    general: GeneralFaces | None = None,
) -> dict[str, Any]:
    """Return the protocol as a JSON-compatible dict.

    Args:
        settings: settings of the command.
        networks: the networks measured.
        fine_tuning: how LR networks are fine-tuned, or None.
        data: the data set as read.
        mugshots: the aligned mugshots.
        probes: the aligned probes, by distance.
        general: the general faces of the joint Bayesian classifier, or None.
    """
    found = {"mugshots": mugshots.found} | {str(distance): faces.found for distance, faces in probes.items()}
    return {
        "images_folder": str(settings.scface_dir),
        "hr_model": str(settings.hr_model),
        "serving": {str(distance): str(served.folder) for distance, served in networks.served.items()},
        "reduced_to": {str(distance): format_resolution(to) for distance, to in settings.reduce},
        "options": {
            "alignment": settings.alignment,
            "mugshot_alignment": settings.mugshot_alignment,
            "landmarks": settings.landmarks,
            "mappings": list(settings.mappings),
        },
        "alignment": {name: dict(Counter(ways.values())) for name, ways in found.items()},
        "aligned_by": found,
        "missing": [missing._asdict() for missing in data.missing],
        "seeds": list(settings.seeds),
        "fine_tuning": fine_tuning and dataclasses.asdict(fine_tuning),
        "ricnn": settings.ricnn and str(settings.ricnn),
        "general": general and _general(settings, general),
        "flip": settings.use_flipped_images,
    }


def _general(settings: ScfaceSettings, general: GeneralFaces) -> dict[str, Any]:
    reduced = {str(d): format_resolution(to) for d, to in general.resolutions.items() if to is not None}
    return {
        "folder": str(settings.general_dir),
        "faces": len(general.source),
        "people": len(general.source.classes),
        "reduced_to": reduced,
        "fit": dataclasses.asdict(settings.fit),
    }


def in_words(protocol: Mapping[str, Any]) -> list[str]:
    """Describe how the faces were aligned, which network served each distance, and how it was fine-tuned.

    Args:
        protocol: as returned by `describe`.

    Returns:
        One line of text per set of images, and one or two about the rest.
    """
    lines = []
    for name, counts in protocol["alignment"].items():
        words = "mugshots" if name == "mugshots" else f"distance {name}"
        ways = ", ".join(f"{count} {way}" for way, count in counts.items())
        served = f"; served by {protocol['serving'][name]}" if name in protocol["serving"] else ""
        reduced = f", reduced to {protocol['reduced_to'][name]}" if name in protocol["reduced_to"] else ""
        lines.append(f"{words}: {ways}{served}{reduced}")
    tuning = protocol["fine_tuning"]
    if tuning:
        lines.append("fine-tuning: " + ", ".join(f"{name} {value:g}" for name, value in tuning.items()))
    if protocol.get("ricnn"):
        lines.append(f"RICNN: {protocol['ricnn']}")
    if general := protocol.get("general"):
        ways = ", ".join(f"{to} for distance {distance}" for distance, to in general["reduced_to"].items())
        lines.append(
            f"joint Bayesian: the 50 people and {general['faces']} faces of {general['people']} others, each part "
            f"with half of the weight; the others {f'reduced to {ways}' if ways else 'not reduced'}"
        )
    lines.append(f"flip averaging {'on' if protocol['flip'] else 'off'}; missing probes count as not identified")
    return lines

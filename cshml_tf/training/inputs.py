"""What a run reads, by content: a run moved or copied to another place, with its data, is the same run."""

import hashlib
from collections.abc import Mapping
from typing import Any

from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.protocols import read_pairs
from cshml_tf.data.sources import find_images
from cshml_tf.files import digest_of_file
from cshml_tf.settings.option import options_of
from cshml_tf.settings.training import RunSettings

SCHEDULE, DATA, IMAGES, PEOPLE = "learning rate schedule", "data", "images", "people"
UNLABELLED = "unlabelled_dir"
# What only the chief of several workers reads.
CHIEFS_INPUTS = ("lfw_pairs", "lfw_dir")
# The input by which each path among the settings is compared; further ones are compared under their own names.
_COMPARED_BY = {"data_dir": DATA, "people": DATA, "learning_rate_schedule_file": SCHEDULE}


def inputs_of(
    settings: RunSettings, source: FaceSource, schedule: Any, unlabelled: FaceSource | None = None
) -> dict[str, Any]:
    """Return what identifies the inputs of a run, in JSON types.

    Faces are identified by the names of their classes and images, not by their pixels: a damaged image may be
    replaced under its own name. Networks and lists are identified by the bytes of their files.

    Args:
        settings: HrSettings or LrSettings.
        source: the training faces.
        schedule: the learning rate schedule.
        unlabelled: the faces without names; None without any.

    Returns:
        dict: the schedule, the digest and the numbers of images and people of the faces, and a digest, or None,
        for each further path among the settings.

    Raises:
        ValueError: the list of pairs is not one.
        OSError: a file cannot be read.
    """
    # It imports Keras, which is not to be done before the settings have been checked and native code is silenced.
    from cshml_tf.model_folder import digest_of_network

    found = {
        SCHEDULE: schedule.as_json(),
        DATA: source.digest(),
        IMAGES: len(source),
        PEOPLE: len(source.classes),
    }
    for name in ("pretrained_model", "pretrained_lr_model"):
        if name in options_of(type(settings)):
            model_dir = getattr(settings, name)
            found[name] = None if model_dir is None else digest_of_network(model_dir)
    if UNLABELLED in options_of(type(settings)):
        found[UNLABELLED] = None if unlabelled is None else unlabelled.digest()
    if settings.lfw_dir is None or settings.lfw_pairs is None:
        return found | {"lfw_pairs": None, "lfw_dir": None}
    images = find_images(settings.lfw_dir, read_pairs(settings.lfw_pairs))
    names = "\n".join(sorted(map(str, images))).encode("utf-8", "surrogateescape")
    return found | {"lfw_pairs": digest_of_file(settings.lfw_pairs), "lfw_dir": hashlib.sha256(names).hexdigest()}


def paths_compared(settings_class: type[RunSettings], noted: Mapping[str, Any]) -> set[str]:
    """Return the settings that are paths whose contents a run has noted, so that the paths need not agree.

    Versions before 0.3.0 noted fewer: there, the other paths must agree.
    """
    places = {name for name, about in options_of(settings_class).items() if about.place}
    return {name for name in places if _COMPARED_BY.get(name, name) in noted}


def difference(before: Mapping[str, Any], now: Mapping[str, Any], settings_class: type[RunSettings]) -> str:
    """Describe which inputs differ from those noted when a run began.

    Args:
        before: as noted; inputs that it lacks are not compared.
        now: as `inputs_of` returns.
        settings_class: the class of the run's settings.

    Returns:
        Such as "data changed (30 images of 6 people before, 29 of 6 now)"; empty if nothing differs.
    """
    names = [name for name, value in before.items() if name not in (IMAGES, PEOPLE) and now.get(name) != value]
    options = options_of(settings_class)
    words = {name: f"content of {name} changed" if name in options else f"{name} changed" for name in names}
    if DATA in names:
        words[DATA] += f" ({_counts(before, now)})"
    return " and the ".join(words[name] for name in names)


def _counts(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    if IMAGES not in before:
        return (
            f"{now.get(IMAGES)} images of {now.get(PEOPLE)} people now, with other names or another number before"
        )
    if (before[IMAGES], before.get(PEOPLE)) == (now.get(IMAGES), now.get(PEOPLE)):
        return f"{now[IMAGES]} images of {now[PEOPLE]} people as before, but with other names"
    counts = before[IMAGES], before.get(PEOPLE), now.get(IMAGES), now.get(PEOPLE)
    return "{} images of {} people before, {} of {} now".format(*counts)

"""What can be refused before Keras and its backend are imported, which takes seconds."""

import json
import re
import zipfile
from pathlib import Path

from cshml_tf.data.protocols import read_pairs, read_people
from cshml_tf.degradation.resolution import check_reductions
from cshml_tf.files import open_regular
from cshml_tf.settings.places import size_in_card
from cshml_tf.settings.training import HrSettings, LrSettings, RunSettings
from cshml_tf.training.cluster.place import Place, read_place
from cshml_tf.training.run_folder import open_run
from cshml_tf.training.schedule import make_schedule

_RECOGNISER, _CONFIG = "recogniser.keras", "config.json"
# The configuration of the largest network here takes half a megabyte.
_MOST_BYTES, _MOST_NETWORK = 2**26, 2**40


def check_start(settings: RunSettings) -> None:
    """Refuse a run whose name is that of another run, damaged lists, and what the network lacks.

    Args:
        settings: HrSettings or LrSettings.

    Raises:
        ValueError: the folder of the run is that of something else, a list of pairs, people or rates is damaged, a
            resolution does not fit, there is no such tap, or the variables of several workers are wrong.
        OSError: a list cannot be read.
    """
    is_lr = isinstance(settings, LrSettings)
    place = read_place() if settings.strategy == "multi_worker" else Place(0, 1)
    if place.index == 0:
        # The chief alone writes, and its folders need not be those of the other workers.
        open_run("lr" if is_lr else "hr", settings)
    _check_lists(settings)
    _check_shares(settings, place.count, "workers")
    if is_lr:
        check_network(settings)
    elif isinstance(settings, HrSettings):
        # A new network's size is filled in; a pretrained one has its own.
        check_reductions(settings.resolutions, settings.image_size or size_in_card(str(settings.pretrained_model)))


def _check_lists(settings: RunSettings) -> None:
    """Refuse lists that cannot be read, and a batch that the replicas asked for cannot share."""
    if settings.lfw_pairs is not None:
        read_pairs(settings.lfw_pairs)
    if settings.people is not None:
        read_people(settings.people)
    schedule_file = settings.learning_rate_schedule_file
    make_schedule(settings.learning_rate, schedule_file, settings.epoch_size)
    if settings.replicas is not None:
        _check_shares(settings, settings.replicas, "replicas")


def _check_shares(settings: RunSettings, count: int, what: str) -> None:
    """Refuse a batch that workers or replicas cannot share evenly."""
    sizes = {"batch_size": settings.batch_size}
    if isinstance(settings, LrSettings) and settings.unlabelled_dir is not None:
        sizes["unlabelled_batch_size"] = settings.unlabelled_batch_size
    for name, size in sizes.items():
        if size % count:
            raise ValueError(f"{name}: expected a multiple of {count} {what}, got {size}")


def check_network(settings: LrSettings) -> None:
    """Refuse resolutions that are larger than the input of the HR network, and a tap that it does not have.

    Raises:
        ValueError: a resolution does not fit, there is no such tap, or the card of the HR network is damaged.
    """
    model_dir = Path(settings.pretrained_model)
    check_reductions(settings.resolution, size_in_card(model_dir))
    if settings.tap is not None and (names := _backbone_names(model_dir / _RECOGNISER)):
        _check_tap(settings.tap, *names)


def _check_tap(tap: str, taps: list[str], layers: list[str]) -> None:
    """Refuse a name that neither a tap nor a layer has, in whichever spelling."""
    if tap == "embedding" or _letters(tap) not in map(_letters, (*taps, *layers)):
        named = ", ".join(name for name in taps if name != "embedding")
        raise ValueError(f"tap: expected one of {named}, or a layer that outputs feature maps, got {tap!r}")


def _letters(name: str) -> str:
    """Return what the spellings of a name have in common: an imported layer is also known by its node's name."""
    return re.sub(r"[^A-Za-z0-9]", "", name)


def _backbone_names(path: Path) -> tuple[list[str], list[str]] | None:
    """Return the names of a saved recogniser's taps and of its backbone's layers, without Keras.

    None if the file is damaged, which the loader says better, or of a form that only Keras understands.
    """
    try:
        with (
            open_regular(path, _MOST_NETWORK) as network,
            zipfile.ZipFile(network) as archive,
            archive.open(_CONFIG) as file,
        ):
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            return None
        (backbone,) = [
            layer["config"] for layer in json.loads(content)["config"]["layers"] if layer["name"] == "backbone"
        ]
        return list(backbone["output_layers"]), [layer["name"] for layer in backbone["layers"]]
    except Exception:  # Damage can raise any type here.
        return None

"""Joint Bayesian classifiers of networks' embeddings, one per resolution, in one file.

The file is an uncompressed `.npz` archive: arrays of float64, and the bytes of a JSON text, "about", which says
whose embeddings the classifiers were fitted to. A damaged number would be a wrong score, so everything is checked
on reading.
"""

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypedDict

import msgspec
import numpy as np

from cshml_tf.degradation.resolution import format_resolution
from cshml_tf.evaluation.networks import ModelFolders
from cshml_tf.files import check_content, normalised, open_regular, parse_archive, printable, replacing
from cshml_tf.metrics.joint_bayesian import Covariances, JointBayesian
from cshml_tf.model_folder import digest_of_network

_ABOUT = "about"
_ARRAYS = ("means", "basis", "people", "noises")
# Embeddings of 4096 numbers and twenty resolutions stay below this.
_MAX_BYTES = 2**34
_NAMES_SHOWN = 3

_Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class About(TypedDict):
    """What a file says of its classifiers.

    "hr_network" and "lr_networks" hold the SHA-256 digests of the networks, and "degradation" how faces were
    reduced, by resolution; "flip" is whether embeddings were averaged with those of mirrored faces; "fitted_on"
    names everyone whose faces were used; "settings" are those of the command that fitted them.
    """

    hr_network: _Digest
    lr_networks: dict[str, _Digest]
    degradation: dict[str, str]
    flip: bool
    fitted_on: list[str]
    settings: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Scorers:
    """Classifiers by resolution, and what they were fitted to.

    Attributes:
        classifiers: dict of resolution, such as "12" or "14x12", to the classifier of HR faces and LR faces of it.
        about: as `About`.
    """

    classifiers: dict[str, JointBayesian]
    about: dict[str, Any]


def write_scorers(path: str | Path, scorers: Scorers) -> None:
    """Write classifiers to a file, which appears whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    values: dict[str, Any] = {_ABOUT: np.frombuffer(json.dumps(scorers.about, allow_nan=False).encode(), np.uint8)}
    for key, classifier in scorers.classifiers.items():
        covariances = classifier.covariances
        arrays = (classifier.means, classifier.basis, covariances.people, covariances.noises)
        values |= {f"{key}.{name}": array for name, array in zip(_ARRAYS, arrays, strict=True)}
    with replacing(path, ".npz") as partial:
        np.savez(partial, **values)


def read_scorers(path: str | Path) -> Scorers:
    """Read a file of classifiers.

    Raises:
        ValueError: the file is not one, or is damaged; the message names it.
        OSError: it cannot be read.
    """
    where = printable(path)
    with open_regular(path, _MAX_BYTES) as file:
        try:
            values = parse_archive(file)
            about = json.loads(values.pop(_ABOUT).tobytes())
        except Exception:  # A damaged archive can fail in many ways.
            raise ValueError(
                f"{where}: expected a file of fit_hjb.py, got another kind of file or a damaged one"
            ) from None
    check_content(where, about, About)
    keys = list(about["lr_networks"])
    if set(values) != {f"{key}.{name}" for key in keys for name in _ARRAYS} or set(about["degradation"]) != set(
        keys
    ):
        raise ValueError(
            f"{where}: expected arrays {', '.join(_ARRAYS)} for resolutions {', '.join(keys)}, got others"
        )
    classifiers = {
        key: _classifier(f"{where}: {key}", *(values[f"{key}.{name}"] for name in _ARRAYS)) for key in keys
    }
    return Scorers(classifiers, about)


def _classifier(
    where: str, means: np.ndarray, basis: np.ndarray, people: np.ndarray, noises: np.ndarray
) -> JointBayesian:
    """Return the classifier of a file's arrays.

    Raises:
        ValueError: they are not those of one; the message begins with `where`.
    """
    arrays = {"means": (means, 2), "basis": (basis, 2), "people": (people, 2), "noises": (noises, 3)}
    for name, (array, ndim) in arrays.items():
        if array.dtype != np.float64 or array.ndim != ndim or not np.isfinite(array).all():
            raise ValueError(
                f"{where}: {name}: expected finite float64 numbers of {ndim} dimensions, got {array.dtype} of "
                f"shape {array.shape}"
            )
    try:
        classifier = JointBayesian(means, basis, Covariances(people, noises))
        classifier.covariances.check()
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if np.abs(basis.T @ basis - np.eye(basis.shape[1])).max(initial=0) > 1e-6:
        raise ValueError(f"{where}: basis: expected orthonormal columns, got others")
    return classifier


def check_scorers(scorers: Scorers, networks: ModelFolders, flip: bool, tested: Iterable[str]) -> None:
    """Refuse classifiers that were fitted to other embeddings, or on people who are to be tested.

    Args:
        scorers: as read from a file.
        networks: the networks, resolutions and degradations of the test.
        flip: whether the test averages embeddings with those of mirrored faces.
        tested: the names of the people of the test, in any Unicode form.

    Raises:
        ValueError: they were; the message says what differs.
    """
    about = scorers.about
    fitted_on = set(map(normalised, about["fitted_on"]))
    both = sorted(name for name in set(tested) if normalised(name) in fitted_on)
    if both:
        more = f" and {len(both) - _NAMES_SHOWN} more" if len(both) > _NAMES_SHOWN else ""
        raise ValueError(
            f"hjb: expected a classifier fitted on other people than those compared, got one fitted on "
            f"{len(both)} of them: {', '.join(map(printable, both[:_NAMES_SHOWN]))}{more}"
        )
    if about["flip"] != flip:
        wanted, got = ("with", "without") if flip else ("without", "with")
        raise ValueError(f"hjb: expected a classifier of embeddings {wanted} flip averaging, got one {got} it")
    if about["hr_network"] != digest_of_network(networks.hr_dir):
        raise ValueError(f"hjb: expected a classifier of the embeddings of {networks.hr_dir}, got one of others")
    for resolution, folder in networks.lr_dirs.items():
        key = format_resolution(resolution)
        if key not in scorers.classifiers:
            raise ValueError(
                f"hjb: expected a classifier for {key}, got some for {', '.join(scorers.classifiers)}"
            )
        if about["lr_networks"][key] != digest_of_network(folder):
            raise ValueError(
                f"hjb: expected a classifier of the embeddings of {folder} at {key}, got one of others"
            )
        mode, got = networks.degradation[resolution], about["degradation"][key]
        if got != mode:
            raise ValueError(f"hjb: expected a classifier of faces reduced by {mode}, got one of faces by {got}")

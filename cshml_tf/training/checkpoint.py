"""Checkpoints by step: every variable of a run in one file that appears whole or not at all."""

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from cshml_tf.files import remove_left_overs_below, replacing

_NAME = re.compile(r"step-\d{8}\.npz")
_KEPT = 2


def save_checkpoint(folder: str | Path, step: int, variables: Sequence[keras.Variable]) -> None:
    """Write the variables after a number of steps, and keep only the two newest checkpoints.

    Args:
        folder: folder of checkpoints, created if it does not exist.
        step: number of steps done.
        variables: the variables, always in the same order.

    Raises:
        ValueError: a variable has a value that is not finite; nothing is written.
    """
    values = {}
    for index, variable in enumerate(variables):
        value = np.asarray(variable)
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ValueError(f"step {step}: expected finite weights, got NaN or infinity in {variable.path}")
        values[str(index)] = value
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # A killed run may have left a partial file as large as the network. Only one run at a time writes here, so
    # nobody needs it.
    remove_left_overs_below(folder)
    with replacing(folder / f"step-{step:08d}.npz", ".npz") as partial:
        np.savez(partial, **values)
    for path in _checkpoints(folder)[:-_KEPT]:
        path.unlink()


def restore_checkpoint(folder: str | Path, variables: Sequence[keras.Variable]) -> int:
    """Set the variables to the values of the newest checkpoint.

    Args:
        folder: folder of checkpoints.
        variables: the variables, in the order in which they were saved.

    Returns:
        Number of steps done, 0 if there is no checkpoint.

    Raises:
        ValueError: the checkpoint is damaged or contains other variables.
    """
    paths = _checkpoints(folder)
    if not paths:
        return 0
    try:
        with np.load(paths[-1]) as stored:
            values = [stored[str(index)] for index in range(len(stored.files))]
    except (zipfile.BadZipFile, KeyError, EOFError, ValueError) as error:
        raise ValueError(f"{paths[-1]}: expected a checkpoint, got a damaged file; delete it") from error
    shapes = [tuple(variable.shape) for variable in variables]
    if [value.shape for value in values] != shapes:
        raise ValueError(f"{paths[-1]}: expected the variables of this network, got others")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return int(paths[-1].stem.removeprefix("step-"))


def delete_checkpoints(folder: str | Path) -> None:
    """Delete the checkpoints of a finished run, including incomplete ones of a killed process."""
    remove_left_overs_below(folder)
    for path in _checkpoints(folder):
        path.unlink()


def _checkpoints(folder: str | Path) -> list[Path]:
    return sorted(path for path in Path(folder).glob("step-*.npz") if _NAME.fullmatch(path.name))

"""Checkpoints by step: every variable of a run in one file that is there whole or not at all."""

import re
import zipfile
from pathlib import Path

import numpy as np

from cshml_tf.files import remove_left_overs_below, replacing

_NAME = re.compile(r"step-(\d{8})\.npz")
_KEPT = 2


def save_checkpoint(folder, step, variables):
    """Write the variables as they are after a number of steps; the two newest checkpoints are kept.

    Args:
        folder: folder of checkpoints, made if absent.
        step: steps done.
        variables: list of keras variables, always in the same order.

    Raises:
        ValueError: a variable holds a value that is not finite; nothing is written.
    """
    values = {}
    for index, variable in enumerate(variables):
        value = np.asarray(variable)
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ValueError(f"step {step}: expected finite weights, {variable.path} has others")
        values[str(index)] = value
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # A killed run leaves a temporary as large as the network: one run at a time writes here.
    remove_left_overs_below(folder)
    with replacing(folder / f"step-{step:08d}.npz", ".npz") as partial:
        np.savez(partial, **values)
    for path in _checkpoints(folder)[:-_KEPT]:
        path.unlink()


def restore_checkpoint(folder, variables):
    """Set the variables to the newest checkpoint.

    Returns:
        Steps done, 0 where there is no checkpoint.

    Raises:
        ValueError: the checkpoint is of other variables, or damaged.
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
    return int(_NAME.fullmatch(paths[-1].name).group(1))


def delete_checkpoints(folder):
    """Remove the checkpoints of a finished run, and what a killed one left half-written."""
    remove_left_overs_below(folder)
    for path in _checkpoints(folder):
        path.unlink()


def _checkpoints(folder):
    folder = Path(folder)
    return sorted(path for path in folder.glob("step-*.npz") if _NAME.fullmatch(path.name))

"""Checkpoints by step: every variable of a run in one file that appears whole or not at all."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cshml_tf.files import open_regular, parse_archive, printable, remove_left_overs_below, replacing

_NAME = re.compile(r"step-\d{8,}\.npz")
_KEPT = 2
# Networks of a billion weights with two moments each stay below this.
_MAX_BYTES = 2**36
_NOTES = "notes"


class DamagedCheckpoint(ValueError):
    """A checkpoint's file is cut short or otherwise damaged."""


def save_checkpoint(
    folder: str | Path, step: int, variables: Sequence[keras.Variable], notes: Mapping[str, Any] | None = None
) -> None:
    """Write the variables after a number of steps, and keep only the two newest checkpoints.

    Checkpoints of later steps, which can only be damaged ones, are removed.

    Args:
        folder: folder of checkpoints, created if it does not exist.
        step: number of steps done.
        variables: the variables, always in the same order.
        notes: what else is needed to continue, of JSON types.

    Raises:
        ValueError: a variable has a value that is not finite; nothing is written.
    """
    values = {}
    for index, variable in enumerate(variables):
        value = np.asarray(variable)
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ValueError(f"step {step}: expected finite weights, got NaN or infinity in {variable.path}")
        values[str(index)] = value
    values[_NOTES] = np.frombuffer(json.dumps(notes or {}, allow_nan=False).encode(), np.uint8)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # A killed run may have left a partial file as large as the network. Only one run at a time writes here, so
    # nobody needs it.
    remove_left_overs_below(folder)
    with replacing(folder / f"step-{step:08d}.npz", ".npz") as partial:
        np.savez(partial, **values)
    paths = _checkpoints(folder)
    newest = [path for path in paths if _step_of(path) <= step][-_KEPT:]
    for path in set(paths) - set(newest):
        path.unlink()


def restore_checkpoint(folder: str | Path, variables: Sequence[keras.Variable]) -> tuple[int, dict[str, Any]]:
    """Set the variables to the values of the newest checkpoint.

    If that is damaged, the one before is taken, and a warning is printed.

    Args:
        folder: folder of checkpoints.
        variables: the variables, in the order in which they were saved.

    Returns:
        The number of steps done, and the notes; 0 and an empty dict if there is no checkpoint.

    Raises:
        ValueError: all checkpoints are damaged, or the newest contains other variables.
        OSError: a checkpoint cannot be read.
    """
    damaged = []
    for path in reversed(_checkpoints(folder)):
        try:
            values, notes = _read(path, variables)
        except DamagedCheckpoint as error:
            damaged.append(error)
            continue
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        for error in damaged:
            print(f"warning: {error}; training continues from {path.name} instead", file=sys.stderr)
        return _step_of(path), notes
    if damaged:
        raise ValueError(f"{damaged[0]}, and no other; delete it to train from the first step again")
    return 0, {}


def delete_checkpoints(folder: str | Path) -> None:
    """Delete the checkpoints of a finished run, including incomplete ones of a killed process."""
    remove_left_overs_below(folder)
    for path in _checkpoints(folder):
        path.unlink()


def _checkpoints(folder: str | Path) -> list[Path]:
    found = (path for path in Path(folder).glob("step-*.npz") if _NAME.fullmatch(path.name))
    return sorted(found, key=_step_of)


def _step_of(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))


def _read(path: Path, variables: Sequence[keras.Variable]) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Read a checkpoint of these variables; see `restore_checkpoint`."""
    with open_regular(path, _MAX_BYTES) as file:
        try:
            stored = parse_archive(file)
            # Version 0.2.0 wrote no notes.
            notes = json.loads(stored.pop(_NOTES).tobytes()) if _NOTES in stored else {}
            if not isinstance(notes, dict):
                raise ValueError("notes")
        except Exception:  # A damaged archive can fail in many ways.
            raise DamagedCheckpoint(
                f"{printable(path)}: expected a checkpoint, got a file that is damaged"
            ) from None
    expected = {str(index): _form(np.asarray(variable)) for index, variable in enumerate(variables)}
    if {name: _form(value) for name, value in stored.items()} != expected:
        raise ValueError(f"{printable(path)}: expected the variables of this network, got others")
    return [stored[name] for name in expected], notes


def _form(value: np.ndarray) -> tuple[tuple[int, ...], str]:
    """Return the shape and the kind of number, which the backends agree on; integers differ in width."""
    return value.shape, value.dtype.kind.replace("u", "i")

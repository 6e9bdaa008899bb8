"""Read lists from MATLAB files: names, numbers, and pairs of names.

A list of names is a cell array in MATLAB: arrays of objects around arrays of text, nested to a depth that depends
on how it was saved. The readers here therefore look only at the leaves.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.data.mat_file import read_variables


def read_names_and_ids(path: str | Path, names_field: str, ids_field: str) -> tuple[list[str], list[int]]:
    """Read a list of file names and the person shown by each.

    Args:
        path: the .mat file, version 5 to 7.2.
        names_field: the variable with the names, a cell array or a matrix of characters.
        ids_field: the variable with the people, whole numbers.

    Returns:
        list of str and list of int, of equal length.

    Raises:
        OSError: the file cannot be read.
        ValueError: not a MATLAB file, a variable is missing or has the wrong type, a name is repeated, or the two
            lists differ in length; the message names the file and the variable.
    """
    fields = read_variables(path, (names_field, ids_field))
    names = [_only_name(path, names_field, cell) for cell in _cells(fields[names_field])]
    ids = [_only_id(path, ids_field, cell) for cell in _cells(fields[ids_field])]
    if not names or len(names) != len(ids):
        raise ValueError(
            f"{path}: expected as many numbers in {ids_field} as names in {names_field}, at least one, "
            f"got {len(ids)} and {len(names)}"
        )
    if len(set(names)) != len(names):
        name, times = Counter(names).most_common(1)[0]
        raise ValueError(f"{path}, {names_field}: expected each name once, got {name} {times} times")
    return names, ids


def read_name_pairs(path: str | Path, field: str) -> list[tuple[str, str]]:
    """Read a list of pairs of file names.

    Args:
        path: the .mat file, version 5 to 7.2.
        field: the variable: a cell array of (pairs, 2) names, or of pairs that are cell arrays of two names.

    Returns:
        list of (str, str).

    Raises:
        OSError: the file cannot be read.
        ValueError: not a MATLAB file, or the variable is missing, empty or has the wrong type; the message names
            the file and the variable.
    """
    cells = _unwrapped(read_variables(path, (field,))[field])
    is_matrix = cells.ndim == 2 and cells.shape[1] == 2 and len(cells) and len(_leaves(cells[0, 0])) == 1
    rows = cells if is_matrix else cells.ravel()
    pairs = []
    for number, row in enumerate(rows, start=1):
        names = _leaves(row)
        if len(names) != 2 or not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"{path}, {field}: expected two names in pair {number}, got {names}")
        pairs.append((names[0], names[1]))
    if not pairs:
        raise ValueError(f"{path}, {field}: expected pairs of names, got none")
    return pairs


def _unwrapped(value: Any) -> np.ndarray:
    """Remove the cells that contain nothing but another cell array."""
    value = np.asarray(value)
    while value.dtype == object and value.size == 1 and np.asarray(value.item()).dtype == object:
        value = np.asarray(value.item())
    return value


def _cells(value: Any) -> np.ndarray:
    return _unwrapped(value).ravel()


def _leaves(value: Any) -> list:
    """List the strings and numbers in an array of any depth; strip strings of the blanks that pad a matrix."""
    value = np.asarray(value)
    if value.dtype == object:
        return [leaf for cell in value.ravel() for leaf in _leaves(cell)]
    leaves = value.ravel().tolist()
    return [leaf.strip() for leaf in leaves] if value.dtype.kind == "U" else leaves


def _only_name(path: str | Path, field: str, cell: Any) -> str:
    leaves = _leaves(cell)
    if len(leaves) != 1 or not isinstance(leaves[0], str) or not leaves[0]:
        raise ValueError(f"{path}, {field}: expected one name per cell, got {leaves}")
    return leaves[0]


def _only_id(path: str | Path, field: str, cell: Any) -> int:
    leaves = _leaves(cell)
    try:
        (number,) = leaves
        whole = int(number)
        if isinstance(number, str) or whole == number:
            return whole
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(f"{path}, {field}: expected one whole number per cell, got {leaves}")

"""The output of `compare.py`: the faces, the matrix of their scores, and the decisions."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from cshml_tf.comparing import Decision, FoundFace
from cshml_tf.degradation.resolution import Resolution, format_resolution
from cshml_tf.evaluation.networks import ModelFolders
from cshml_tf.files import printable


def face_lines(
    paths: Sequence[Path],
    faces: Sequence[FoundFace | None],
    resolutions: Sequence[Resolution | None],
    folders: ModelFolders,
    with_boxes: bool = False,
) -> list[str]:
    """Format one line per face: its number, file, width and network, and optionally its box and score.

    Args:
        paths: the pictures.
        faces: the face of each picture, None where none was found.
        resolutions: for each face the resolution of the LR network that embedded it, None for the HR network.
        folders: the networks' model folders.
        with_boxes: whether to add the detector's box and score.

    Returns:
        A heading, and one line of text per face.
    """
    rows: list[tuple[str, ...]] = [("", "face", "width", "network", "folder")]
    for number, (path, face, resolution) in enumerate(zip(paths, faces, resolutions, strict=True), 1):
        if face is None:
            rows.append((str(number), printable(path), "-", "no face found", ""))
            continue
        folder = folders.hr_dir if resolution is None else folders.lr_dirs[resolution]
        row = (str(number), printable(path), f"{face.width:.1f} px", _network_name(resolution), printable(folder))
        rows.append(row + ((_box(face),) if with_boxes else ()))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), *row[4:]]).rstrip()
        for row in rows
    ]


def score_lines(scores: np.ndarray) -> list[str]:
    """Format a (faces, faces) matrix of cosine similarities with numbered rows and columns; "-" for NaN."""

    def cell(row: int, column: int) -> str:
        return "-" if np.isnan(scores[row, column]) else f"{scores[row, column]:.3f}"

    return _matrix(len(scores), cell)


def decision_lines(decisions: Sequence[Decision], size: int) -> list[str]:
    """Format the decisions on a number of faces as a matrix of "same" and "different"."""
    words = {(each.first, each.second): "same" if each.same else "different" for each in decisions}
    return _matrix(size, lambda row, column: words.get((min(row, column), max(row, column)), "-"))


def pair_line(decision: Decision) -> str:
    """Format the decision on one pair, with its score and threshold."""
    word, sign = ("same     ", ">=") if decision.same else ("different", "< ")
    pair = f"{decision.first + 1} and {decision.second + 1}"
    return f"{pair:9}  {word}  {decision.score:.4f} {sign} {decision.threshold:.4f}  ({decision.kind})"


def _network_name(resolution: Resolution | None) -> str:
    return "HR" if resolution is None else f"LR {format_resolution(resolution)}"


def _box(face: FoundFace) -> str:
    if face.face is None:
        return "crop"
    box = face.face
    return f"box {box.width:.0f} x {box.height:.0f} at ({box.x:.0f}, {box.y:.0f}), score {box.score:.3f}"


def _matrix(size: int, cell: Callable[[int, int], str]) -> list[str]:
    """Format a square matrix with numbered rows and columns; `cell` returns the text at a row and column."""
    cells = [[cell(row, column) for column in range(size)] for row in range(size)]
    width = max(len(word) for line in cells for word in line)
    margin = len(str(size))
    lines = ["  ".join([" " * margin, *(str(number).rjust(width) for number in range(1, size + 1))])]
    for number, line in enumerate(cells, 1):
        lines.append("  ".join([str(number).rjust(margin), *(word.rjust(width) for word in line)]))
    return lines

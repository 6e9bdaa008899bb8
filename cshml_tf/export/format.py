"""What an export format consists of, and how it is found by its name.

A format is one file of this room, named like the format, which holds a `FORMAT`; its name and precisions are one
entry of `cshml_tf.settings.choices.EXPORT_FORMATS`.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np

# (N, height, width, 3) float32 RGB, 0..255 -> (N, E) float32 embeddings.
Embed = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Source:
    """What an export is made of.

    Attributes:
        recogniser: pixels 0..255 -> unit embeddings.
        card: the model folder's card; empty if there is none.
        calibration: (N, height, width, 3) float32, 0..255: faces as the network sees them, on which the ranges of
            int8 are measured; None for other precisions.
    """

    recogniser: keras.Model
    card: dict[str, Any]
    calibration: np.ndarray | None = None


@dataclass(frozen=True)
class Format:
    """One export format.

    Attributes:
        write: function of a `Source`, an existing empty folder and a precision that writes the files.
        load: function of such a folder and the precision that loads it into its runtime, on all cores.
        file: name of the file that the runtime is given, or by which it knows the folder.
        described: dict of what a user of the files must know: input, output, names, options of the runtime.
        packages: distributions that writing and measuring need beside TensorFlow.
        quantiser: distributions that int8 needs besides.
        extra: the extra of `setup.py` that installs them.
    """

    write: Callable[[Source, Path, str], None]
    load: Callable[[Path, str], Embed]
    file: str
    described: dict[str, Any]
    packages: Sequence[str] = ()
    quantiser: Sequence[str] = ()
    extra: str = field(default="export")

    def needed(self, precision: str) -> list[str]:
        """Return the distributions that a precision needs."""
        return [*self.packages, *(self.quantiser if precision == "int8" else ())]


def load_format(name: str, precision: str = "float32") -> Format:
    """Return a format, after checking that all it needs is installed.

    Args:
        name: one of `cshml_tf.settings.choices.EXPORT_FORMATS`.
        precision: one of that format's precisions.

    Raises:
        ValueError: a package is missing; the message names the extra that installs it.
    """
    found: Format = importlib.import_module(f"cshml_tf.export.{name}").FORMAT
    for package in found.needed(precision):
        try:
            metadata.version(package)
        except metadata.PackageNotFoundError:
            raise ValueError(
                f"{name} in {precision}: expected the package {package}, which is not installed: "
                f"pip install 'cshml_tf[{found.extra}]'"
            ) from None
    return found

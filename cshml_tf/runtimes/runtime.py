"""What a runtime consists of, and how it is found by its name.

A runtime is one file of this room, named like the runtime, which holds a `RUNTIME`; its name is also one of
`cshml_tf.settings.choices.RUNTIMES`.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import TypeAlias

import keras
import numpy as np

# (N, height, width, 3) float32 RGB, 0..255, of the network's own size -> (N, E) float32, before normalisation.
Run: TypeAlias = Callable[[np.ndarray], np.ndarray]

FLOAT32, BFLOAT16 = "float32", "bfloat16"


@dataclass(frozen=True)
class Runtime:
    """One runtime.

    Attributes:
        prepare: function of a recogniser and a number format that returns the network, ready to run on the cores
            that the runtime takes by default.
        formats: the number formats in which it computes here, float32 first.
        packages: distributions that it needs.
        extra: the extra of `setup.py` that installs them.
    """

    prepare: Callable[[keras.Model, str], Run]
    formats: Callable[[], Sequence[str]]
    packages: Sequence[str] = ()
    extra: str = "runtimes"

    def missing(self) -> str | None:
        """Return a distribution that it needs and that is not installed; None if there is none."""
        for package in self.packages:
            try:
                metadata.version(package)
            except metadata.PackageNotFoundError:
                return package
        return None


def load_runtime(name: str) -> Runtime:
    """Return a runtime by its name, one of `cshml_tf.settings.choices.RUNTIMES` apart from "auto"."""
    return importlib.import_module(f"cshml_tf.runtimes.{name}").RUNTIME

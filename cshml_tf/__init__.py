"""CS-MHL-Net for TensorFlow and Keras: recognise low-resolution faces against a sharp gallery.

Source: Sun, Yang, Shen, Liao, "Classifier shared deep network with multi-hierarchy loss for low
resolution face recognition", Signal Processing: Image Communication, 2019.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cshml_tf import backbones as backbones
    from cshml_tf import degradation as degradation
    from cshml_tf import layers as layers
    from cshml_tf import losses as losses
    from cshml_tf import metrics as metrics
    from cshml_tf import network as network
    from cshml_tf.model_folder import load_recogniser as load_recogniser
    from cshml_tf.runtimes.embedder import with_runtime as with_runtime
    from cshml_tf.server.client import Client as Client
    from cshml_tf.shortcuts import align as align
    from cshml_tf.shortcuts import compare as compare
    from cshml_tf.shortcuts import embed as embed
    from cshml_tf.shortcuts import load_networks as load_networks

__version__ = "0.2.0"

# The module of each public function and class.
_FUNCTIONS = {
    "Client": "cshml_tf.server.client",
    "align": "cshml_tf.shortcuts",
    "compare": "cshml_tf.shortcuts",
    "embed": "cshml_tf.shortcuts",
    "load_networks": "cshml_tf.shortcuts",
    "load_recogniser": "cshml_tf.model_folder",
    "with_runtime": "cshml_tf.runtimes.embedder",
}
# The packages and modules that are public as a whole.
_ROOMS = ("backbones", "degradation", "layers", "losses", "metrics", "network")
# Those that need neither Keras nor its backend.
_LIGHT = ("Client", "degradation", "metrics")


def __getattr__(name: str) -> object:
    """Import a public name on first use, so that `import cshml_tf` and `--help` stay fast."""
    if name not in _FUNCTIONS and name not in _ROOMS:
        raise AttributeError(f"module 'cshml_tf' has no attribute {name!r}")
    if name not in _LIGHT:
        from cshml_tf.cli.quiet_start import start_backend

        start_backend()
    if name in _ROOMS:
        return importlib.import_module(f"cshml_tf.{name}")
    return getattr(importlib.import_module(_FUNCTIONS[name]), name)


def __dir__() -> list[str]:
    """List only the public names."""
    return sorted([*_FUNCTIONS, *_ROOMS])

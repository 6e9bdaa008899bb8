"""CS-MHL-Net for TensorFlow and Keras: recognise low-resolution faces against a sharp gallery.

Source: Sun, Yang, Shen, Liao, "Classifier shared deep network with multi-hierarchy loss for low
resolution face recognition", Signal Processing: Image Communication, 2019.
"""

import importlib

__version__ = "0.2.0"

_ROOMS = ("backbones", "degradation", "layers", "losses", "metrics", "network")


def __getattr__(name):
    """Import a room on first use, so that `import cshml_tf` and `--help` stay fast."""
    if name == "load_recogniser":
        return importlib.import_module("cshml_tf.model_folder").load_recogniser
    if name in _ROOMS:
        return importlib.import_module(f"cshml_tf.{name}")
    raise AttributeError(f"module 'cshml_tf' has no attribute {name!r}")

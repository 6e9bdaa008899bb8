"""Export a model folder as a SavedModel, which TensorFlow loads and serves without this library.

Examples:
    python train/export_saved_model.py models/hr exported/hr

    TensorFlow Serving looks for numbered versions:
    python train/export_saved_model.py models/lr_12 served/lr_12/1
"""

import sys

from cshml_tf.cli.export_saved_model import main

if __name__ == "__main__":
    sys.exit(main())

"""Turn a pretrained recogniser into a model folder, which serves as the HR network of train_cshml.py.

python train/import_recogniser.py w600k_mbf.onnx models/mbf --standardisation symmetric
python train/import_recogniser.py 20180402-114759 models/facenet
"""

import sys

from cshml_tf.cli.import_recogniser import main

if __name__ == "__main__":
    sys.exit(main())

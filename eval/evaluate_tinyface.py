"""Identify TinyFace's natively low-resolution faces among its distractors.

Examples:
    python eval/evaluate_tinyface.py tinyface --hr_model models/hr --lr_model models/lr_12 models/lr_20 \
        --report tinyface.json

    python eval/evaluate_tinyface.py tinyface --images_root tinyface_112x96 --hr_model models/hr \
        --lr_model models/lr_12 --use_flipped_images --embedding_batch_size 256
"""

import sys

from cshml_tf.cli.evaluate_tinyface import main

if __name__ == "__main__":
    sys.exit(main())

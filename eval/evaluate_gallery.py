"""Measure identification in a gallery: known and unknown people, at each resolution.

Examples:
    python eval/evaluate_gallery.py lfw_112 --people people_dev.txt --hr_model models/hr --lr_model models/lr \
        --report gallery.json

    python eval/evaluate_gallery.py lfw_112 --people people_train.txt --hr_model models/hr --lr_model models/lr \
        --try_weights 0 0.25 0.5 1 2
"""

import sys

from cshml_tf.cli.evaluate_gallery import main

if __name__ == "__main__":
    sys.exit(main())

"""Compare faces in photographs or crops, each with the network that suits its width.

Examples:
    python eval/compare.py --hr_model models/hr --lr_model models/lr_12 passport.jpg camera.jpg

    python eval/compare.py --hr_model models/hr --lr_model models/lr_8 --lr_model models/lr_16 \
        --report lfw.json --far 0.001 passport.jpg camera_1.png camera_2.png

    python eval/compare.py --hr_model models/hr --aligned --threshold 0.4 --detail crops/*.png
"""

import sys

from cshml_tf.cli.compare import main

if __name__ == "__main__":
    sys.exit(main())

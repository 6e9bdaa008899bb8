"""Measure networks on LFW pairs at high and low resolution.

Examples:
    python eval/evaluate_lfw.py lfw_112x96 --hr_model models/hr --lr_model models/lr_12 \
        --lfw_pairs pairs.txt --report lfw.json

    python eval/evaluate_lfw.py lfw_112x96 --hr_model models/hr --lr_model models/lr_8 models/lr_12_16 \
        --lfw_pairs pairs.txt --resolutions 8 12 16 --average_orders

    python eval/evaluate_lfw.py lfw_112x96 --hr_model models/hr --lfw_pairs pairs.txt --resolutions 8 12

    python eval/evaluate_lfw.py xqlfw_112x96 --hr_model models/hr --lr_model models/lr_12 \
        --lfw_pairs xqlfw_pairs.txt --as_they_are --average_orders
"""

import sys

from cshml_tf.cli.evaluate_lfw import main

if __name__ == "__main__":
    sys.exit(main())

"""Show in one figure the effect of the LR network: example pairs, and the scores of all pairs.

Examples:
    python eval/show_pairs.py lfw_112x96 --lfw_pairs pairs.txt --hr_model models/hr --lr_model models/lr_12 \
        --output pairs_12.png

    python eval/show_pairs.py lfw_112x96 --lfw_pairs pairs.txt --hr_model models/hr --lr_model models/lr_8_16 \
        --resolution 16 --pairs 12 --seed 1 --output pairs_16.png
"""

import sys

from cshml_tf.cli.show_pairs import main

if __name__ == "__main__":
    sys.exit(main())

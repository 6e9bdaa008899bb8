"""Fit the heterogeneous joint Bayesian classifier, to score pairs of faces in place of the cosine.

    python train/fit_hjb.py --data_dir casia_112x96 --hr_model models/hr --lr_model models/lr12 --output hjb.npz
    python eval/evaluate_lfw.py lfw_112x96 --lfw_pairs pairs.txt --hr_model models/hr --lr_model models/lr12 \
        --scorer hjb --hjb hjb.npz

Fit it on people who are not in the test: the second command refuses a classifier that knows one of them.
"""

import sys

from cshml_tf.cli.fit_hjb import main

if __name__ == "__main__":
    sys.exit(main())

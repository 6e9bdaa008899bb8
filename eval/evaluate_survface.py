"""Verify QMUL-SurvFace's pairs of surveillance faces, and identify its probes in an open set.

Examples:
    python eval/evaluate_survface.py QMUL-SurvFace --hr_model models/hr --lr_model models/lr_12 models/lr_20 \
        --report survface.json

    python eval/evaluate_survface.py QMUL-SurvFace/Face_Verification_Test_Set --hr_model models/hr
"""

import sys

from cshml_tf.cli.evaluate_survface import main

if __name__ == "__main__":
    sys.exit(main())

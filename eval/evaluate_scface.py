"""Rank-1 to rank-10 on SCface, on all 130 people and on 80 after fine-tuning on 50, next to the paper's table 5.

python eval/evaluate_scface.py SCface --hr_model models/hr --serve 1=models/lr20 2=models/lr30 --report scface.json
"""

import sys

from cshml_tf.cli.evaluate_scface import main

if __name__ == "__main__":
    sys.exit(main())

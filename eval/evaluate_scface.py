"""Identify SCface's people at ranks 1 to 10: all 130, then 80 after learning from 50, next to table 5.

python eval/evaluate_scface.py SCface --hr_model models/hr --serve 1=models/lr20 2=models/lr30 --report scface.json
"""

import sys

from cshml_tf.cli.evaluate_scface import main

if __name__ == "__main__":
    sys.exit(main())

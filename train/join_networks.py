"""Join LR networks for the same resolution to one, whose embedding is the mean of theirs.

python train/join_networks.py models/lr16_a models/lr16_b models/lr16
"""

import sys

from cshml_tf.cli.join_networks import main

if __name__ == "__main__":
    sys.exit(main())

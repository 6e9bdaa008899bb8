"""Write a copy of a network whose embedding also contains the features that it is computed from.

python train/widen_network.py models/hr models/hr_wide
"""

import sys

from cshml_tf.cli.widen_network import main

if __name__ == "__main__":
    sys.exit(main())

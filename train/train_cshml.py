"""Train the LR network: a clone of the HR network, on low-resolution copies, under the shared classifier.

    python train/train_cshml.py --data_dir casia_112x96 --pretrained_model models/hr --resolution 12 --run_name 12
    python train/train_cshml.py --data_dir casia_112x96 --pretrained_model models/hr --resolution 8 12 16 20
    python train/train_cshml.py --data_dir casia_112x96 --pretrained_model models/hr --resolution 12 --lambda 0 \
        --beta 0

The last line is equation 2 alone. The same command with --run_name continues a run that was stopped or killed.
"""

import sys

from cshml_tf.cli.train_cshml import main

if __name__ == "__main__":
    sys.exit(main())

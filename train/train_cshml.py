"""Train the LR network, a copy of the HR network, on low-resolution faces with the classifier shared by both.

    python train/train_cshml.py --data_dir casia_112x96 --pretrained_model models/hr --resolution 12 --run_name 12
    python train/train_cshml.py --data_dir casia_112x96 --pretrained_model models/hr --resolution 8 12 16 20
    python train/train_cshml.py --data_dir casia_112x96 --pretrained_model models/hr --resolution 12 --lambda 0 \
        --beta 0

The last command uses only equation 2. With --run_name, the same command resumes an interrupted run.
"""

import sys

from cshml_tf.cli.train_cshml import main

if __name__ == "__main__":
    sys.exit(main())

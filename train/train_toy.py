"""Run the paper's toy experiment on MNIST: tables 1 and 2, figures 2 to 4.

    python train/train_toy.py toy
    python train/train_toy.py toy --mnist mnist.npz --seeds 1 2 3

The same command resumes an interrupted experiment.
"""

import sys

from cshml_tf.cli.train_toy import main

if __name__ == "__main__":
    sys.exit(main())

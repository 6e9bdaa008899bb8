"""Train and measure one LR network for every combination of HR network, resolution, losses and seed.

    python train/run_ablation.py ablation --networks models/hr --resolutions 12 --losses 2 3 2+3 2+5 2+3+5 \
        --data_dir faces --lfw_dir lfw_faces --lfw_pairs pairs.txt
    python train/run_ablation.py ablation --networks models/hr --resolutions 8 12 16 20 8+12+16+20 --seeds 1 2 3 \
        --data_dir faces --lfw_dir lfw_faces --lfw_pairs pairs.txt

The second command extends the table of the first. An interrupted ablation resumes under the same command.
"""

import sys

from cshml_tf.cli.run_ablation import main

if __name__ == "__main__":
    sys.exit(main())

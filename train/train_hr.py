"""Train the HR network.

    python train/train_hr.py --data_dir casia_112x96 --max_steps 140000 --run_name hr
    python train/train_hr.py --data_dir casia_112x96 --lfw_dir lfw_112x96 --lfw_pairs pairs.txt \
        --strategy mirrored --mixed_precision --run_name hr_mixed
    python train/train_hr.py --data_dir casia_112x96 --resolutions 20 30 --run_name ricnn

The model is written to models/<run_name>, the history to logs/<run_name>. The same command resumes an interrupted
run.
"""

import sys

from cshml_tf.cli.train_hr import main

if __name__ == "__main__":
    sys.exit(main())

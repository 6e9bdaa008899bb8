"""Draw synthetic faces to train and test on, when no real ones are available.

python train/make_synthetic.py ~/synthetic
python train/make_synthetic.py ~/synthetic_large --people 1000 --test_people 200 --pairs_per_fold 300
python train/make_synthetic.py ~/synthetic_photographs --photographs --people 20 --pictures 5
python train/make_synthetic.py ~/synthetic_clip --clip --people 0 --test_people 0
"""

import sys

from cshml_tf.cli.make_synthetic import main

if __name__ == "__main__":
    sys.exit(main())

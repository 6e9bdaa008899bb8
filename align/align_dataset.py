"""Align photographs: find each face with MTCNN and warp it to the size of the networks' input.

python align/align_dataset.py ~/photographs ~/aligned_112x96 --workers 4
python align/align_dataset.py ~/photographs ~/aligned_112x112 --image_size 112 112
python align/align_dataset.py /shared/photographs /shared/faces --scheduler tcp://scheduler:8786
python align/align_dataset.py ~/parties ~/faces --detect_multiple_faces
"""

import sys

from cshml_tf.cli.align_dataset import main

if __name__ == "__main__":
    sys.exit(main())

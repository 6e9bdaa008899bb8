"""Pack aligned faces into one memory-mapped array, which training reads without decoding images.

python align/pack_dataset.py faces faces_packed
python align/pack_dataset.py lfw_faces train_packed --people people_train.txt
"""

import sys

from cshml_tf.cli.pack_dataset import main

if __name__ == "__main__":
    sys.exit(main())

"""Embed a data set of aligned faces: one array of unit embeddings, and a list that names its rows.

Examples:
    python eval/embed_faces.py faces embeddings --model models/hr
    python eval/embed_faces.py /shared/faces /shared/embeddings --model /shared/models/hr --scheduler tcp://host:8786
"""

import sys

from cshml_tf.cli.embed_faces import main

if __name__ == "__main__":
    sys.exit(main())

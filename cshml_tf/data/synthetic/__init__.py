"""Synthetic faces: an identity is a seed, its pictures vary, and the landmarks are known.

The faces are drawn by this package's own code and show no real person. They are data for demonstrations and tests,
not a measure of how well real people are recognised.
"""

from cshml_tf.data.synthetic.clip_files import check_video_runs, write_clip
from cshml_tf.data.synthetic.dataset import person_name, write_dataset
from cshml_tf.data.synthetic.pairs import pairs_text, write_pairs
from cshml_tf.data.synthetic.photograph import (
    Photograph,
    draw_aligned,
    draw_photograph,
    landmarks_in_photograph,
)

__all__ = [
    "Photograph",
    "check_video_runs",
    "draw_aligned",
    "draw_photograph",
    "landmarks_in_photograph",
    "pairs_text",
    "person_name",
    "write_clip",
    "write_dataset",
    "write_pairs",
]

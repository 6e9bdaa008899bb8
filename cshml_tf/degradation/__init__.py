"""A face as a distant camera shows it: down to a low resolution, 8 bits, and back up; without Keras."""

from cshml_tf.degradation.degrade import MODES, degrade, degrade_each
from cshml_tf.degradation.resolution import format_resolution, parse_resolution, resolution_sides

__all__ = ["MODES", "degrade", "degrade_each", "format_resolution", "parse_resolution", "resolution_sides"]

"""Which network serves a face: the one whose resolution is nearest to the face's width.

- A face at least `hr_width` pixels wide goes to the HR network.
- Any other goes to the LR network of the resolution whose width is nearest by ratio; of two equally near,
  to the lower. Without LR networks the HR network serves all.
"""

import math
from dataclasses import dataclass
from typing import Any

from cshml_tf.degradation.resolution import resolution_sides
from cshml_tf.evaluation.networks import choose_networks


@dataclass(frozen=True)
class ServingNetworks:
    """The networks that serve faces of different widths.

    Attributes:
        hr: keras.Model of the HR network.
        lr: dict of resolution, r or (h, w), to the keras.Model that serves it.
        hr_width: faces at least this wide, in pixels, are the HR network's.
    """

    hr: Any
    lr: dict
    hr_width: float

    def choose(self, width):
        """Give the resolution whose LR network suits a face of a width in pixels; None for the HR network."""
        if width >= self.hr_width or not self.lr:
            return None

        def distance(resolution):
            lr_width = resolution_sides(resolution)[1]
            return round(abs(math.log(lr_width / width)), 9), lr_width

        return min(self.lr, key=distance)

    def serving(self, resolution):
        """Give the keras.Model of a resolution; of the HR network for None."""
        return self.hr if resolution is None else self.lr[resolution]


def load_networks(hr_dir, lr_dirs=(), hr_width=None):
    """Load the networks that serve faces of different widths.

    Args:
        hr_dir: model folder of the HR network.
        lr_dirs: model folders of LR networks.
        hr_width: faces at least this wide, in pixels, are the HR network's; None for half the width of
            the networks' input.

    Returns:
        (`ServingNetworks`, `cshml_tf.evaluation.networks.Networks`): the loaded networks, and their folders.

    Raises:
        ValueError: a folder that is no model folder, of the wrong kind, of another input or embedding size
            than the HR network's; or two LR networks of one resolution.
    """
    folders = choose_networks(hr_dir, lr_dirs)
    hr, lr = folders.load()
    return ServingNetworks(hr, lr, folders.image_size[1] / 2 if hr_width is None else hr_width), folders

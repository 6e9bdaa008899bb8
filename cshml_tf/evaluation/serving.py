"""Choose which network embeds a face: the one whose resolution is nearest to the face's width.

- A face at least `hr_width` pixels wide goes to the HR network.
- Any other face goes to the LR network whose resolution has the nearest width by ratio; of two equally near, to
  the lower resolution. Without LR networks, the HR network embeds all faces.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import keras

from cshml_tf.degradation.resolution import Resolution, resolution_sides
from cshml_tf.evaluation.networks import ModelFolders, choose_networks


@dataclass(frozen=True)
class ServingNetworks:
    """The networks that embed faces of different widths.

    Attributes:
        hr: the HR network.
        lr: the LR network for each resolution, r or (h, w).
        hr_width: width in pixels from which faces go to the HR network.
    """

    hr: keras.Model
    lr: dict[Resolution, keras.Model]
    hr_width: float

    def choose(self, width: float) -> Resolution | None:
        """Return the resolution whose LR network suits a width in pixels; None for the HR network."""
        if width >= self.hr_width or not self.lr:
            return None

        def distance(resolution: Resolution) -> tuple[float, int]:
            lr_width = resolution_sides(resolution)[1]
            return round(abs(math.log(lr_width / width)), 9), lr_width

        return min(self.lr, key=distance)

    def serving(self, resolution: Resolution | None) -> keras.Model:
        """Return the LR network for a resolution, or the HR network for None."""
        return self.hr if resolution is None else self.lr[resolution]


def load_serving_networks(
    hr_dir: str | Path,
    lr_dirs: Iterable[str | Path] = (),
    hr_width: float | None = None,
    runtime: str = "auto",
    mixed_precision: str = "off",
) -> tuple[ServingNetworks, ModelFolders]:
    """Load the networks that embed faces of different widths.

    Args:
        hr_dir: model folder of the HR network.
        lr_dirs: model folders of LR networks.
        hr_width: width in pixels from which faces go to the HR network; None for half the width of the networks'
            input.
        runtime: what embeds, and
        mixed_precision: whether in bfloat16, see `cshml_tf.runtimes.embedder.with_runtime`.

    Returns:
        The loaded networks and their model folders.

    Raises:
        ValueError: a folder is not a model folder, is of the wrong kind, or its input or embedding size differs
            from the HR network's; or two LR networks list the same resolution; or the runtime is not installed.
    """
    folders = choose_networks(hr_dir, lr_dirs)
    hr, lr = folders.load(runtime, mixed_precision)
    return ServingNetworks(hr, lr, folders.image_size[1] / 2 if hr_width is None else hr_width), folders

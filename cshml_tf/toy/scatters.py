"""Scatter plots of digits 0 and 1 before and after training, after figures 2 to 4 of the paper."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cshml_tf.model_folder import load_recogniser
from cshml_tf.plots import plot_scatters
from cshml_tf.toy.digits import Digits, embed_digits
from cshml_tf.toy.table import project
from cshml_tf.toy.ways import RESOLUTION, WAYS

_SHOWN = 300


def plot_digit_scatters(
    path: str | Path, output_dir: str | Path, seed: int, ways: Sequence[str], test: Digits
) -> None:
    """Plot the unit embeddings of some zeros and ones: HR, and LR from each network of a seed.

    Args:
        path: PNG file to write.
        output_dir: output folder of `cshml_tf.toy.experiment.run_toy`.
        seed: seed of the networks.
        ways: keys of `cshml_tf.toy.ways.WAYS`, one panel each.
        test: digits to choose from.
    """
    rows = np.concatenate([np.flatnonzero(test.labels == digit)[:_SHOWN] for digit in (0, 1)])
    shown = Digits(test.pixels[rows], test.labels[rows])
    models = Path(output_dir) / "models"
    hr_recogniser = load_recogniser(models / f"hr_seed{seed}")
    names = ["LR, HR network", *(f"LR, {WAYS[name].words}" for name in ways)]
    recognisers = [hr_recogniser, *(load_recogniser(models / f"{name}_seed{seed}") for name in ways)]
    hr, lr = project(
        embed_digits(hr_recogniser, shown),
        [embed_digits(recogniser, shown, RESOLUTION) for recogniser in recognisers],
    )
    panels = {name: {"HR": hr, "LR": points} for name, points in zip(names, lr, strict=True)}
    is_plane = hr_recogniser.output_shape[-1] == 2
    axis = "feature {}" if is_plane else "principal component {} of the HR features"
    title = f"Embeddings of digits 0 and 1: 28 x 28 (HR) and {RESOLUTION} x {RESOLUTION} (LR)"
    plot_scatters(path, panels, shown.labels, title, (axis.format(1), axis.format(2)))

"""Scatters of digits 0 and 1 before and after training, after the paper's figures 2 to 4."""

from pathlib import Path

import numpy as np

from cshml_tf.model_folder import load_recogniser
from cshml_tf.plots import plot_scatters
from cshml_tf.toy.digits import Digits, features
from cshml_tf.toy.table import project
from cshml_tf.toy.ways import RESOLUTION, WAYS

_SHOWN = 300


def draw(path, output_dir, seed, ways, test):
    """Draw the unit features of some zeros and ones: HR, and LR from each network of a seed.

    Args:
        path: PNG file to write.
        output_dir: folder of `cshml_tf.toy.experiment.run_toy`.
        seed: whose networks.
        ways: keys of `cshml_tf.toy.ways.WAYS`, a panel each.
        test: `cshml_tf.toy.digits.Digits`.
    """
    rows = np.concatenate([np.flatnonzero(test.labels == digit)[:_SHOWN] for digit in (0, 1)])
    shown = Digits(test.pixels[rows], test.labels[rows])
    models = Path(output_dir) / "models"
    hr_recogniser = load_recogniser(models / f"hr_seed{seed}")
    names = ["LR, HR network", *(f"LR, {way.words}" for way in map(WAYS.get, ways))]
    recognisers = [hr_recogniser, *(load_recogniser(models / f"{name}_seed{seed}") for name in ways)]
    hr, lr = project(
        features(hr_recogniser, shown), [features(recogniser, shown, RESOLUTION) for recogniser in recognisers]
    )
    panels = {name: {"HR": hr, "LR": points} for name, points in zip(names, lr, strict=True)}
    kind = "features" if hr_recogniser.output_shape[-1] == 2 else "features on the two main axes of the HR ones"
    plot_scatters(path, panels, shown.labels, f"Digits 0 and 1: {kind}")

"""The toy's networks of one seed: an HR network under CosFace, and an LR network for each way.

Under equation 3 alone no classifier learns: LR digits are then told by the HR network's.
"""

from pathlib import Path
from typing import NamedTuple

import keras

from cshml_tf.model_folder import load_recogniser, read_classifier
from cshml_tf.toy.digits import accuracy
from cshml_tf.toy.ways import MARGIN, RESOLUTION, SCALE, WAYS
from cshml_tf.training.hr import train_hr
from cshml_tf.training.lr import train_lr
from cshml_tf.training.settings import HrSettings, LrSettings


class Outcome(NamedTuple):
    """Accuracies of one seed, 0..1.

    Attributes:
        hr: of the HR network on digits as they are.
        before: of the HR network on LR digits.
        after: dict of a way's name to the accuracy of its LR network on LR digits.
    """

    hr: float
    before: float
    after: dict


def run_toy(packed_dir, test, output_dir, seed, hr_options, lr_options, ways=tuple(WAYS), progress=True):
    """Train and measure the networks of one seed; finished ones are not trained again.

    Args:
        packed_dir: the digits to train on, packed.
        test: `cshml_tf.toy.digits.Digits`.
        output_dir: folder of models/ and logs/.
        seed: of every random decision.
        hr_options: dict of fields of `HrSettings` for the HR network, such as "max_steps" or "embedding_size".
        lr_options: dict of fields of `LrSettings` for each LR network.
        ways: keys of `WAYS`.
        progress: whether bars are shown.

    Returns:
        Outcome, or None where a signal stopped a training before its end.
    """
    common = {
        "data_dir": str(packed_dir),
        "models_base_dir": str(Path(output_dir) / "models"),
        "logs_base_dir": str(Path(output_dir) / "logs"),
        "scale": SCALE,
        "margin": MARGIN,
        "random_flip": False,
        "seed": seed,
        "cosine_decay": True,
    }
    network = {"model_def": "digit_cnn", "image_size": (28, 28), "standardisation": "symmetric"}
    hr_settings = HrSettings(
        **common | network | {"keep_probability": 1.0} | hr_options, run_name=f"hr_seed{seed}"
    )
    hr_run, outcome = train_hr(hr_settings, progress)
    if outcome is not None and not outcome.complete:
        return None
    start = {"pretrained_model": str(hr_run.model_dir), "resolution": (RESOLUTION,)}
    after = {}
    for name in ways:
        settings = LrSettings(**common | start | WAYS[name].settings | lr_options, run_name=f"{name}_seed{seed}")
        run, outcome = train_lr(settings, progress)
        if outcome is not None and not outcome.complete:
            return None
        after[name] = _accuracy(run.model_dir, test, RESOLUTION)
        keras.backend.clear_session()
    return Outcome(_accuracy(hr_run.model_dir, test), _accuracy(hr_run.model_dir, test, RESOLUTION), after)


def _accuracy(model_dir, test, resolution=None):
    centres, _ = read_classifier(model_dir)
    return accuracy(load_recogniser(model_dir), centres, test, resolution)

"""The toy's networks: an HR network, and LR networks under one loss each, with the HR network's batch or another.

The HR network is trained with CosFace at s 15 and m 0.1. Under equation 3 alone no classifier learns: LR digits
are then told by the HR network's.
"""

from pathlib import Path
from typing import NamedTuple

import keras

from cshml_tf.model_folder import load_recogniser, read_classifier
from cshml_tf.toy.digits import accuracy
from cshml_tf.training.hr import train_hr
from cshml_tf.training.lr import train_lr
from cshml_tf.training.settings import HrSettings, LrSettings

RESOLUTION = 3
SCALE, MARGIN = 15.0, 0.1


class Way(NamedTuple):
    """One way to train the LR network.

    Attributes:
        words: what it is, for a table.
        settings: dict of LrSettings's fields.
        published: the paper's accuracy on LR digits in %, or None where it gives none.
    """

    words: str
    settings: dict
    published: float | None


_EQ2 = {"contrastive_weight": 0.0, "multi_hierarchy_weight": 0.0}
_EQ3 = {"classifier_weight": 0.0, "multi_hierarchy_weight": 0.0}
WAYS = {
    "eq3_same": Way("Eq. 3, the HR network's batch", _EQ3, 66.92),
    "eq3_random": Way("Eq. 3, random batch", _EQ3 | {"pairing": "random"}, None),
    "eq2_random": Way("Eq. 2, random batch", _EQ2 | {"pairing": "random"}, 75.77),
    "eq2_same": Way("Eq. 2, the HR network's batch", _EQ2, 75.88),
}


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


def run_toy(packed_dir, test, output_dir, seed, steps=(1500, 1500), ways=tuple(WAYS), options=None, progress=True):
    """Train and measure the networks of one seed; finished ones are not trained again.

    Args:
        packed_dir: the digits to train on, packed.
        test: `cshml_tf.toy.digits.Digits`.
        output_dir: folder of models/ and logs/.
        seed: of every random decision.
        steps: of the HR network's training, and of each LR network's.
        ways: keys of `WAYS`.
        options: dict of what both trainings take besides, such as "batch_size" or "learning_rate".
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
    } | (options or {})
    network = {"model_def": "digit_cnn", "image_size": (28, 28), "standardisation": "symmetric"}
    own = {"embedding_size": common.pop("embedding_size", 2), "keep_probability": 1.0}
    hr_run, outcome = train_hr(
        HrSettings(**common | network | own, max_steps=steps[0], run_name=f"hr_seed{seed}"), progress
    )
    if outcome is not None and not outcome.complete:
        return None
    after = {}
    for name in ways:
        settings = LrSettings(
            **common | WAYS[name].settings,
            max_steps=steps[1],
            run_name=f"{name}_seed{seed}",
            pretrained_model=str(hr_run.model_dir),
            resolution=(RESOLUTION,),
        )
        run, outcome = train_lr(settings, progress)
        if outcome is not None and not outcome.complete:
            return None
        after[name] = _accuracy(run.model_dir, test, RESOLUTION)
        keras.backend.clear_session()
    return Outcome(_accuracy(hr_run.model_dir, test), _accuracy(hr_run.model_dir, test, RESOLUTION), after)


def _accuracy(model_dir, test, resolution=None):
    centres, _ = read_classifier(model_dir)
    return accuracy(load_recogniser(model_dir), centres, test, resolution)

"""The toy networks of one seed: an HR network under CosFace, and one LR network per loss and batch pairing.

Equation 3 by itself trains no classifier: its LR digits are classified with that of the HR network.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import keras

from cshml_tf.model_folder import load_recogniser, read_classifier
from cshml_tf.settings.training import HrSettings, LrSettings
from cshml_tf.toy.digits import Digits, accuracy
from cshml_tf.toy.ways import MARGIN, RESOLUTION, SCALE, WAYS
from cshml_tf.training.hr import train_hr
from cshml_tf.training.lr import train_lr


class Outcome(NamedTuple):
    """Accuracies for one seed, 0..1.

    Attributes:
        hr: accuracy of the HR network on undegraded digits.
        before: accuracy of the HR network on LR digits.
        after: accuracy of each LR network on LR digits, by its key in `WAYS`.
    """

    hr: float
    before: float
    after: dict[str, float]


def run_toy(
    packed_dir: str | Path,
    test: Digits,
    output_dir: str | Path,
    seed: int,
    hr_options: dict[str, Any],
    lr_options: dict[str, Any],
    ways: Iterable[str] = tuple(WAYS),
    progress: bool = True,
) -> Outcome | None:
    """Train and measure the networks of one seed; finished networks are not trained again.

    Args:
        packed_dir: packed folder of the digits to train on.
        test: digits to measure on.
        output_dir: folder of models/ and logs/.
        seed: seed of every random decision.
        hr_options: fields of `HrSettings` for the HR network, such as "max_steps" or "embedding_size".
        lr_options: fields of `LrSettings` for every LR network.
        ways: keys of `WAYS`.
        progress: whether to show progress bars.

    Returns:
        The accuracies, or None if a signal stopped a training early.
    """
    common: dict[str, Any] = {
        "data_dir": str(packed_dir),
        "models_base_dir": str(Path(output_dir) / "models"),
        "logs_base_dir": str(Path(output_dir) / "logs"),
        "scale": SCALE,
        "margin": MARGIN,
        "random_flip": False,
        "seed": seed,
        "cosine_decay": True,
    }
    network: dict[str, Any] = {
        "model_def": "digit_cnn",
        "image_size": (28, 28),
        "standardisation": "symmetric",
        "keep_probability": 1.0,
    }
    hr_settings = HrSettings(**common | network | hr_options, run_name=f"hr_seed{seed}")
    hr_run, outcome = train_hr(hr_settings, progress)
    if outcome is not None and not outcome.complete:
        return None
    start: dict[str, Any] = {"pretrained_model": str(hr_run.model_dir), "resolution": (RESOLUTION,)}
    after = {}
    for name in ways:
        settings = LrSettings(**common | start | WAYS[name].settings | lr_options, run_name=f"{name}_seed{seed}")
        run, outcome = train_lr(settings, progress)
        if outcome is not None and not outcome.complete:
            return None
        after[name] = _accuracy(run.model_dir, test, RESOLUTION)
        keras.backend.clear_session()
    return Outcome(_accuracy(hr_run.model_dir, test), _accuracy(hr_run.model_dir, test, RESOLUTION), after)


def _accuracy(model_dir: Path, test: Digits, resolution: int | None = None) -> float:
    centres, _ = read_classifier(model_dir)
    if centres is None:
        raise ValueError(f"{model_dir}: expected a model folder with a classifier, got one without")
    return accuracy(load_recogniser(model_dir), centres, test, resolution)

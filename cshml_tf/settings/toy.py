"""The options of the paper's toy experiment."""

import dataclasses
from pathlib import Path
from typing import ClassVar

from cshml_tf.settings.checks import LEARNING_RATE, POSITIVE
from cshml_tf.settings.choices import TOY_WAYS
from cshml_tf.settings.groups import SeedOptions
from cshml_tf.settings.option import REQUIRED, option
from cshml_tf.settings.places import file, output_folder


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToySettings(SeedOptions):
    """The options of `cshml-toy`."""

    TITLE: ClassVar[str] = "experiment"

    output_dir: Path = option(
        REQUIRED,
        "folder for models/, logs/, table.md and figure.png",
        positional="OUT_DIR",
        place=output_folder(),
    )
    mnist: Path | None = option(
        None,
        "MNIST in Keras's file format (default: Keras's own copy, downloaded on first use)",
        metavar="FILE.npz",
        place=file(),
    )
    ways: tuple[str, ...] = option(
        TOY_WAYS,
        "equation and batch of the LR networks: same: LR copies of the digits in the HR network's batch; "
        "random: LR copies of other digits",
        choices=TOY_WAYS,
        unique=True,
    )
    embedding_size: int = option(
        64, "length of an embedding; the figure shows embeddings of 2 without projection", check=POSITIVE
    )
    batch_size: int = option(128, "HR digits per step", check=POSITIVE)
    hr_steps: int = option(500, "training steps of the HR network", check=POSITIVE)
    lr_steps: int = option(300, "training steps of each LR network", check=POSITIVE)
    hr_learning_rate: float = option(
        0.05,
        "learning rate of the HR network at its start; it falls to 0 along half a cosine",
        check=LEARNING_RATE,
    )
    lr_learning_rate: float = option(
        0.01,
        "learning rate of each LR network at its start; it falls to 0 along half a cosine",
        check=LEARNING_RATE,
    )
    ceiling_epochs: int = option(
        15, "epochs over all digits for the classifier that sees only the nine pixels", check=POSITIVE
    )

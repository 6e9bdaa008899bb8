"""Groups of options that several commands share."""

import dataclasses
import os
from typing import ClassVar

from cshml_tf.degradation.resolution import parse_resolution, resolution_sides
from cshml_tf.settings.checks import (
    DECAY,
    FOLDER_NAME,
    MINUTES,
    MOST,
    POSITIVE,
    SCHEDULED_RATE,
    SEED,
    at_least,
    between,
)
from cshml_tf.settings.choices import AUGMENTED_ON, CROPS, DEGRADATIONS, OPTIMIZERS, STANDARDISATIONS, STRATEGIES
from cshml_tf.settings.option import REQUIRED, Settings, option
from cshml_tf.settings.places import FACES, file, output_folder

MOST_WORKERS = 128


def _processes() -> int:
    """Return the default number of processes: one per core that this process may use, eight at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 8)


def read_resolution(word: str) -> int | tuple[int, int]:
    """Read a resolution, "12" or "14x12" (height x width), for `Option.parse`."""
    try:
        height, width = resolution_sides(parse_resolution(word))
    except ValueError:
        raise ValueError(f"expected a number such as 12, or 14x12 (height x width), got {word!r}") from None
    return height if height == width else (height, width)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataOptions(Settings):
    """Where the faces to train on come from."""

    TITLE: ClassVar[str] = "data"

    data_dir: str = option(
        REQUIRED,
        "aligned faces to train on: a folder of class folders, a packed folder, or InsightFace's train.rec",
        metavar="FACES",
        place=FACES,
    )
    people: str | None = option(
        None,
        "file of the people to train on, LFW's people.txt or one name per line (default: everyone)",
        metavar="FILE",
        place=file(),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnreadableOptions(Settings):
    """What happens to images that cannot be read or are of another size."""

    TITLE: ClassVar[str] = "data"

    check_images: bool = option(
        False,
        "read every image before training begins, and name all that cannot be read; an interrupted check goes on "
        "where it stopped, and what was checked is not read again",
        continues=True,
    )
    skip_unreadable: int = option(
        0,
        "pass over up to this many unreadable images; another face stands in for each, of the same person if "
        "possible, and the last line and history.csv count them; more end training, as one does by default, and "
        "as one without a name always does",
        metavar="N",
        check=at_least(0),
        continues=True,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimisationOptions(Settings):
    """Steps, learning rate, optimiser, regularisation and augmentation."""

    TITLE: ClassVar[str] = "optimisation"

    batch_size: int = option(90, "HR faces per step, over all devices", check=POSITIVE)
    epoch_size: int = option(1000, "steps per epoch, the unit of schedules and of validation", check=POSITIVE)
    max_nrof_epochs: int | None = option(
        None,
        "stop after this many epochs, if --max_steps is not reached first (default: no limit)",
        check=POSITIVE,
    )
    max_steps: int = option(140_000, "steps after which training ends", check=POSITIVE)
    max_minutes: float | None = option(
        None,
        "stop after this many minutes; to resume, repeat the command with the same --run_name (default: no limit)",
        check=MINUTES,
        continues=True,
    )
    optimizer: str = option("MOM", "optimiser; MOM is SGD with momentum 0.9", choices=OPTIMIZERS)
    learning_rate: float = option(
        -1.0, "constant learning rate, or -1 to follow the schedule", check=SCHEDULED_RATE
    )
    cosine_decay: bool = option(
        False, "lower the constant learning rate to 0 by the last step, along half a cosine"
    )
    learning_rate_schedule_file: str | None = option(
        None,
        "schedule, with lines 'epoch: rate'; a rate of -1 ends training (default: the paper's, "
        "0: 0.1, 30: 0.01, 70: 0.001, 120: 0.0001)",
        metavar="FILE",
        place=file(),
    )
    weight_decay: float = option(
        5e-4, "factor of the L2 penalty on kernels and classifier weights", check=between(0, MOST)
    )
    moving_average_decay: float = option(
        0.0,
        "decay of a moving average of the weights, which is saved in their place; FaceNet uses 0.9999, and 0 "
        "keeps no average",
        check=DECAY,
    )
    random_flip: bool = option(
        True, "do not mirror faces (by default, half of them are mirrored, chosen at random)", batch="flip"
    )
    random_shift: int = option(
        0,
        "shift each face at random by up to this many pixels vertically and horizontally, and its low-resolution "
        "copy with it",
        metavar="PIXELS",
        check=at_least(0),
        batch="shift",
        changes_hr=True,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeviceOptions(Settings):
    """Which devices train, and in what precision."""

    TITLE: ClassVar[str] = "devices"

    strategy: str = option(
        "auto",
        "devices to train on; one: a single device; mirrored: one replica per GPU; auto: mirrored if there are "
        "several GPUs, otherwise one; multi_worker: all devices of several processes, which run the same command "
        "and find each other by TF_CONFIG, JAX's or Slurm's variables",
        choices=STRATEGIES,
    )
    replicas: int | None = option(
        None,
        "number of replicas for --strategy mirrored; without a GPU, they share the CPU (default: one per GPU)",
        check=POSITIVE,
    )
    mixed_precision: bool = option(False, "compute the backbone in bfloat16; weights stay float32")
    augment_on: str = option(
        "auto",
        "where faces are mirrored, shifted, mixed and reduced; host: in the input pipeline; device: in the "
        "training step, so that only 8-bit faces travel; auto: device if there is a GPU, otherwise host",
        choices=AUGMENTED_ON,
        continues=True,
    )
    xla: bool = option(
        False,
        "let XLA compile the whole training step on TensorFlow, which takes a single device; JAX always does",
        continues=True,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoggingOptions(Settings):
    """History and checkpoints."""

    TITLE: ClassVar[str] = "logging and checkpoints"

    log_every: int = option(10, "steps between two lines of history.csv", check=POSITIVE)
    checkpoint_steps: int | None = option(
        None, "steps between two checkpoints (default: an epoch)", check=POSITIVE
    )
    checkpoint_minutes: float = option(
        10.0, "longest time between two checkpoints, in minutes", check=MINUTES, continues=True
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions(Settings):
    """What distinguishes one run from another: its folders and its seed."""

    TITLE: ClassVar[str] = "run"

    models_base_dir: str = option(
        "models",
        "folder in which the model folder is made",
        metavar="DIR",
        continues=True,
        place=output_folder(),
    )
    logs_base_dir: str = option(
        "logs",
        "folder for the run's logs: history, TensorBoard events and LFW results",
        metavar="DIR",
        place=output_folder(),
        continues=True,
    )
    run_name: str | None = option(
        None,
        "name of the run's model folder and log folder; the same command with the same name resumes the run "
        "(default: the current time)",
        metavar="NAME",
        check=FOLDER_NAME,
        continues=True,
    )
    seed: int = option(666, "seed of every random decision", check=SEED)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DegradationOptions(Settings):
    """How faces are reduced to a low resolution."""

    TITLE: ClassVar[str] = "LR network"

    degradation: str = option(
        "antialias",
        "how faces are reduced: by antialiased bicubic interpolation, or plain; or by a simulated camera, which "
        "blurs, adds noise and compresses, of severity 1 to 5, or with camera alone of one drawn for each face, "
        "while half of the faces stay antialiased",
        choices=DEGRADATIONS,
        batch="mode",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class StandardisationOptions(Settings):
    """How a network scales pixels."""

    TITLE: ClassVar[str] = "network"

    standardisation: str | None = option(
        None,
        "scaling of pixels before the network: per_image uses each image's own mean and standard deviation, fixed "
        "is (x - 127.5) / 128, symmetric is (x - 127.5) / 127.5, none leaves pixels unscaled",
        choices=STANDARDISATIONS,
        otherwise="per_image",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class StemOptions(Settings):
    """The one difference between FaceNet's network and the paper's."""

    TITLE: ClassVar[str] = "network"

    stem_pool_stride: int | None = option(
        None,
        "stride of the stem's pool in inception_resnet_v1: 1 in the paper, 2 in FaceNet (default: 1)",
        choices=(1, 2),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageSizeOptions(Settings):
    """The size of aligned faces."""

    TITLE: ClassVar[str] = "pictures"

    image_size: tuple[int, int] = option(
        (112, 96), "height and width of aligned faces, in pixels", metavar=("H", "W"), check=at_least(1)
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CropOptions(Settings):
    """How a face is cut out of a photograph."""

    TITLE: ClassVar[str] = "crops"

    crop: str = option(
        "landmarks",
        "how faces are cropped: landmarks warps the face onto a template, box cuts out the detector's box as "
        "FaceNet does",
        choices=CROPS,
        formerly=("template",),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorkerOptions(Settings):
    """The number of processes."""

    TITLE: ClassVar[str] = "running"

    workers: int = option(_processes(), "number of processes", check=between(1, MOST_WORKERS))


@dataclasses.dataclass(frozen=True, kw_only=True)
class SeedOptions(Settings):
    """The seeds of repeated experiments."""

    TITLE: ClassVar[str] = "seeds"

    seeds: tuple[int, ...] = option((1, 2, 3, 4, 5), "seeds of every random decision", check=SEED, unique=True)

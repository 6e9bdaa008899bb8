"""Every setting of a training run, under FaceNet's name if FaceNet has the same setting."""

import dataclasses
from typing import Any, ClassVar

from cshml_tf.backbones import options_of_network
from cshml_tf.degradation.degrade import DRAWN
from cshml_tf.degradation.resolution import expand_range
from cshml_tf.settings.augmentation import check_augmentation
from cshml_tf.settings.checks import POSITIVE, above, between
from cshml_tf.settings.choices import MODELS
from cshml_tf.settings.groups import (
    DataOptions,
    DegradationOptions,
    DeviceOptions,
    ImageSizeOptions,
    LoggingOptions,
    OptimisationOptions,
    RunOptions,
    StandardisationOptions,
    StemOptions,
    UnreadableOptions,
    read_resolution,
)
from cshml_tf.settings.losses import CosFaceOptions, LossSettings
from cshml_tf.settings.lr_copies import LrCopyOptions, check_resolutions
from cshml_tf.settings.measuring import ComparisonOptions, PairListOptions
from cshml_tf.settings.option import REQUIRED, Settings, fields_in_order, option, options_of, require, varied
from cshml_tf.settings.pairs import PairOptions, check_pairs
from cshml_tf.settings.places import HR_MODEL, LR_MODEL
from cshml_tf.settings.teacher_cache import TeacherCacheOptions, check_teacher_cache
from cshml_tf.settings.unlabelled import UnlabelledOptions, check_unlabelled


@dataclasses.dataclass(frozen=True, kw_only=True)
class ValidationOptions(ComparisonOptions):
    """Validation on LFW while a network trains."""

    TITLE: ClassVar[str] = "validation"

    lfw_dir: str | None = varied(
        PairListOptions,
        "lfw_dir",
        default=None,
        help="aligned LFW to validate on, class folders or packed; needs --lfw_pairs (default: no validation)",
        group=TITLE,
    )
    lfw_pairs: str | None = varied(
        PairListOptions,
        "lfw_pairs",
        default=None,
        help="list of the pairs in --lfw_dir, such as pairs.txt",
        group=TITLE,
    )
    validate_every_n_epochs: int = option(1, "epochs between two validations", check=POSITIVE, of_test=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSettings(
    DataOptions,
    UnreadableOptions,
    OptimisationOptions,
    CosFaceOptions,
    DeviceOptions,
    RunOptions,
    LoggingOptions,
    ValidationOptions,
):
    """The settings shared by the training of HR and of LR networks; see the groups for the fields."""

    def __post_init__(self) -> None:
        """Refuse values that no run can have."""
        super().__post_init__()
        both_or_neither = (self.lfw_dir is None) == (self.lfw_pairs is None)
        require(both_or_neither, "{lfw_dir} and {lfw_pairs}: expected both or neither, got one of them")
        check_optimisation(self)
        check_augmentation(self)

    @property
    def rows_per_step(self) -> int:
        """The rows of a batch, over all devices."""
        return self.batch_size

    @property
    def last_step(self) -> int:
        """The step at which the run ends, unless its schedule ends it earlier."""
        epochs = self.max_nrof_epochs
        return self.max_steps if epochs is None else min(self.max_steps, epochs * self.epoch_size)

    def batch_options(self) -> dict[str, Any]:
        """Return the options that concern batches, as arguments of `cshml_tf.data.batches`."""
        return {about.batch: getattr(self, name) for name, about in options_of(type(self)).items() if about.batch}


def check_optimisation(settings: Any) -> None:
    """Refuse options of optimisation and devices that cannot be combined.

    Raises:
        OptionError: two of them cannot be combined; the message names both.
    """
    require(
        settings.learning_rate == -1 or settings.learning_rate_schedule_file is None,
        "{learning_rate_schedule_file}: expected {learning_rate} -1, got %s",
        settings.learning_rate,
    )
    require(
        settings.learning_rate > 0 or not settings.cosine_decay,
        "{cosine_decay}: expected a positive {learning_rate}, got %s",
        settings.learning_rate,
    )
    require(
        settings.strategy != "multi_worker" or getattr(settings, "cache_teacher", None) is None,
        "{cache_teacher}: cannot be combined with {strategy} multi_worker, whose workers would all write it; "
        "got %s",
        getattr(settings, "cache_teacher", None),
    )
    require(
        settings.replicas is None or settings.strategy == "mirrored",
        "{replicas}: expected {strategy} mirrored, got %s",
        settings.strategy,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PretrainedOptions(Settings):
    """The network that training starts from."""

    TITLE: ClassVar[str] = "network"

    pretrained_model: str | None = option(
        None,
        "model folder of an HR network to start from, instead of a new network",
        metavar="DIR",
        place=HR_MODEL,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArchitectureOptions(Settings):
    """Which network is built."""

    TITLE: ClassVar[str] = "network"

    model_def: str | None = option(None, "architecture of the network", choices=MODELS, otherwise=MODELS[0])


@dataclasses.dataclass(frozen=True, kw_only=True)
class NewNetworkOptions(ArchitectureOptions, ImageSizeOptions, StandardisationOptions, StemOptions):
    """A new network; these options cannot be combined with a pretrained network, which has its own."""

    TITLE: ClassVar[str] = "network"

    image_size: tuple[int, int] | None = varied(
        ImageSizeOptions,
        "image_size",
        default=None,
        help="height and width of the aligned faces, in pixels",
        otherwise=(112, 96),
        group=TITLE,
    )
    embedding_size: int | None = option(None, "length of an embedding", check=POSITIVE, otherwise=512)
    width: int | None = option(
        None,
        "channels of the first stage of small_resnet or digit_cnn (default: the architecture's own)",
        check=POSITIVE,
    )
    depth: int | None = option(
        None,
        "layers of resnet (4, 10, 20, 36 or 64) or lightcnn (9 or 29) (default: the architecture's own)",
        check=POSITIVE,
    )
    batch_norm: bool | None = option(
        None,
        "turn batch norm of resnet, lightcnn or squeezenet on or off; without it, they need a lower learning rate "
        "than that at the start of the default schedule (default: off, as in their papers)",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DropoutOptions(Settings):
    """Dropout before the embedding."""

    TITLE: ClassVar[str] = "network"

    keep_probability: float = option(0.8, "1 minus the dropout rate", metavar="SHARE", check=above(0, up_to=1))


@dataclasses.dataclass(frozen=True, kw_only=True)
class HrSettings(PretrainedOptions, NewNetworkOptions, DropoutOptions, LrCopyOptions, RunSettings):
    """The settings of an HR network's training.

    Options of a new network that are None are filled in, unless `pretrained_model` is given, which brings its own.
    """

    # The options that only some architectures have; None is not passed on.
    NETWORK_OPTIONS: ClassVar[tuple[str, ...]] = ("stem_pool_stride", "width", "depth", "batch_norm")

    def __post_init__(self) -> None:
        """Fill in the defaults of a new network; refuse values that no HR network can have."""
        for name in (field.name for field in fields_in_order(NewNetworkOptions)):
            given, otherwise = getattr(self, name), options_of(type(self))[name].otherwise
            if self.pretrained_model is None and given is None:
                object.__setattr__(self, name, otherwise)
            require(
                self.pretrained_model is None or given is None,
                f"{{{name}}}: cannot be combined with {{pretrained_model}}, which has its own; got %s",
                given,
            )
        super().__post_init__()
        check_resolutions("resolutions", self.resolutions)
        known = () if self.model_def is None else options_of_network(self.model_def)
        for name in self.NETWORK_OPTIONS:
            given = getattr(self, name)
            require(
                given is None or name in known,
                f"{{{name}}}: expected a {{model_def}} that has this option, got %s",
                self.model_def,
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LrNetworkOptions(DegradationOptions):
    """How LR faces are made, and where the LR network and the classifier start."""

    TITLE: ClassVar[str] = "LR network"

    pretrained_lr_model: str | None = option(
        None,
        "model folder of an LR network to start from, for example one for another resolution or other people "
        "(default: a copy of the HR network)",
        metavar="DIR",
        place=LR_MODEL,
        formerly=("lr_model",),
    )
    degrade_on_device: bool = option(False, "reduce faces in the network's first layer, not in the input pipeline")
    crop_jitter: float = option(
        0.0,
        "standard deviation of an error of the LR face's crop, as a share of its side, 0 to 0.2: it is moved, "
        "scaled and turned by this much, the HR face is not",
        metavar="SHARE",
        check=between(0, 0.2),
        batch="jitter",
    )
    new_classifier: bool = option(
        False,
        "initialise the classifier weights W from class-mean HR embeddings even if the pretrained network has a "
        "classifier; needed if the training data show people other than those it was trained on",
    )
    keep_probability: float = varied(
        DropoutOptions,
        "keep_probability",
        default=1.0,
        help="1 minus the dropout rate of the LR network",
        group=TITLE,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LrStartOptions(PretrainedOptions):
    """The HR network that an LR network starts from, and the resolutions that it is for."""

    TITLE: ClassVar[str] = "network and resolution"

    pretrained_model: str = varied(
        PretrainedOptions, "pretrained_model", default=REQUIRED, help="model folder of the HR network", group=TITLE
    )
    resolution: tuple[int | tuple[int, int], ...] = option(
        REQUIRED,
        "resolution to train for: 12 for 12 x 12 pixels, or HEIGHTxWIDTH such as 14x12; if several are "
        "given, or a range such as 6-28, one network is trained for all of them",
        metavar="R",
        parse=read_resolution,
        expand=expand_range,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LrSettings(
    LrStartOptions,
    LossSettings,
    PairOptions,
    LrNetworkOptions,
    TeacherCacheOptions,
    UnlabelledOptions,
    RunSettings,
):
    """The settings of an LR network's training: equation 6, and how LR faces and pairs are made."""

    def __post_init__(self) -> None:
        """Refuse values that no LR network can have."""
        super().__post_init__()
        check_pairs(self)
        check_teacher_cache(self)
        check_unlabelled(self)
        require(
            bool(self.weights),
            "the weights of equation 6: expected at least one above 0, got 0 for all of them",
        )
        require(
            not self.mixup or set(self.weights) != {"classifier"},
            "{mixup}: expected equation 3 or 5 as well, because equation 2 learns nothing from mixed pairs; got "
            "{contrastive_weight} 0 and {multi_hierarchy_weight} 0",
        )
        require(len(self.resolution) > 0, "{resolution}: expected at least one, got none")
        check_resolutions("resolution", self.resolution)
        require(
            not self.degrade_on_device or self.degradation not in DRAWN,
            "{degrade_on_device}: cannot be combined with {degradation} %s, which is simulated before the network",
            self.degradation,
        )

    @property
    def rows_per_step(self) -> int:
        """The pairs of a batch, those of faces without names among them."""
        return self.batch_size + (self.unlabelled_batch_size if self.unlabelled_dir else 0)

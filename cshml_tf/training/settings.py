"""Every setting of a run, in one frozen object that is saved as JSON beside what it made."""

import dataclasses
import math

from cshml_tf.data.pairing import check_mixup, moved_pairs
from cshml_tf.degradation.resolution import resolution_sides
from cshml_tf.network import LossSettings


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What the HR and the LR network's training have in common; names are FaceNet's where it has them.

    Attributes:
        data_dir: folder of class folders of aligned faces, or packed.
        people: file that restricts the class folders, or None.
        logs_base_dir: where the run's folder of logs is made.
        models_base_dir: where the run's model folder is made.
        run_name: name of both folders; None takes the time.
        pretrained_model: model folder to start from, or None.
        batch_size: HR images a step, over all replicas; the LR network sees as many pairs.
        epoch_size: steps an epoch.
        max_nrof_epochs: last epoch, or None.
        max_steps: last step.
        max_minutes: time after which this call stops; the same call again goes on. None has no limit.
        optimizer: a key of `cshml_tf.training.optimizers.OPTIMIZERS`.
        learning_rate: constant, or -1 for the schedule.
        cosine_decay: whether a positive learning rate falls to 0 by the last step, along a cosine.
        learning_rate_schedule_file: file of FaceNet's form, or None for the paper's schedule.
        weight_decay: factor of the L2 penalty on kernels and W.
        moving_average_decay: decay of the average of the weights, 0 for none.
        random_flip: whether half of the faces are mirrored.
        random_shift: by how many pixels faces are moved at most, either way.
        seed: of every random decision.
        scale: s of equation 2.
        margin: m of equation 2.
        strategy: "auto", "one" or "mirrored".
        replicas: number of replicas, or None for all.
        mixed_precision: whether the backbone computes in bfloat16.
        log_every: steps between two lines of the history.
        checkpoint_steps: steps between two checkpoints, or None for an epoch.
        checkpoint_minutes: minutes after which a checkpoint is due in any case.
        lfw_dir: aligned LFW to validate on, class folders or packed, or None.
        lfw_pairs: its pairs file.
        lfw_batch_size: images embedded at a time.
        lfw_use_flipped_images: whether embeddings are averaged with the mirror image's.
        lfw_subtract_mean: whether the other folds' mean embedding is subtracted.
        validate_every_n_epochs: epochs between two validations.
    """

    data_dir: str
    people: str | None = None
    logs_base_dir: str = "logs"
    models_base_dir: str = "models"
    run_name: str | None = None
    pretrained_model: str | None = None
    batch_size: int = 90
    epoch_size: int = 1000
    max_nrof_epochs: int | None = None
    max_steps: int = 140_000
    max_minutes: float | None = None
    optimizer: str = "MOM"
    learning_rate: float = -1.0
    cosine_decay: bool = False
    learning_rate_schedule_file: str | None = None
    weight_decay: float = 5e-4
    moving_average_decay: float = 0.0
    random_flip: bool = True
    random_shift: int = 0
    seed: int = 666
    scale: float = LossSettings.scale
    margin: float = LossSettings.margin
    strategy: str = "auto"
    replicas: int | None = None
    mixed_precision: bool = False
    log_every: int = 10
    checkpoint_steps: int | None = None
    checkpoint_minutes: float = 10.0
    lfw_dir: str | None = None
    lfw_pairs: str | None = None
    lfw_batch_size: int = 32
    lfw_use_flipped_images: bool = False
    lfw_subtract_mean: bool = False
    validate_every_n_epochs: int = 1

    # What may differ when the same run is continued: it changes when a call stops, never what it computes.
    # An unnamed run is continued by its folder's name, and a run's folders may be moved.
    CONTINUATION = ("max_minutes", "checkpoint_minutes", "run_name", "models_base_dir", "logs_base_dir")

    def __post_init__(self):
        """Refuse numbers that no run can have."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            _check(not isinstance(value, float) or math.isfinite(value), field.name, "a finite number", value)
        positive = ("batch_size", "epoch_size", "max_steps", "log_every", "lfw_batch_size")
        positive += ("validate_every_n_epochs", "scale", "checkpoint_minutes")
        optional = ("max_nrof_epochs", "max_minutes", "checkpoint_steps", "replicas")
        for name in positive + tuple(name for name in optional if getattr(self, name) is not None):
            _check(getattr(self, name) > 0, name, "a positive number", getattr(self, name))
        for name in ("weight_decay", "margin", "seed", "random_shift"):
            _check(getattr(self, name) >= 0, name, "0 or more", getattr(self, name))
        _check(self.seed < 2**32, "seed", "below 2 to the power of 32", self.seed)
        _check(self.margin <= 2, "margin", "up to 2, the width of a cosine", self.margin)
        decay = self.moving_average_decay
        _check(0 <= decay < 1, "moving_average_decay", "0 to below 1", decay)
        _check(
            (self.lfw_dir is None) == (self.lfw_pairs is None),
            "lfw_dir and lfw_pairs",
            "both or neither",
            "one",
        )
        _check(
            self.learning_rate == -1 or self.learning_rate_schedule_file is None,
            "learning_rate_schedule_file",
            "learning_rate -1 beside it",
            self.learning_rate,
        )
        _check(
            self.learning_rate > 0 or not self.cosine_decay,
            "cosine_decay",
            "a positive learning_rate beside it",
            self.learning_rate,
        )
        _check(
            self.replicas is None or self.strategy == "mirrored",
            "replicas",
            "strategy mirrored beside it",
            self.strategy,
        )
        name = self.run_name
        is_name = name is None or (name not in ("", ".", "..") and not set(name) & set("/\\\0"))
        _check(is_name, "run_name", "the name of a folder, without a path", name)

    @property
    def last_step(self):
        """The step at which the run ends, unless its schedule ends it before."""
        epochs = self.max_nrof_epochs
        return self.max_steps if epochs is None else min(self.max_steps, epochs * self.epoch_size)

    def as_json(self):
        """Give the settings as a dict of JSON's types."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class HrSettings(RunSettings):
    """The HR network's own settings; all but the last keep to None beside `pretrained_model`.

    Attributes:
        model_def: a key of `cshml_tf.backbones.BACKBONES`.
        image_size: (height, width).
        embedding_size: E.
        stem_pool_stride: of inception_resnet_v1: 1 as in the paper, 2 as in FaceNet; None for the network's own.
        width: channels of the first stage of small_resnet or digit_cnn; None for the network's own.
        depth: layers of resnet or lightcnn; None for the network's own.
        batch_norm: whether resnet, lightcnn or squeezenet has batch norm; None for the network's own.
        standardisation: a mode of `cshml_tf.layers.Standardise`.
        keep_probability: 1 - dropout.
    """

    model_def: str | None = None
    image_size: tuple | None = None
    embedding_size: int | None = None
    keep_probability: float = 0.8
    stem_pool_stride: int | None = None
    width: int | None = None
    depth: int | None = None
    batch_norm: bool | None = None
    standardisation: str | None = None

    # A new network's; one that is given brings its own.
    NEW_NETWORK = {
        "model_def": "inception_resnet_v1",
        "image_size": (112, 96),
        "embedding_size": 512,
        "standardisation": "per_image",
    }
    # What some networks take besides.
    NETWORK_OPTIONS = ("stem_pool_stride", "width", "depth", "batch_norm")

    def __post_init__(self):
        """Fill in the defaults of a new network; refuse what no HR network can have."""
        super().__post_init__()
        for name in (*self.NEW_NETWORK, *self.NETWORK_OPTIONS):
            given = getattr(self, name)
            if self.pretrained_model is None and given is None:
                object.__setattr__(self, name, self.NEW_NETWORK.get(name))
            _check(self.pretrained_model is None or given is None, name, "none beside pretrained_model", given)
        _check(0 < self.keep_probability <= 1, "keep_probability", "above 0, up to 1", self.keep_probability)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LrSettings(RunSettings):
    """The LR network's own settings: equation 6, and how LR pictures and pairs are made.

    Attributes:
        resolution: tuple of r or (h, w), one LR network for all of them.
        degradation: "antialias" or "plain".
        degrade_on_device: whether the network, not the pipeline, degrades.
        classifier_weight: of equation 2.
        contrastive_weight: lambda.
        multi_hierarchy_weight: beta.
        alpha: least squared distance of two people.
        tap: feature map of equation 5; None is the network's own default.
        pool_size: side of its pool, None for the whole map.
        pairing: one of `cshml_tf.data.pairing.PAIRINGS`.
        negative_share: share of pairs of two people, 0..1.
        mixup: share of pairs whose faces are mixed with others', 0..1.
        new_classifier: whether W starts at the class means although a network given has one.
        lr_model: model folder of an LR network to start from, instead of the HR network's clone, or None.
        keep_probability: of the LR network, 1 - dropout.
    """

    resolution: tuple = ()
    degradation: str = "antialias"
    degrade_on_device: bool = False
    classifier_weight: float = LossSettings.classifier_weight
    contrastive_weight: float = LossSettings.contrastive_weight
    multi_hierarchy_weight: float = LossSettings.multi_hierarchy_weight
    alpha: float = LossSettings.alpha
    tap: str | None = LossSettings.tap
    pool_size: int | None = LossSettings.pool_size
    pairing: str = "same_image"
    negative_share: float = 0.0
    mixup: float = 0.0
    new_classifier: bool = False
    lr_model: str | None = None
    keep_probability: float = 1.0

    def __post_init__(self):
        """Refuse numbers that no LR network can have."""
        super().__post_init__()
        weights = (self.classifier_weight, self.contrastive_weight, self.multi_hierarchy_weight)
        _check(
            min(weights) >= 0 and max(weights) > 0,
            "the weights of equation 6",
            "0 or more, one above 0",
            weights,
        )
        moved_pairs(self.pairing, self.negative_share, self.batch_size)
        check_mixup(self.mixup, self.pairing, self.negative_share, self.batch_size)
        _check(
            not self.mixup or max(weights[1:]) > 0,
            "mixup",
            "equation 3 or 5 beside it, for equation 2 learns nothing from mixtures",
            "weights of 0",
        )
        _check(len(self.resolution) > 0, "resolution", "at least one", "none")
        sides = [resolution_sides(resolution) for resolution in self.resolution]
        _check(len(set(sides)) == len(sides), "resolution", "each once", self.resolution)
        _check(0 <= self.alpha <= 4, "alpha", "0 to 4, squared distances of unit vectors", self.alpha)
        _check(0 < self.keep_probability <= 1, "keep_probability", "above 0, up to 1", self.keep_probability)

    def losses(self):
        """Give the settings of equation 6."""
        names = {field.name for field in dataclasses.fields(LossSettings)}
        return LossSettings(**{name: getattr(self, name) for name in names})


def _check(holds, name, expected, got):
    if not holds:
        raise ValueError(f"{name}: expected {expected}, got {got}")

"""The options of fitting joint Bayesian classifiers."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cshml_tf.settings.checks import MOST, POSITIVE, Check, between
from cshml_tf.settings.evaluation import ResolutionsOptions
from cshml_tf.settings.groups import DataOptions, DegradationOptions
from cshml_tf.settings.measuring import EmbeddingOptions, ModelOptions
from cshml_tf.settings.option import REQUIRED, Settings, option, options_of, require, varied
from cshml_tf.settings.places import output_file

if TYPE_CHECKING:
    from cshml_tf.metrics.joint_bayesian import Fit

_NPZ = Check("the name of a file that ends in .npz", lambda path: Path(path).suffix == ".npz")


@dataclasses.dataclass(frozen=True, kw_only=True)
class JointBayesianOptions(Settings):
    """How the classifier is fitted."""

    TITLE: ClassVar[str] = "joint Bayesian classifier; its sources state none of these values"

    hjb_dimensions: int | None = option(
        None,
        "principal directions of the embeddings to keep (default: all that the training embeddings span)",
        check=POSITIVE,
    )
    hjb_ridge: float = option(
        0.1,
        "variance added to every direction of the covariance of people's means, as a share of the embeddings' "
        "mean variance",
        check=between(0, MOST),
    )
    hjb_noise_ridge: float | None = option(
        None,
        "the same of the covariances around the means, which are too small if the LR network was trained on these "
        "people (default: that of --hjb_ridge)",
        check=between(0, MOST),
    )
    hjb_one_mean: bool = option(
        False, "give each person one mean for HR and LR embeddings, instead of two that are correlated"
    )
    hjb_one_noise: bool = option(
        False,
        "give HR and LR embeddings one covariance around a person's mean; with --hjb_one_mean, this is the joint "
        "Bayesian classifier of embeddings of one kind",
    )
    hjb_iterations: int = option(100, "most iterations of the expectation maximisation", check=POSITIVE)

    @property
    def fit(self) -> "Fit":
        """How to fit, as `cshml_tf.metrics.joint_bayesian` takes it."""
        from cshml_tf.metrics.joint_bayesian import Fit

        return Fit(
            self.hjb_dimensions,
            self.hjb_ridge,
            self.hjb_noise_ridge,
            self.hjb_one_mean,
            self.hjb_one_noise,
            self.hjb_iterations,
        )


@contextlib.contextmanager
def fit_options_in_errors() -> Iterator[None]:
    """Name the fit's fields as the user types them: "dimensions: expected ..." begins with --hjb_dimensions."""
    try:
        yield
    except ValueError as error:
        name, colon, rest = str(error).partition(": ")
        flag = f"hjb_{name}"
        if flag not in options_of(JointBayesianOptions):
            raise
        raise ValueError(f"--{flag}{colon}{rest}") from None


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitHjbSettings(DataOptions, ModelOptions, ResolutionsOptions, JointBayesianOptions, EmbeddingOptions):
    """The options of `cshml-fit-hjb`."""

    data_dir: str = varied(
        DataOptions,
        "data_dir",
        help="aligned faces to fit on: a folder of class folders, a packed folder, or InsightFace's train.rec",
    )
    people: str | None = varied(
        DataOptions,
        "people",
        help="file of the people to fit on, LFW's people.txt or one name per line (default: everyone)",
    )
    lr_model: tuple[Path, ...] = varied(
        ModelOptions, "lr_model", help="model folders of the LR networks, one or more; required"
    )
    degradation: str | None = varied(
        DegradationOptions,
        "degradation",
        default=None,
        help="how faces are reduced (default: as in each LR network's training)",
        group=ResolutionsOptions.TITLE,
    )
    hjb_ridge: float = varied(JointBayesianOptions, "hjb_ridge", default=0.01)
    hjb_noise_ridge: float | None = varied(
        JointBayesianOptions,
        "hjb_noise_ridge",
        default=0.2,
        help="the same of the covariances around the means, which are too small if the LR network was trained on "
        "these people",
    )
    output: Path = option(
        REQUIRED,
        "file to write, for --hjb of evaluate_lfw.py; it contains the names of the people",
        metavar="FILE.npz",
        check=_NPZ,
        place=output_file(is_apart=True),
        group="output",
    )

    def __post_init__(self) -> None:
        """Refuse a call without an LR network."""
        super().__post_init__()
        require(bool(self.lr_model), "{lr_model}: expected at least one LR network, got none")

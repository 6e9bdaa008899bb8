"""The command line that a settings class gives: flags, help, warnings and one-line errors."""

import dataclasses
from pathlib import Path
from typing import ClassVar

import pytest

from cshml_tf import __version__
from cshml_tf.settings.ablation import AblationSettings
from cshml_tf.settings.checks import POSITIVE
from cshml_tf.settings.evaluation import LfwSettings, TinyFaceSettings
from cshml_tf.settings.losses import read_pool_size
from cshml_tf.settings.models import ImportSettings
from cshml_tf.settings.option import REQUIRED, Settings, option, require
from cshml_tf.settings.parser import flags_in_errors, make_parser, read_settings
from cshml_tf.settings.training import HrSettings, LrSettings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example(Settings):
    TITLE: ClassVar[str] = "example"

    where: Path = option(REQUIRED, "a place", positional="WHERE")
    steps: int = option(3, "steps, 100 % of them", check=POSITIVE, formerly=("max_steps",))
    weight: float = option(1.0, "a weight", flag="lambda")
    mirror: bool = option(True, "mirror nothing")
    fast: bool = option(False, "be fast", formerly=("quick",))
    norm: bool | None = option(None, "norm or no norm")
    model: str | None = option(None, "a model", choices=("a", "b"), otherwise="a")
    pool: int | None = option(2, "a pool", parse=read_pool_size)
    rates: tuple[float, ...] = option((0.5, 1e-3), "rates", metavar="RATE")
    size: tuple[int, int] = option((4, 3), "a size", metavar=("H", "W"))
    more: tuple[str, ...] = option((), "more", many="extend")
    each: tuple[str, ...] = option((), "each", many="repeat")
    none: tuple[str, ...] = option(("x",), "any number", many="any")
    idle: int = option(0, "idle", idle=lambda settings: None if settings.fast else "has no effect without --fast")

    def __post_init__(self):
        super().__post_init__()
        require(
            not self.fast or self.steps < 10, "{fast}: cannot be combined with {steps} above 9, got %s", self.steps
        )


def read(*words):
    return read_settings(Example, ["here", *words], "An example.")


def refusal(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        read(*words)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and captured.out == ""
    return captured.err.removesuffix(" (--help lists the arguments)\n")


def test_defaults_and_words():
    assert read() == Example(where=Path("here"))
    words = "--steps 5 --lambda 2 --no_mirror --fast --model b --pool global --rates 1 2 3 --size 7 8"
    read_back = read(*words.split(), *"--more a b --more c --each a --each b --none".split())
    assert read_back == Example(
        where=Path("here"),
        steps=5,
        weight=2.0,
        mirror=False,
        fast=True,
        model="b",
        pool=None,
        rates=(1.0, 2.0, 3.0),
        size=(7, 8),
        more=("a", "b", "c"),
        each=("a", "b"),
        none=(),
    )


def test_switches():
    assert read("--mirror").mirror and not read("--no_mirror").mirror
    assert [read(*words).norm for words in ([], ["--norm"], ["--no_norm"])] == [None, True, False]


@pytest.mark.parametrize(
    "words, message",
    [
        ("--steps many", "error: --steps: expected a whole number, got 'many'"),
        ("--steps 0", "error: --steps: expected a positive number, got 0"),
        ("--lambda x", "error: --lambda: expected a number, got 'x'"),
        ("--pool x", "error: --pool: expected a whole number or 'global', got 'x'"),
        ("--model c", "error: --model: expected one of a, b, got 'c'"),
        ("--size 3", "error: argument --size: expected 2 arguments"),
        ("--fast --steps 12", "error: --fast: cannot be combined with --steps above 9, got 12"),
        ("--rates nan", "error: --rates: expected a finite number, got nan"),
        ("--step 3", "error: unrecognized arguments: --step 3"),
        ("--weight 3", "error: unrecognized arguments: --weight 3"),
    ],
)
def test_bad_words_are_one_line_that_names_the_flag(capsys, words, message):
    assert refusal(capsys, *words.split()) == message


def test_former_names_work_with_a_warning(capsys):
    assert read("--max_steps=4", "--quick").as_json()["steps"] == 4
    assert capsys.readouterr().err.splitlines() == [
        "warning: --max_steps is now --steps; the old name will be removed in 0.3.0",
        "warning: --quick is now --fast; the old name will be removed in 0.3.0",
    ]
    # A value that looks like a former name is not one.
    assert read("--each", "max_steps").each == ("max_steps",)
    assert capsys.readouterr().err == ""


def test_an_option_without_effect_is_warned_of_if_it_was_given(capsys):
    read("--idle", "0")
    assert capsys.readouterr().err == "warning: --idle has no effect without --fast\n"
    read("--idle", "0", "--fast")
    read()
    assert capsys.readouterr().err == ""


def test_help_shows_each_option_with_the_default_that_a_reader_needs():
    text = " ".join(make_parser(Example, "An example.").format_help().split())
    for part in (
        "WHERE a place",
        "--steps N steps, 100 % of them (default: 3)",
        "--lambda X a weight (default: 1)",
        "--no_mirror mirror nothing",
        "--fast be fast --norm norm or no norm --no_norm the opposite of --norm",
        "--model {a,b} a model (default: a)",
        "--rates RATE [RATE ...] rates (default: 0.5 0.001)",
        "--size H W a size (default: 4 3)",
    ):
        assert part in text
    for hidden in ("max_steps", "quick", "None", "True", "--mirror ", "--no_fast"):
        assert hidden not in text


def test_the_version(capsys):
    with pytest.raises(SystemExit) as stop:
        read("--version")
    assert stop.value.code == 0 and capsys.readouterr().out == f"cshml_tf {__version__}\n"


def test_errors_of_other_settings_name_the_flags_of_the_command():
    def fails():
        LrSettings(data_dir="x", pretrained_model="y", resolution=(8,), contrastive_weight=-1.0)

    with (
        pytest.raises(ValueError, match="^--lambda: expected 0 to 1000000, got -1$"),
        flags_in_errors(AblationSettings),
    ):
        fails()


@pytest.mark.parametrize(
    "settings, old, new",
    [
        (HrSettings, "lfw_use_flipped_images", "use_flipped_images"),
        (HrSettings, "lfw_subtract_mean", "subtract_mean"),
        (HrSettings, "lfw_batch_size", "embedding_batch_size"),
        (LrSettings, "lr_model", "pretrained_lr_model"),
        (AblationSettings, "lr_model", "pretrained_lr_model"),
        (AblationSettings, "tap", "taps"),
        (LfwSettings, "lfw_batch_size", "embedding_batch_size"),
        (TinyFaceSettings, "batch_size", "embedding_batch_size"),
        (ImportSettings, "template", "crop"),
        (HrSettings, "no-batch_norm", "no_batch_norm"),
    ],
)
def test_names_of_version_0_1_0(capsys, settings, old, new):
    """A former flag is read as the current one: what is missing beside it is then all that is wrong."""
    with pytest.raises(SystemExit):
        read_settings(settings, [f"--{old}"], "")
    assert f"warning: --{old} is now --{new}; the old name will be removed in 0.3.0" in capsys.readouterr().err


def test_current_names_are_never_taken_for_former_ones(capsys):
    """`--batch_size` trains, `--lr_model` measures."""
    for settings, name in ((HrSettings, "batch_size"), (LfwSettings, "lr_model")):
        with pytest.raises(SystemExit):
            read_settings(settings, [f"--{name}", "1"], "")
        assert "warning" not in capsys.readouterr().err


def test_a_misspelt_option_is_reported_before_the_one_it_leaves_missing(capsys):
    with pytest.raises(SystemExit):
        read_settings(HrSettings, ["--data_dri", "faces", "--seed", "1"], "")
    assert capsys.readouterr().err == "error: unrecognized arguments: --data_dri (--help lists the arguments)\n"

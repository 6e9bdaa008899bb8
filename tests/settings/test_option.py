"""What a field declares is what is checked, stored and read back."""

import dataclasses
from pathlib import Path
from typing import ClassVar

import pytest

from cshml_tf.settings.checks import POSITIVE, above, at_least, between
from cshml_tf.settings.losses import LossSettings, weight_names
from cshml_tf.settings.option import (
    REQUIRED,
    OptionError,
    Settings,
    fields_in_order,
    kind_of,
    option,
    options_of,
    title_of,
    varied,
)
from cshml_tf.settings.training import HrSettings, LrSettings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size(Settings):
    TITLE: ClassVar[str] = "size"

    size: tuple[int, int] = option((4, 3), "height and width", check=at_least(1))
    rate: float | None = option(None, "a rate", check=above(0, up_to=1))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work(Settings):
    TITLE: ClassVar[str] = "work"

    names: tuple[str, ...] = option(("a",), "names", choices=("a", "b", "c"), unique=True)
    steps: int = option(REQUIRED, "steps", check=POSITIVE, formerly=("max_steps",))
    place: Path | None = option(None, "a place")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Both(Size, Work):
    size: tuple[int, int] = varied(Size, "size", default=(2, 2))


@pytest.mark.parametrize(
    "values, message",
    [
        ({"steps": 0}, "steps: expected a positive number, got 0"),
        ({"steps": 1.5}, "steps: expected a whole number, got 1.5"),
        ({"steps": "3"}, "steps: expected a whole number, got '3'"),
        ({"rate": 1.25}, "rate: expected above 0, up to 1, got 1.25"),
        ({"rate": float("inf")}, "rate: expected a finite number, got inf"),
        ({"size": (4,)}, "size: expected 2 values, got 4"),
        ({"size": (4, 0)}, "size: expected 1 or more, got 0"),
        ({"size": 4}, "size: expected a tuple, got 4"),
        ({"names": ("a", "z")}, "names: expected one of a, b, c, got 'z'"),
        ({"names": ("a", "a")}, "names: expected each once, got a a"),
    ],
)
def test_values_are_checked_by_their_field(values, message):
    with pytest.raises(OptionError) as error:
        Both(**{"steps": 1} | values)
    assert str(error.value) == message


def test_what_fits_is_kept():
    both = Both(steps=3, rate=1, names=("c", "b"), size=[5, 6])
    assert (both.steps, both.rate, both.names, both.place) == (3, 1, ("c", "b"), None)
    assert Both(steps=1).size == (2, 2) and Size().size == (4, 3)


def test_an_error_names_options_as_the_reader_knows_them():
    error = OptionError("{rate}: cannot be combined with {names}, got %s", (1, 2.50))
    assert str(error) == "rate: cannot be combined with names, got 1 2.5"
    assert error.worded(lambda name: f"--{name}") == "--rate: cannot be combined with --names, got 1 2.5"
    # A value with braces or per cent signs stays as it is.
    assert str(OptionError("{rate}: got %s", "100 % {rate}")) == "rate: got 100 % {rate}"


def test_json_and_back():
    both = Both(steps=3, place=Path("x/y"), size=(7, 8))
    content = both.as_json()
    assert content == {"names": ["a"], "steps": 3, "place": "x/y", "size": [7, 8], "rate": None}
    assert Both.from_json(content).as_json() == content
    former = {"max_steps" if name == "steps" else name: value for name, value in content.items()}
    assert Both.from_json(former).steps == 3
    # An option that an earlier version did not have has its default.
    assert Both.from_json({"steps": 5}).size == (2, 2)
    with pytest.raises(ValueError, match="expected entries of Both, got lambda"):
        Both.from_json({"steps": 5, "lambda": 1})


def test_a_former_name_never_hides_a_current_one():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Later(Work):
        max_steps: int = option(9, "something else")

    assert Later.from_json({"steps": 1, "max_steps": 4}) == Later(steps=1, max_steps=4)


def test_groups_are_listed_from_left_to_right_under_their_titles():
    names = [field.name for field in fields_in_order(Both)]
    assert names == ["size", "rate", "names", "steps", "place"]
    assert [title_of(Both, name) for name in names] == ["size", "size", "work", "work", "work"]


def test_the_kind_of_a_value_comes_from_its_annotation():
    def kind(annotation):
        found = kind_of(annotation)
        return found.word, found.count, found.optional

    assert kind(int) == (int, None, False)
    assert kind(float | None) == (float, None, True)
    assert kind(tuple[int, int] | None) == (int, 2, True)
    assert kind(tuple[str, ...]) == (str, -1, False)
    assert kind(int | tuple[int, int] | None) == (object, None, True)
    assert kind(tuple[tuple[int, Path], ...]) == (object, -1, False)


def test_checks_say_what_they_hold():
    assert between(0, 2, "a width").words == "0 to 2, a width"
    assert [at_least(2).holds(value) for value in (1, 2)] == [False, True]
    assert [above(0).holds(value) for value in (0, 1e-9, 1e9)] == [False, True, True]


def test_a_part_has_the_values_of_the_whole():
    assert Both(steps=3, rate=0.5).part(Size) == Size(size=(2, 2), rate=0.5)
    assert Both(steps=3).part(Work, steps=4).steps == 4


def test_every_option_of_training_has_help_and_one_declaration():
    for settings in (HrSettings, LrSettings):
        for name, about in options_of(settings).items():
            assert len(about.help) > 10, name
    declared = [
        cls.__name__
        for cls in LrSettings.__mro__
        if "contrastive_weight" in cls.__dict__.get("__annotations__", {})
    ]
    assert declared == ["WeightOptions"]


def test_weights_are_found_by_term_and_equation():
    settings = LossSettings(classifier_weight=2.0, contrastive_weight=0.0)
    assert settings.weights == {"classifier": 2.0, "multi_hierarchy": 1.0}
    assert weight_names() == {
        2: "classifier_weight",
        3: "contrastive_weight",
        4: "multi_hierarchy_weight",
        5: "multi_hierarchy_weight",
    }

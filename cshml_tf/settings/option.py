"""An option: one dataclass field with all that the parser, the checks, JSON files and the ablation's grid need."""

import dataclasses
import math
import numbers
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from cshml_tf.settings.checks import Check
from cshml_tf.settings.places import Place

REQUIRED = dataclasses.MISSING
# No seed is larger, and no whole number below it overflows what counts steps or bytes.
_MOST_WHOLE = 2**32 - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Option:
    """The metadata of a field, beyond its name, type and default.

    Attributes:
        help: one sentence for `--help`; the default is added to it. For an option that is on by default, the
            sentence describes the flag that turns it off.
        choices: the values allowed; empty allows all.
        check: the range of values allowed.
        flag: name of the flag without its dashes; None takes the field's name.
        positional: the name of a positional argument; None for a flag.
        metavar: placeholder for the value in `--help`; a tuple has one for each of several values.
        parse: function that reads one word of the command line and raises ValueError for a bad one; None reads the
            word as the field's type.
        expand: function of one word that returns the words it stands for; None leaves each word alone.
        place: for a path, what it must lead to.
        many: how several values are given: "words" after one flag, "extend" after one flag or several of them,
            "repeat" one per flag, "any" none or more after one flag.
        formerly: names of the flag and of the JSON entry in earlier versions.
        otherwise: the value that replaces None, filled in by the settings class.
        group: title in `--help`; None takes that of the class that declares the field.
        unique: whether each value may be given only once.
        idle: function of the settings that returns why the option has no effect, or None if it has an effect.
        continues: whether a run may be resumed with another value.
        of_test: whether the option says how networks are measured, not how they are trained.
        batch: the argument of `cshml_tf.data.batches` that receives the option's value.
        changes_hr: whether the option, if it is on, changes HR faces at random by more than mirroring.
        cell: for a list of values in the ablation, the training setting that receives one of them in each cell.
        term: for a weight, the term of equation 6 that it applies to.
        equations: for a weight, the paper's equations that it applies to.
    """

    help: str
    choices: tuple = ()
    check: Check | None = None
    flag: str | None = None
    positional: str | None = None
    metavar: str | tuple[str, ...] | None = None
    parse: Callable[[str], Any] | None = None
    expand: Callable[[str], list[str]] | None = None
    place: Place | None = None
    many: str = "words"
    formerly: tuple[str, ...] = ()
    otherwise: Any = None
    group: str | None = None
    unique: bool = False
    idle: Callable[[Any], str | None] | None = None
    continues: bool = False
    of_test: bool = False
    batch: str | None = None
    changes_hr: bool = False
    cell: str | None = None
    term: str | None = None
    equations: tuple[int, ...] = ()


def option(default: Any, help: str, **details: Any) -> Any:
    """Declare an option as a dataclass field.

    Args:
        default: its value if none is given, or `REQUIRED`.
        help: see `Option`.
        **details: the other attributes of `Option`.

    Returns:
        dataclasses.Field.
    """
    return dataclasses.field(default=default, metadata={"option": Option(help=help, **details)})


def varied(declared_in: type, name: str, /, **changes: Any) -> Any:
    """Declare a shared option again, for a command that needs another default or other words.

    Args:
        declared_in: the class that declares the option.
        name: the name of the field.
        **changes: attributes of `Option` that differ, or "default".

    Returns:
        dataclasses.Field.
    """
    field = declared_in.__dataclass_fields__[name]
    default = changes.pop("default", field.default)
    details = dataclasses.replace(option_of(field), group=title_of(declared_in, name))
    return dataclasses.field(default=default, metadata={"option": dataclasses.replace(details, **changes)})


def option_of(field: dataclasses.Field) -> Option:
    """Return the `Option` that a field declares."""
    return field.metadata["option"]


def options_of(settings_class: type) -> dict[str, Option]:
    """Return the options of a settings class by the names of their fields."""
    return {field.name: option_of(field) for field in dataclasses.fields(settings_class)}


def fields_in_order(settings_class: type) -> list[dataclasses.Field]:
    """List the fields of a settings class: those of its groups, as listed in the class statement, then its own."""
    fields = {field.name: field for field in dataclasses.fields(settings_class)}
    return [fields[name] for name in dict.fromkeys(_names(settings_class))]


def _names(settings_class: type) -> Iterator[str]:
    for base in settings_class.__bases__:
        yield from _names(base)
    own = settings_class.__dict__.get("__annotations__", {})
    known = getattr(settings_class, "__dataclass_fields__", {})
    yield from (name for name in own if name in known and typing.get_origin(own[name]) is not ClassVar)


def title_of(settings_class: type, name: str) -> str:
    """Return the title of the group in which `--help` lists a field."""
    own = option_of(settings_class.__dataclass_fields__[name]).group
    owner = next(cls for cls in settings_class.__mro__ if name in cls.__dict__.get("__annotations__", {}))
    return own or owner.TITLE


def flag_of(settings_class: type, name: str) -> str:
    """Return how the user types an option: "--batch_size", or the placeholder of a positional argument.

    A name that is not an option of the class is returned unchanged.
    """
    about = options_of(settings_class).get(name)
    return name if about is None else about.positional or f"--{about.flag or name}"


@dataclasses.dataclass(frozen=True)
class Kind:
    """The values that the type of a field allows.

    Attributes:
        word: type of one value; `object` if the field's `parse` decides.
        count: None for one value, -1 for any number of them, else how many.
        optional: whether None is a value.
    """

    word: type
    count: int | None
    optional: bool


def kind_of(annotation: Any) -> Kind:
    """Read the type of a field: X, X | None, tuple[X, X] or tuple[X, ...]."""
    is_union = typing.get_origin(annotation) in (types.UnionType, typing.Union)
    parts = typing.get_args(annotation) if is_union else (annotation,)
    optional = types.NoneType in parts
    parts = [part for part in parts if part is not types.NoneType]
    count, word = None, parts[0] if len(parts) == 1 else object
    if typing.get_origin(word) is tuple:
        inner = typing.get_args(word)
        count, word = (-1 if inner[1] is Ellipsis else len(inner)), inner[0]
    return Kind(word if isinstance(word, type) else object, count, optional)


class OptionError(ValueError):
    """A bad value, or values that cannot be combined; `worded` names the options as the user types them.

    Args:
        template: the message, with "{name}" for the name of an option and "%s" for a value.
        *values: the values for each "%s".
    """

    def __init__(self, template: str, *values: Any) -> None:
        self.template, self.values = template, values
        super().__init__(self.worded(lambda name: name))

    def worded(self, spell: Callable[[str], str]) -> str:
        """Return the message with the options' names spelt by a function of the field's name."""
        named = re.sub(r"\{(\w+)\}", lambda match: spell(match[1]), self.template)
        return named % tuple(shown(value) for value in self.values)


def require(holds: bool, template: str, *values: Any) -> None:
    """Raise `OptionError` with a template and its values unless a rule holds."""
    if not holds:
        raise OptionError(template, *values)


def shown(value: Any) -> str:
    """Return a value as messages and help texts show it."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return " ".join(map(shown, value))
    return str(value)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of all settings: when an object is made, each value is checked as its field demands.

    A group is a subclass that declares options and a title; a command's settings inherit from the groups that the
    command takes. Rules that concern several fields belong in the `__post_init__` of the command's settings.

    Raises:
        OptionError: a value is out of its range, not among its choices or of the wrong type.
    """

    TITLE: ClassVar[str] = "options"

    def __post_init__(self) -> None:
        """Check every value as its field demands."""
        for field in dataclasses.fields(self):
            _check_value(field, getattr(self, field.name))

    def part(self, group: type["Settings"], **changes: Any) -> Any:
        """Return an object of a group that this settings class inherits from, with the same values.

        Args:
            group: the class to make.
            **changes: values that differ.
        """
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(group)}
        return group(**values | changes)

    def as_json(self) -> dict[str, Any]:
        """Return the settings as a dict of JSON types."""
        return {field.name: _as_json(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read settings that `as_json` wrote in this version or an earlier one.

        Former names are accepted; an absent entry takes its default.

        Raises:
            ValueError: an entry is neither the current nor a former name of an option, or a value is bad.
        """
        names = current_names(cls)
        unknown = sorted(set(content) - set(names))
        if unknown:
            raise ValueError(f"settings: expected entries of {cls.__name__}, got {', '.join(unknown)}")
        return cls(**{names[name]: _from_json(value) for name, value in content.items()})


def current_names(settings_class: type) -> dict[str, str]:
    """Return the field of each current and each former name; a current name is never a former one."""
    options = options_of(settings_class)
    former = {old: name for name, about in options.items() for old in about.formerly}
    return former | {name: name for name in options}


def _check_value(field: dataclasses.Field, value: Any) -> None:
    about, kind = option_of(field), kind_of(field.type)
    if value is None and kind.optional:
        return
    label = f"{{{field.name}}}"
    if kind.count is None:
        _check_one(about, kind, label, value)
        return
    values = tuple(value) if isinstance(value, tuple | list) else None
    if values is None:
        raise OptionError(f"{label}: expected a tuple, got %s", repr(value))
    require(kind.count in (-1, len(values)), f"{label}: expected %s values, got %s", kind.count, values)
    require(not about.unique or len(set(values)) == len(values), f"{label}: expected each once, got %s", values)
    for each in values:
        _check_one(about, kind, label, each)


def _check_one(about: Option, kind: Kind, label: str, value: Any) -> None:
    if kind.word in (int, float):
        number, expected = (numbers.Integral, "a whole number") if kind.word is int else (numbers.Real, "a number")
        require(isinstance(value, number), f"{label}: expected {expected}, got %s", repr(value))
    if isinstance(value, float):
        require(math.isfinite(value), f"{label}: expected a finite number, got %s", value)
    if about.choices:
        allowed = ", ".join(map(str, about.choices))
        require(value in about.choices, f"{label}: expected one of %s, got %s", allowed, repr(value))
    if about.check is not None:
        require(about.check.holds(value), f"{label}: expected %s, got %s", about.check.words, value)
    if kind.word is int:
        require(abs(value) <= _MOST_WHOLE, f"{label}: expected at most %s, got %s", _MOST_WHOLE, value)


def _as_json(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_as_json(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _from_json(value: Any) -> Any:
    return tuple(map(_from_json, value)) if isinstance(value, list) else value

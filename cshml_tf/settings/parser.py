"""The command line of a settings class: flags, help and one-line errors, all read from its fields."""

import argparse
import contextlib
import dataclasses
import functools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from cshml_tf import __version__
from cshml_tf.settings.option import (
    REQUIRED,
    OptionError,
    Settings,
    fields_in_order,
    flag_of,
    kind_of,
    option_of,
    options_of,
    shown,
    title_of,
)
from cshml_tf.settings.paths import check_paths

_S = TypeVar("_S", bound=Settings)
_WITHOUT_OLD_NAMES = "0.3.0"


class Parser(argparse.ArgumentParser):
    """`argparse.ArgumentParser` that reports a bad argument in one line, without the usage.

    Args:
        description: what the command does.
        epilog: text to show below the options.
        action: first word of a command line that begins with one, such as "enrol"; for the usage.
    """

    def __init__(self, description: str, epilog: str | None = None, action: str | None = None) -> None:
        prog = f"{Path(sys.argv[0]).name} {action}" if action else None
        super().__init__(prog=prog, description=description, epilog=epilog, allow_abbrev=False)
        self._unknown: list[str] = []
        self.add_argument(
            "--version", action="version", version=f"cshml_tf {__version__}", help="show the version and exit"
        )

    def parse_words(self, words: Sequence[str]) -> dict[str, Any]:
        """Parse the words of a command line.

        Returns:
            The words of each argument given, by the field's name.
        """
        options = words[: words.index("--")] if "--" in words else words
        names = [word.partition("=")[0] for word in options if word.startswith("--")]
        self._unknown = [name for name in names if name not in self._option_string_actions]
        return vars(self.parse_args(words))

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2."""
        if self._unknown and message.startswith("the following arguments are required"):
            # An option that is missing because it was misspelt is reported as it was typed.
            message = f"unrecognized arguments: {' '.join(self._unknown)}"
        self.exit(2, f"error: {message} (--help lists the arguments)\n")


def read_settings(
    settings_class: type[_S],
    argv: Sequence[str] | None,
    description: str,
    epilog: str | None = None,
    action: str | None = None,
) -> _S:
    """Read a command line into settings, and check what its paths lead to.

    A bad argument ends the process with one line on standard error and code 2.

    Args:
        settings_class: dataclass of the command's options.
        argv: the words of the command line; None takes the process's own.
        description: what the command does.
        epilog: text to show below the options.
        action: as for `Parser`.

    Returns:
        An object of `settings_class`.

    Raises:
        ValueError: a path does not lead to what the command needs there.
    """
    parser = make_parser(settings_class, description, epilog, action)
    words = list(sys.argv[1:] if argv is None else argv)
    given = parser.parse_words(_with_current_names(settings_class, words))
    spell = functools.partial(flag_of, settings_class)
    fields = {field.name: field for field in dataclasses.fields(settings_class)}
    try:
        settings = settings_class(**{name: _value(fields[name], words) for name, words in given.items()})
    except OptionError as error:
        parser.error(error.worded(spell))
    for name, about in options_of(settings_class).items():
        reason = about.idle(settings) if name in given and about.idle else None
        if reason:
            print(f"warning: {spell(name)} {reason}", file=sys.stderr)
    check_paths(settings)
    return settings


@contextlib.contextmanager
def flags_in_errors(settings_class: type[Settings]) -> Iterator[None]:
    """Name options as the user types them, in the errors of what a command's settings are handed to.

    The library names an option by its field at the start of a message, "data_dir: expected ...".
    """
    try:
        yield
    except OptionError as error:
        raise ValueError(error.worded(functools.partial(flag_of, settings_class))) from None
    except ValueError as error:
        name, colon, rest = str(error).partition(": ")
        # The cells of an ablation take one value each from its lists.
        listed = {about.cell: field for field, about in options_of(settings_class).items() if about.cell}
        flag = flag_of(settings_class, listed.get(name, name))
        if flag == name:
            raise
        raise ValueError(f"{flag}{colon}{rest}") from error


def make_parser(
    settings_class: type[Settings], description: str, epilog: str | None = None, action: str | None = None
) -> Parser:
    """Make the parser of a settings class; it returns the words of each option given, without reading them."""
    parser = Parser(description, epilog, action)
    groups: dict[str, Any] = {}
    # Positional arguments are listed first, because no command can do without them.
    for field in sorted(fields_in_order(settings_class), key=lambda field: option_of(field).positional is None):
        title = title_of(settings_class, field.name)
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        _add(groups[title], field)
    return parser


def _add(group: Any, field: dataclasses.Field) -> None:
    about, kind = option_of(field), kind_of(field.type)
    flag = f"--{about.flag or field.name}"
    settings: dict[str, Any] = {"default": argparse.SUPPRESS, "help": _help(field)}
    if kind.word is bool:
        _add_switch(group, field, settings)
        return
    metavar = about.positional or about.metavar or _metavar(about.choices, kind.word)
    settings["metavar"] = metavar
    if about.many == "repeat":
        settings["action"] = "append"
    elif kind.count is not None:
        settings["nargs"] = kind.count if kind.count > 0 else "*" if about.many == "any" else "+"
        settings["action"] = "extend" if about.many == "extend" else "store"
    if about.positional:
        group.add_argument(field.name, **settings)
    else:
        group.add_argument(flag, dest=field.name, required=field.default is REQUIRED, **settings)


def _add_switch(group: Any, field: dataclasses.Field, settings: dict[str, Any]) -> None:
    """Add --NAME, --no_NAME or both, whichever changes the default; the other is accepted too."""
    name = option_of(field).flag or field.name
    hidden = {"help": argparse.SUPPRESS}
    on, off = settings | {"action": "store_true"}, settings | {"action": "store_false"}
    if field.default is None:
        group.add_argument(f"--{name}", dest=field.name, **on | {"help": option_of(field).help})
        group.add_argument(f"--no_{name}", dest=field.name, **off | {"help": f"the opposite of --{name}"})
        return
    group.add_argument(f"--{name}", dest=field.name, **on | (hidden if field.default else {}))
    if field.default:
        group.add_argument(f"--no_{name}", dest=field.name, **off)


def _metavar(choices: tuple, word: type) -> str:
    if choices:
        return f"{{{','.join(map(str, choices))}}}"
    return {int: "N", float: "X", Path: "PATH"}.get(word, "VALUE")


def _help(field: dataclasses.Field) -> str:
    about = option_of(field)
    # argparse would expand % in help texts.
    text = about.help.replace("%", "%%")
    default = about.otherwise if field.default is None else field.default
    is_silent = default is REQUIRED or default is None or isinstance(default, bool) or default == ()
    return text if is_silent or "(default" in text else f"{text} (default: {shown(default)})"


def _value(field: dataclasses.Field, words: Any) -> Any:
    """Read the words of one option as its field demands.

    Raises:
        OptionError: a word is not a value of the option's type.
    """
    kind = kind_of(field.type)
    if kind.word is bool:
        return words
    if kind.count is None:
        return _read(field, words)
    expand = option_of(field).expand
    each = words if expand is None else [single for word in words for single in expand(word)]
    return tuple(_read(field, word) for word in each)


def _read(field: dataclasses.Field, word: str) -> Any:
    about, kind = option_of(field), kind_of(field.type)
    label = f"{{{field.name}}}"
    if about.parse is not None:
        try:
            return about.parse(word)
        except ValueError as error:
            raise OptionError(f"{label}: %s", error) from None
    if kind.word not in (int, float):
        return kind.word(word)
    try:
        return kind.word(word)
    except ValueError:
        expected = "a whole number" if kind.word is int else "a number"
        raise OptionError(f"{label}: expected {expected}, got %s", repr(word)) from None


def _with_current_names(settings_class: type[Settings], words: list[str]) -> list[str]:
    """Replace former flags by current ones, with a warning for each."""
    former: dict[str, str] = {}
    current = set()
    for field in dataclasses.fields(settings_class):
        about = option_of(field)
        flag = about.flag or field.name
        current |= {f"--{flag}", f"--no_{flag}"}
        former |= {f"--{old}": f"--{flag}" for old in about.formerly}
        if kind_of(field.type).word is bool:
            former |= {f"--no-{flag}": f"--no_{flag}"}
    changed = []
    for place, word in enumerate(words):
        if word == "--":
            return changed + words[place:]
        flag, equals, value = word.partition("=")
        if flag in former and flag not in current:
            print(
                f"warning: {flag} is now {former[flag]}; the old name will be removed in {_WITHOUT_OLD_NAMES}",
                file=sys.stderr,
            )
            word = former[flag] + equals + value
        changed.append(word)
    return changed

"""The check of a command's paths, before anything that takes long is imported or computed."""

from pathlib import Path
from typing import Any

from cshml_tf.settings.option import Settings, flag_of, options_of
from cshml_tf.settings.places import Place


def check_paths(settings: Settings) -> None:
    """Refuse paths that do not lead to what the command needs, and outputs inside its inputs.

    Raises:
        ValueError: a path leads to nothing or to something else, or an output lies inside an input; the message
            names the option as the user types it.
    """
    places = {name: about.place for name, about in options_of(type(settings)).items() if about.place}
    for name, place in places.items():
        for path in _paths(getattr(settings, name)):
            _check(flag_of(type(settings), name), place, path)
    inputs = [path for name, place in places.items() if place.is_input for path in _paths(getattr(settings, name))]
    for name, place in places.items():
        for output in _paths(getattr(settings, name)) if place.is_apart else ():
            for path in inputs:
                if output.resolve().is_relative_to(path.resolve()):
                    flag = flag_of(type(settings), name)
                    raise ValueError(f"{flag}: expected a place outside {path}, which is an input, got {output}")


def _check(flag: str, place: Place, path: Path) -> None:
    problem = place.problem(path)
    if problem is not None:
        raise ValueError(f"{flag}: expected {place.words}, got {path}, {problem}")


def _paths(value: Any) -> list[Path]:
    """List the paths of an option: one, several, none, or pairs whose second element is a path."""
    values = value if isinstance(value, tuple) else () if value is None else (value,)
    return [Path(each[1] if isinstance(each, tuple) else each) for each in values]

"""Every number among the options has bounds, which no float32 and no counter exceeds."""

import dataclasses
import importlib
import pkgutil

import pytest

from cshml_tf import settings
from cshml_tf.backbones import BACKBONES, builder, options_of_network
from cshml_tf.settings.option import Settings, _check_value, kind_of
from cshml_tf.settings.training import HrSettings


def numbers():
    """Yield every option of a number, of every settings class, with its type."""
    for module in pkgutil.iter_modules(settings.__path__):
        importlib.import_module(f"cshml_tf.settings.{module.name}")
    waiting, seen = [Settings], set()
    while waiting:
        for cls in waiting.pop().__subclasses__():
            waiting.append(cls)
            for field in dataclasses.fields(cls) if cls.__module__.startswith("cshml_tf.") else ():
                kind = kind_of(field.type)
                is_ours = cls.__module__.startswith("cshml_tf.")  # other tests declare options too
                if is_ours and kind.word in (int, float) and (cls, field.name) not in seen:
                    seen.add((cls, field.name))
                    yield cls, field, kind


def test_no_number_is_unbounded():
    options = list(numbers())
    assert {"learning_rate", "scale", "hr_width", "max_minutes"} <= {field.name for _, field, _ in options}
    for cls, field, kind in options:
        beyond = [10**30, -(10**30)]
        if kind.word is float:
            beyond += [1e300, -1e300, float("nan"), float("inf"), -float("inf")]
        for value in beyond:
            values = value if kind.count is None else (value,) * abs(kind.count)
            with pytest.raises(ValueError, match=f"{field.name}.*: expected "):
                _check_value(field, values)
                raise AssertionError(f"{cls.__name__}.{field.name} accepts {value}")


def test_defaults_and_usual_values_are_within_the_bounds():
    for value in (-1, 1e-12, 0.1, 1000.0):
        HrSettings(data_dir="x", learning_rate=value)
    for value in (0.0, -0.5, 1001.0):
        with pytest.raises(
            ValueError, match="learning_rate: expected a rate above 0, up to 1000, or -1 for the sch"
        ):
            HrSettings(data_dir="x", learning_rate=value)


@pytest.mark.parametrize("name", BACKBONES)
def test_the_options_of_a_network_are_those_of_its_function(name):
    import inspect

    assert options_of_network(name) == tuple(inspect.signature(builder(name)).parameters)[2:]


@pytest.mark.parametrize(
    "model_def, option, value",
    [
        ("small_resnet", "batch_norm", False),
        ("inception_resnet_v1", "batch_norm", True),
        ("mobilefacenet", "depth", 9),
        ("lightcnn", "width", 8),
        ("resnet", "stem_pool_stride", 1),
    ],
)
def test_an_option_that_the_network_lacks_is_refused(model_def, option, value):
    with pytest.raises(
        ValueError, match=f"^{option}: expected a model_def that has this option, got {model_def}$"
    ):
        HrSettings(data_dir="x", model_def=model_def, **{option: value})

"""Fixtures shared by tests of several rooms: the CPU split in two, drawn data sets and small trained networks."""

import zlib
from collections import Counter

import keras
import numpy as np
import pytest
from drawn import (
    SIZE,
    draw_colour_network,
    draw_scface,
    draw_survface,
    draw_textures,
    draw_tinyface,
    save_colour_network,
)

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    # Two logical CPUs stand for two devices. The split must come before TensorFlow's first use.
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )


def pytest_collection_modifyitems(items):
    """Put files with slow tests first: one of them at the end would be waited for by a single process."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


def pytest_fixture_setup(fixturedef):
    """Seed what several tests share by its name: whichever comes first, its networks have the same weights."""
    if fixturedef.scope != "function":
        keras.utils.set_random_seed(zlib.crc32(fixturedef.argname.encode()))


@pytest.fixture(autouse=True)
def _same_random_numbers():
    keras.utils.set_random_seed(7)


@pytest.fixture
def gradient_of():
    """Return a function that computes the gradient of a scalar function at an array, on either backend."""
    if keras.backend.backend() == "jax":
        import jax

        return lambda function, point: np.asarray(jax.grad(function)(keras.ops.convert_to_tensor(point)))

    def gradient(function, point):
        point = tf.Variable(point)
        with tf.GradientTape() as tape:
            value = function(point)
        return tf.convert_to_tensor(tape.gradient(value, point)).numpy()

    return gradient


@pytest.fixture(scope="session")
def texture_folder(tmp_path_factory):
    """Class folders of coloured textures, 48 x 40: six "people" of five noisy pictures each."""
    folder = tmp_path_factory.mktemp("textures")
    draw_textures(folder)
    return folder


@pytest.fixture(scope="session")
def packed_textures(texture_folder, tmp_path_factory):
    """The same textures packed."""
    from cshml_tf.data.packed.writer import pack

    folder = tmp_path_factory.mktemp("packed") / "textures"
    pack(texture_folder, folder)
    return folder


@pytest.fixture
def run_options(texture_folder, tmp_path):
    """Settings of a short run on the textures, apart from those of a network, as keyword arguments."""
    return {
        "data_dir": str(texture_folder),
        "models_base_dir": str(tmp_path / "models"),
        "logs_base_dir": str(tmp_path / "logs"),
        "batch_size": 8,
        "learning_rate": 0.05,
        "max_steps": 6,
        "log_every": 2,
    }


@pytest.fixture
def hr_options(run_options):
    """Settings of a short run of an HR network of 48 x 40, as keyword arguments."""
    network = {"model_def": "small_resnet", "image_size": SIZE, "embedding_size": 16, "width": 4}
    return run_options | network


@pytest.fixture(scope="session")
def hr_model_dir(texture_folder, tmp_path_factory):
    """The model folder of an HR network trained on the textures."""
    from cshml_tf.settings.training import HrSettings
    from cshml_tf.training.hr import train_hr

    base = tmp_path_factory.mktemp("hr_model")
    settings = HrSettings(
        data_dir=str(texture_folder),
        models_base_dir=str(base / "models"),
        logs_base_dir=str(base / "logs"),
        run_name="hr",
        model_def="small_resnet",
        image_size=SIZE,
        embedding_size=16,
        width=4,
        batch_size=10,
        max_steps=30,
        learning_rate=0.05,
    )
    run, _ = train_hr(settings, progress=False)
    return run.model_dir


def _in_folder(draw, folder, default):
    """Return a function that draws a data set into a folder of this name inside `folder`."""
    return lambda name=default, **options: draw(folder / name, **options)


@pytest.fixture(name="draw_tinyface")
def _draw_tinyface(tmp_path):
    """Return `drawn.draw_tinyface`, which writes TinyFace, as a function of its folder's name."""
    return _in_folder(draw_tinyface, tmp_path, "tinyface")


@pytest.fixture(name="draw_survface")
def _draw_survface(tmp_path):
    """Return `drawn.draw_survface`, which writes QMUL-SurvFace, as a function of its folder's name."""
    return _in_folder(draw_survface, tmp_path, "survface")


@pytest.fixture(scope="session", name="draw_scface")
def _draw_scface():
    """Return `drawn.draw_scface`, which writes SCface."""
    return draw_scface


@pytest.fixture(scope="session")
def colour_network():
    """A recogniser that tells apart all people of `draw_tinyface` and `draw_survface`."""
    return draw_colour_network(sees=True)


@pytest.fixture(scope="session")
def blind_network():
    """A recogniser whose embedding is the same for all pictures."""
    return draw_colour_network(sees=False)


@pytest.fixture(scope="session", name="save_colour_network")
def _save_colour_network():
    """Return `drawn.save_colour_network`."""
    return save_colour_network

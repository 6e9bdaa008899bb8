"""What several rooms' tests share: the CPU split in two, and small folders of learnable faces."""

import cv2
import keras
import numpy as np
import pytest

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    # Two logical CPUs stand for two devices. The split must come before TensorFlow's first use.
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )

SIZE = (48, 40)


@pytest.fixture(autouse=True)
def _same_random_numbers():
    keras.utils.set_random_seed(7)


@pytest.fixture
def gradient_of():
    """Give a function: the gradient of a scalar function at an array, on either backend."""
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
    rng = np.random.default_rng(0)
    for person in range(6):
        name = f"person_{person}"
        (folder / name).mkdir()
        base = cv2.resize(rng.integers(0, 256, (6, 5, 3)).astype(np.uint8), SIZE[::-1])
        for picture in range(1, 6):
            noisy = base + rng.integers(-25, 26, base.shape)
            path = folder / name / f"{name}_{picture:04d}.png"
            cv2.imwrite(str(path), np.clip(noisy, 0, 255).astype(np.uint8))
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
    """Settings of a short run of a small network on the textures, as keyword arguments."""
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
    """The same for an HR network of 48 x 40."""
    network = {"model_def": "small_resnet", "image_size": SIZE, "embedding_size": 16, "width": 4}
    return run_options | network


@pytest.fixture(scope="session")
def hr_model_dir(texture_folder, tmp_path_factory):
    """The model folder of an HR network trained on the textures."""
    from cshml_tf.training.hr import train_hr
    from cshml_tf.training.settings import HrSettings

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

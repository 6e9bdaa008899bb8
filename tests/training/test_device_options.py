"""Where faces are changed, and who compiles the step, makes no difference to what a network learns."""

import dataclasses

import keras
import numpy as np
import pytest
from runs import history

from cshml_tf.settings.option import OptionError
from cshml_tf.settings.training import HrSettings, LrSettings
from cshml_tf.training import devices
from cshml_tf.training.devices import augments_on_device, choose_strategy
from cshml_tf.training.hr import prepare_hr, train_hr
from cshml_tf.training.lr import prepare_lr, train_lr

ON_TENSORFLOW = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="an option of TensorFlow")


def losses(run):
    return np.array([[float(row[name]) for name in ("total", "weight_decay")] for row in history(run)])


@pytest.fixture
def settings(lr_options):
    """Faces mirrored, shifted and mixed, at two resolutions."""
    own = {"resolution": (8, (12, 10)), "random_shift": 2, "mixup": 0.5, "max_steps": 3, "log_every": 1}
    return LrSettings(**lr_options | own | {"augment_on": "host", "run_name": "host"})


@pytest.mark.slow
def test_faces_changed_on_the_device_teach_the_same(settings):
    host, _ = train_lr(settings, progress=False)
    on_device = dataclasses.replace(settings, augment_on="device", run_name="device")
    assert next(iter(prepare_lr(on_device).batches_from(0))).keys() >= {"hr_change", "hr_other"}
    device, _ = train_lr(on_device, progress=False)
    np.testing.assert_allclose(losses(host), losses(device), rtol=1e-3)


@pytest.mark.slow
def test_hr_faces_changed_on_the_device_teach_the_same(hr_options):
    options = hr_options | {"random_shift": 2, "max_steps": 3, "log_every": 1}
    host, device = (
        train_hr(HrSettings(**options, augment_on=place, run_name=place), progress=False)[0]
        for place in ("host", "device")
    )
    np.testing.assert_allclose(losses(host), losses(device), rtol=1e-4)


def test_auto_follows_the_gpu(hr_options, monkeypatch):
    def travelling(augment_on):
        return set(next(iter(prepare_hr(HrSettings(**hr_options, augment_on=augment_on)).batches_from(0))))

    for gpu in (False, True):
        monkeypatch.setattr(devices, "_has_gpu", lambda gpu=gpu: gpu)
        assert ("hr_change" in travelling("auto")) == gpu
    assert "hr_change" not in travelling("host")


@pytest.mark.parametrize(
    "kind, options",
    [
        (LrSettings, {"crop_jitter": 0.1}),
        (LrSettings, {"cache_teacher": "cache"}),
        (LrSettings, {"degradation": "camera"}),
        (HrSettings, {"resolutions": (8,)}),
    ],
    ids=str,
)
def test_what_needs_the_host_stays_there(kind, options, monkeypatch):
    monkeypatch.setattr(devices, "_has_gpu", lambda: True)
    own = {"data_dir": "faces"} | ({"pretrained_model": "hr", "resolution": (8,)} if kind is LrSettings else {})
    assert augments_on_device(kind(**own)) and not augments_on_device(kind(**own, **options))
    (name,) = options
    with pytest.raises(OptionError, match=f"^augment_on: device cannot be combined with {name}, which needs"):
        kind(**own, **options, augment_on="device")
    if kind is HrSettings:
        # Reduced copies are the only use of an HR network's degradation.
        assert augments_on_device(kind(**own, degradation="camera", augment_on="device"))


@ON_TENSORFLOW
@pytest.mark.slow
def test_xla_teaches_the_same(settings):
    plain, _ = train_lr(settings, progress=False)
    compiled, _ = train_lr(dataclasses.replace(settings, xla=True, run_name="xla"), progress=False)
    np.testing.assert_allclose(losses(plain), losses(compiled), rtol=1e-3)


@ON_TENSORFLOW
def test_xla_takes_a_single_device(hr_options, tmp_path):
    options = hr_options | {"strategy": "mirrored", "replicas": 2, "run_name": "hr"}
    with pytest.raises(ValueError, match="^xla: expected a single device, got 2 replicas$"):
        train_hr(HrSettings(**options, xla=True), progress=False)
    assert not (tmp_path / "models").exists()
    devices.check_xla(True, choose_strategy("one"))

"""Settings of short LR runs."""

import pytest


@pytest.fixture
def lr_options(run_options, hr_model_dir):
    return run_options | {"pretrained_model": str(hr_model_dir), "resolution": (8,)}

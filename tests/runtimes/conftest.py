"""One small network with statistics of its own in batch norm, and faces to embed."""

import keras
import numpy as np
import pytest

from cshml_tf import backbones
from cshml_tf.recogniser import build_recogniser, checked

SIZE = (32, 28)


@pytest.fixture(scope="session")
def network():
    keras.utils.set_random_seed(3)
    recogniser = build_recogniser(backbones.build("small_resnet", SIZE, 16, width=4))
    rng = np.random.default_rng(3)
    # Moving averages of 0 and 1 would hide a batch norm that was left out.
    recogniser.set_weights([value + rng.uniform(0.0, 0.2, value.shape) for value in recogniser.get_weights()])
    return checked(recogniser)


@pytest.fixture(scope="session")
def faces():
    return np.random.default_rng(5).integers(0, 256, (5, *SIZE, 3)).astype(np.uint8)

"""The names of `import cshml_tf`: only public ones, loaded on first use, without messages of native libraries."""

import os
import subprocess
import sys

import cv2
import keras
import numpy as np
import pytest
from drawn import SIZE, draw_colour_network, save_colour_network

import cshml_tf


def test_dir_shows_only_the_public_names():
    names = dir(cshml_tf)
    assert {"Client", "align", "compare", "embed", "load_networks", "load_recogniser", "losses"} <= set(names)
    assert not [name for name in names if name.startswith("_")]
    assert all(getattr(cshml_tf, name) is not None for name in names)
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        cshml_tf.no_such_name  # noqa: B018


def test_functions_of_the_readme_stay_where_they_were():
    from cshml_tf.degradation.degrade import degrade

    assert cshml_tf.degradation.degrade is degrade and callable(degrade)
    assert callable(cshml_tf.backbones.build) and callable(cshml_tf.losses.cosface)
    assert cshml_tf.network.TwoBranchNetwork


@pytest.mark.slow
def test_nothing_heavy_is_imported_and_nothing_printed():
    code = (
        "import sys, cshml_tf\n"
        "dir(cshml_tf), cshml_tf.metrics.verification, cshml_tf.degradation.degrade, cshml_tf.Client\n"
        "assert not {'tensorflow', 'keras', 'jax'} & set(sys.modules)\n"
        "cshml_tf.losses\n"
        "assert 'keras' in sys.modules\n"
    )
    # With this variable, users choose for themselves which lines they see.
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_embed_returns_unit_rows_in_order():
    faces = [np.full((*SIZE, 3), colour, np.uint8) for colour in ([250, 20, 20], [20, 250, 20])]
    network = draw_colour_network(sees=True)
    embeddings = cshml_tf.embed(network, faces)
    expected = keras.ops.convert_to_numpy(network(np.stack(faces)))
    assert embeddings.shape == (2, 3) and np.abs(embeddings - expected).max() < 1e-6
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1)


def test_compare_serves_each_picture_by_its_width(tmp_path):
    """The LR network multiplies the HR network's embedding: for two pictures of one colour, the cosine is 1."""
    save_colour_network(tmp_path / "hr", "hr", [])
    save_colour_network(tmp_path / "lr", "lr", [12], factor=2.0)
    networks = cshml_tf.load_networks(tmp_path / "hr", [tmp_path / "lr"])
    red, small_red, blue = tmp_path / "red.png", tmp_path / "small.png", tmp_path / "blue.png"
    cv2.imwrite(str(red), np.full((*SIZE, 3), (20, 20, 250), np.uint8))
    cv2.imwrite(str(small_red), np.full((12, 10, 3), (20, 20, 250), np.uint8))
    cv2.imwrite(str(blue), np.full((12, 10, 3), (250, 20, 20), np.uint8))
    assert cshml_tf.compare(networks, red, small_red, aligned=True) == pytest.approx(1, abs=1e-6)
    assert cshml_tf.compare(networks, red, blue, aligned=True) < 0.5


def test_a_picture_without_a_face_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected a photograph with a face, found none in the array"):
        cshml_tf.align(np.full((60, 60, 3), 128, np.uint8))
    save_colour_network(tmp_path / "hr", "hr", [])
    networks = cshml_tf.load_networks(tmp_path / "hr")
    for size in (60, 12):
        grey = np.full((size, size, 3), 128, np.uint8)
        with pytest.raises(ValueError, match="or aligned=True for face crops, found none in the array"):
            cshml_tf.compare(networks, grey, grey)
    with pytest.raises(ValueError, match="cannot open"):
        cshml_tf.align(tmp_path / "missing.jpg")

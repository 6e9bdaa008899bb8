"""The columns of a classifier meet the classes of the data by their names, in any Unicode form."""

import unicodedata
from types import SimpleNamespace

import numpy as np
import pytest

from cshml_tf.training.lr import _matching_centres

NAMES = ["A\u030asa", "Zed", "\u00c5sb"]


@pytest.fixture
def model(tmp_path):
    """The classifier of a network trained on names in the form that macOS writes, sorted by code points."""
    classes = sorted(unicodedata.normalize("NFD", name) for name in NAMES)
    (tmp_path / "classes.txt").write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")
    np.save(tmp_path / "classifier.npy", np.arange(6, dtype=np.float32).reshape(2, 3))
    return tmp_path


def test_columns_follow_the_names_of_the_data(model):
    """Decomposed, both begin with A; composed, \u00c5 sorts after Z."""
    composed = sorted(unicodedata.normalize("NFC", name) for name in NAMES)
    assert composed == ["Zed", "\u00c5sa", "\u00c5sb"]
    assert _matching_centres(model, SimpleNamespace(classes=composed)).tolist() == [[2, 0, 1], [5, 3, 4]]


def test_other_names_are_refused(model):
    for classes in (["Zed", "\u00c5sa", "\u00c5sc"], ["Zed"], ["Zed", "Zed", "\u00c5sa"]):
        with pytest.raises(ValueError, match="classes: expected those of the network's classifier"):
            _matching_centres(model, SimpleNamespace(classes=classes))

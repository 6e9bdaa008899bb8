"""Lists of names that settings hold, because the rooms that implement them need Keras or OpenCV to be imported."""

import pytest

from cshml_tf import backbones
from cshml_tf.alignment import crops, detector, folder
from cshml_tf.evaluation.scface import faces
from cshml_tf.layers.preprocessing import STANDARDISATIONS
from cshml_tf.settings import alignment, choices, groups
from cshml_tf.settings.losses import LossSettings
from cshml_tf.settings.option import options_of
from cshml_tf.toy.ways import WAYS
from cshml_tf.training.optimizers import OPTIMIZERS


def test_choices_are_what_the_rooms_implement():
    tensorflow = pytest.importorskip("tensorflow")
    assert tensorflow
    from cshml_tf.evaluation.scface.experiment import MAPPINGS
    from cshml_tf.pretrained.importing import TEMPLATES
    from cshml_tf.training.devices import STRATEGIES

    assert choices.OPTIMIZERS == tuple(OPTIMIZERS)
    assert set(choices.STANDARDISATIONS) == set(STANDARDISATIONS)
    assert choices.STRATEGIES == STRATEGIES
    assert choices.CROPS == crops.CROPS == TEMPLATES
    assert choices.FALLBACKS == crops.FALLBACKS
    assert choices.MAPPINGS == tuple(MAPPINGS)
    assert choices.ALIGNMENTS == faces.ALIGNMENTS
    assert set(choices.TOY_WAYS) == set(WAYS)
    assert alignment.SMALLEST_FACE == detector.SMALLEST_FACE
    assert alignment.WINDOW == detector.WINDOW
    assert groups.MOST_WORKERS == folder.MOST_WORKERS


def test_every_backbone_named_is_there():
    for name in choices.MODELS:
        assert callable(backbones.builder(name))


def test_every_term_that_is_weighted_is_computed():
    """A weight without its term would be a feature that is only a flag."""
    from cshml_tf.terms import TERMS

    assert set(TERMS) == {about.term for about in options_of(LossSettings).values() if about.term}

"""Which options the cache of the HR network's outputs can be combined with."""

import numpy as np
import pytest

from cshml_tf.data.batches import two_branch_batches
from cshml_tf.data.sources import open_source
from cshml_tf.settings.ablation import AblationSettings
from cshml_tf.settings.option import OptionError, options_of
from cshml_tf.settings.training import LrSettings

SIZE = (48, 40)
OF_BATCHES = {name: about for name, about in options_of(LrSettings).items() if about.batch}


def other_value(name):
    """Return a value of an option that is not its default."""
    about, default = OF_BATCHES[name], LrSettings.__dataclass_fields__[name].default
    if about.choices:
        return next(choice for choice in about.choices if choice != default)
    return {bool: lambda: not default, int: lambda: 2, float: lambda: 0.2}[type(default)]()


@pytest.mark.parametrize("name", OF_BATCHES)
def test_exactly_the_options_that_change_hr_faces_are_refused(name, packed_textures):
    """An HR face that equals neither an image nor its mirror image has no stored outputs."""
    source = open_source(packed_textures)
    images = source.read(np.arange(30), SIZE)
    known = {face.tobytes() for view in (images, images[:, :, ::-1]) for face in view}
    value = other_value(name)
    stream = two_branch_batches(source, SIZE, 10, 3, [8], **{OF_BATCHES[name].batch: value})
    faces = [face for _ in range(3) for face in np.asarray(next(stream)["hr"])]
    stream.close()
    changed = any(face.tobytes() not in known for face in faces)
    options = {"data_dir": "faces", "cache_teacher": "cache", name: value}
    if not changed:
        assert LrSettings(**options, pretrained_model="hr", resolution=(8,)).cache_teacher == "cache"
        return
    with pytest.raises(OptionError, match=f"cache_teacher: cannot be combined with {name}, .*; got {value}"):
        LrSettings(**options, pretrained_model="hr", resolution=(8,))
    of_pairs = {"lfw_dir": "lfw", "lfw_pairs": "pairs", "output_dir": "out"}
    with pytest.raises(OptionError, match=f"cache_teacher: cannot be combined with {name}, .*; got {value}"):
        AblationSettings(**options, **of_pairs, networks=("hr",), resolutions=("8",))


def test_the_cells_of_an_ablation_share_a_cache():
    of_pairs = {"lfw_dir": "lfw", "lfw_pairs": "pairs", "output_dir": "out"}
    settings = AblationSettings(
        **of_pairs, data_dir="faces", networks=("hr",), resolutions=("8",), cache_teacher="cache"
    )
    assert settings.shared_options()["cache_teacher"] == "cache"

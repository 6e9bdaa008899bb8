"""Everything that takes the name of a degradation refuses one that the registry lacks, before it does anything."""

import json

import numpy as np
import pytest
from drawn import draw_colour_network, save_colour_network

from cshml_tf.data.batches import two_branch_batches
from cshml_tf.data.folder import read_class_folders
from cshml_tf.data.protocols import FaceImage, Pair
from cshml_tf.degradation import MODES, degrade, degrade_each
from cshml_tf.evaluation.embedding import View
from cshml_tf.evaluation.examples import example_pairs
from cshml_tf.evaluation.lfw import Options, evaluate
from cshml_tf.evaluation.networks import choose_networks
from cshml_tf.evaluation.scface.networks import load_scface_networks
from cshml_tf.layers import Degrade
from cshml_tf.model_folder import read_card, save_model
from cshml_tf.settings.choices import DEGRADATIONS
from cshml_tf.settings.evaluation import LfwSettings
from cshml_tf.settings.groups import DegradationOptions
from cshml_tf.training.validation import make_lfw_evaluation

PIXELS = np.zeros((1, 8, 8, 3), np.uint8)
PAIRS = [Pair(FaceImage("a", 1), FaceImage("a", 2), True, 0), Pair(FaceImage("a", 1), FaceImage("b", 1), False, 0)]
FACES = {image: PIXELS[0] for pair in PAIRS for image in (pair.first, pair.second)}
CARD = {"kind": "hr", "image_size": [48, 40], "resolutions": [8], "figures": {}}


def batches(folder, mode, **options):
    return two_branch_batches(read_class_folders(folder), (48, 40), 4, 0, [8], mode=mode, **options)


def measured(mode, **options):
    network = draw_colour_network(True)
    return evaluate(PAIRS, FACES, network, resolutions=[8], degradation=mode, options=Options(**options))


# Each takes a name and a folder of class folders of faces.
TAKERS = {
    "degrade": lambda mode, folder: degrade(PIXELS, 4, mode),
    "degrade_each": lambda mode, folder: degrade_each(PIXELS, [4, 5], np.zeros(1, int), mode),
    "Degrade": lambda mode, folder: Degrade([4], mode),
    "batches": lambda mode, folder: batches(folder, mode),
    "batches that are degraded on the device": lambda mode, folder: batches(folder, mode, degrade_here=False),
    "View": lambda mode, folder: View(draw_colour_network(True), 8, mode),
    "View of an undegraded image": lambda mode, folder: View(draw_colour_network(True), None, mode),
    "evaluate": lambda mode, folder: measured(mode),
    "evaluate by resolution": lambda mode, folder: measured({8: mode}),
    "evaluate images as they are": lambda mode, folder: measured(mode, as_they_are=True),
    "example_pairs": lambda mode, folder: example_pairs(PAIRS, FACES, {}, [], 8, mode),
    "choose_networks": lambda mode, folder: choose_networks(folder, (), [8], mode),
    "make_lfw_evaluation": lambda mode, folder: make_lfw_evaluation(None, None, [8], mode),
    "save_model": lambda mode, folder: save_model(folder / "model", None, CARD | {"degradation": mode}),
    "the options of training": lambda mode, folder: DegradationOptions(degradation=mode),
    "the options of the LFW test": lambda mode, folder: LfwSettings(
        hr_model=folder, lfw_dir=folder, lfw_pairs=folder, degradation=mode
    ),
}


@pytest.mark.parametrize("mode", ["blur", "Antialias", "antialias ", "", 1])
@pytest.mark.parametrize("taker", TAKERS)
def test_an_unknown_degradation_is_refused_everywhere(taker, mode, texture_folder):
    with pytest.raises(
        ValueError, match=r"(mode|degradation): expected one of antialias, plain, camera, .*, got "
    ):
        TAKERS[taker](mode, texture_folder)
    assert not (texture_folder / "model").exists()


def test_a_card_with_an_unknown_degradation_is_refused(tmp_path):
    save_colour_network(tmp_path / "model", "hr", [])
    card = json.loads((tmp_path / "model" / "model.json").read_text())
    (tmp_path / "model" / "model.json").write_text(json.dumps(card | {"degradation": "blur"}))
    for read in (read_card, lambda folder: load_scface_networks(folder, {})):
        with pytest.raises(ValueError, match="degradation.*antialias.*plain"):
            read(tmp_path / "model")


def test_each_known_one_does_something_else():
    picture = np.random.default_rng(0).integers(0, 256, (1, 40, 32, 3)).astype(np.uint8)
    results = [degrade(picture, 8, mode).tobytes() for mode in MODES]
    assert len(set(results)) == len(MODES) and DEGRADATIONS == tuple(MODES)


def test_a_resolution_without_a_degradation_is_named():
    with pytest.raises(ValueError, match="degradation: expected one for resolution 8, got none"):
        measured({})

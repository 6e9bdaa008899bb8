"""Another network embeds the stored crops anew, and the old thresholds are dropped."""

import dataclasses

import cv2
import numpy as np
import pytest
from drawn import SIZE, save_colour_network

from cshml_tf.gallery.calibration import read_calibrations, store_calibrations
from cshml_tf.gallery.creation import create_gallery
from cshml_tf.gallery.networks import load_gallery_networks, networks_of
from cshml_tf.gallery.rebuilding import rebuild
from cshml_tf.gallery.search import Search


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """An HR network that is not the gallery's, and an LR network for 16."""
    folder = tmp_path_factory.mktemp("others")
    save_colour_network(folder / "hr", "hr", [], factor=3.0)
    save_colour_network(folder / "lr", "lr", [16], factor=4.0)
    return load_gallery_networks(folder / "hr", [folder / "lr"], hr_width=30, weights={"16": 2.0})


def face_of(new_face, name, number, colour):
    crop = cv2.imencode(".png", np.tile(np.uint8(colour), (*SIZE, 1)))[1].tobytes()
    return dataclasses.replace(new_face(name, number, (0, 0, 1)), crop=crop)


@pytest.fixture
def enrolled(gallery, new_face):
    """Two people whose stored embeddings do not fit their crops: only a rebuilt gallery tells them apart."""
    colours = {"Ann": (20, 20, 230), "Bo": (20, 230, 20)}
    gallery.add_faces([face_of(new_face, name, n, colour) for n, (name, colour) in enumerate(colours.items())])
    store_calibrations(gallery, {"HR": [0.5, 0.4]}, 2, 0.5)
    return gallery


def test_crops_are_embedded_by_the_other_networks(enrolled, others, models, unit):
    assert rebuild(enrolled, others, "mean", batch_size=1) == 2
    card = enrolled.card()
    assert (list(card.views), card.hr_width, card.person_score) == (["HR", "16"], 30, "mean")
    assert card.views == others.views
    assert read_calibrations(enrolled) == {}
    # Of Ann's crop in BGR, red is the bright channel.
    (found,) = Search(enrolled).top("16", unit(1, -1, -1)[None], 2)
    assert [each.name for each in found] == ["Ann", "Bo"]
    assert enrolled.log()[-1][1:] == ("rebuilt", None, 2)
    assert networks_of(enrolled).views == others.views
    with pytest.raises(ValueError, match="expected networks for HR, 16, got HR, 8, 12"):
        networks_of(enrolled, models / "hr", (models / "lr",))


def test_a_failed_rebuild_changes_nothing(enrolled, others, monkeypatch):
    before = enrolled.card()

    def fail(pixels):
        raise ValueError("the network is broken")

    monkeypatch.setattr(type(others), "embed_portraits", lambda self, pixels: fail(pixels))
    with pytest.raises(ValueError, match="broken"):
        rebuild(enrolled, others)
    assert enrolled.card() == before and "HR" in read_calibrations(enrolled)


def test_crops_of_another_size_are_refused(file_gallery, others, networks):
    larger = dataclasses.replace(networks, image_size=(112, 96))
    with pytest.raises(
        ValueError, match=r"networks for the stored crops' 48 x 40 \(height x width\), got 112 x 96"
    ):
        rebuild(file_gallery, larger)


def test_the_index_is_made_anew(database, networks, others, new_face, unit, closing_gallery):
    with closing_gallery(create_gallery(database, networks, search="hnsw")) as gallery:
        gallery.add_faces([face_of(new_face, "Ann", 1, (20, 20, 230)), face_of(new_face, "Bo", 2, (20, 230, 20))])
        rebuild(gallery, others)
        assert [each.name for each in Search(gallery).top("HR", unit(1, -1, -1)[None], 1)[0]] == ["Ann"]

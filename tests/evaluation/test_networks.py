"""The choice of model folders for a test, and the people on whom networks were trained."""

import json

import pytest

from cshml_tf.evaluation.networks import choose_networks, people_trained_on

HR = {"kind": "hr", "image_size": [112, 96], "resolutions": [], "degradation": "antialias", "figures": {}}
LR = HR | {"kind": "lr"}


@pytest.fixture
def folder(tmp_path):
    def make(name, card, people=()):
        path = tmp_path / name
        path.mkdir()
        (path / "model.json").write_text(json.dumps(card))
        (path / "people.txt").write_text("".join(f"{person}\n" for person in people))
        return path

    return make


def test_the_network_that_lists_a_resolution_serves_it(folder):
    hr = folder("hr", HR)
    one = folder("one", LR | {"resolutions": [8, [14, 12]], "degradation": "plain"})
    two = folder("two", LR | {"resolutions": [[16, 16], 20]})
    networks = choose_networks(hr, [one, str(two)])
    assert networks.lr_dirs == {8: one, (14, 12): one, 16: two, 20: two}
    assert networks.resolutions == (8, (14, 12), 16, 20)
    assert networks.degradation == {8: "plain", (14, 12): "plain", 16: "antialias", 20: "antialias"}
    assert networks.image_size == (112, 96)
    assert networks.model_dirs() == [hr, one, two]
    asked = choose_networks(hr, [one, two], [16, 8, 16], "antialias")
    assert asked.lr_dirs == {16: two, 8: one}
    assert asked.resolutions == (16, 8)
    assert asked.degradation == {16: "antialias", 8: "antialias"}


def test_no_network_or_two_networks_for_a_resolution_are_errors(folder):
    hr = folder("hr", HR)
    one = folder("one", LR | {"resolutions": [8, 12]})
    two = folder("two", LR | {"resolutions": [12, [14, 12]]})
    with pytest.raises(ValueError, match=r"resolution 16: .*one \(8, 12\); .*two \(12, 14x12\)"):
        choose_networks(hr, [one, two], [8, 16])
    with pytest.raises(ValueError, match=r"resolution 12: expected one LR network .*one and .*two"):
        choose_networks(hr, [one, two])
    assert choose_networks(hr, [one, two], [8]).model_dirs() == [hr, one]
    assert choose_networks(hr, [one, one]).lr_dirs == {8: one, 12: one}


def test_only_the_hr_network(folder):
    hr = folder("hr", HR)
    assert choose_networks(hr).resolutions == ()
    networks = choose_networks(hr, resolutions=[8])
    assert (networks.lr_dirs, networks.degradation) == ({}, {8: "antialias"})
    assert choose_networks(hr, resolutions=[8], degradation="plain").degradation == {8: "plain"}


def test_folders_of_the_wrong_kind_or_size(folder, tmp_path):
    hr, lr = folder("hr", HR), folder("lr", LR | {"resolutions": [8]})
    with pytest.raises(ValueError, match="lr: expected the model folder of an HR network, .* kind 'lr'"):
        choose_networks(lr)
    with pytest.raises(ValueError, match="hr: expected the model folder of an LR network"):
        choose_networks(hr, [hr])
    square = folder("square", LR | {"resolutions": [8], "image_size": [112, 112]})
    with pytest.raises(
        ValueError, match=r"square: expected the image size of .*hr, \[112, 96\], got \[112, 112\]"
    ):
        choose_networks(hr, [square])
    with pytest.raises(ValueError, match="absent: expected a model folder"):
        choose_networks(tmp_path / "absent")


def test_people_trained_on(folder):
    hr = folder("hr", HR, ["Ann", "Bob"])
    lr = folder("lr", LR, ["Bob", "Dee"])
    assert people_trained_on([hr, lr], ["Dee", "Ann", "Cid", "Ann"]) == ["Ann", "Dee"]
    assert people_trained_on([hr], ["Dee"]) == []


def test_people_are_known_in_any_unicode_form(folder):
    decomposed, composed = "Zoe\u0308", "Zo\u00eb"
    hr = folder("hr", HR, [decomposed, "Bob"])
    assert people_trained_on([hr], [composed, "Ann"]) == [composed]
    assert people_trained_on([folder("other", HR, [composed])], [decomposed]) == [decomposed]

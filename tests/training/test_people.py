"""Too few people, or too few images of each, for the loss and the pairs."""

import shutil

import pytest

from cshml_tf.data.sources import open_source
from cshml_tf.settings.training import HrSettings, LrSettings
from cshml_tf.training.faces import check_people, open_faces


@pytest.fixture
def check(texture_folder, tmp_path):
    """Return a function that keeps some images of each person, and checks them for some settings."""

    def run(images, **options):
        folder = tmp_path / "faces"
        for person, count in enumerate(images):
            shutil.copytree(texture_folder / f"person_{person}", folder / f"person_{person}")
            for path in sorted((folder / f"person_{person}").iterdir())[count:]:
                path.unlink()
        lr = {"pretrained_model": "hr", "resolution": (8,), "learning_rate": 0.01}
        settings = (
            LrSettings(data_dir=str(folder), **lr | options) if options else HrSettings(data_dir=str(folder))
        )
        check_people(open_source(folder), settings)

    return run


ONLY_2 = {"contrastive_weight": 0.0, "multi_hierarchy_weight": 0.0}


@pytest.mark.parametrize("options", [{}, ONLY_2])
def test_one_person_is_refused_for_the_classifier_loss(check, options):
    with pytest.raises(ValueError, match="^data_dir: expected images of at least two people, .* 1, 'person_0'"):
        check([5], **options)


def test_one_person_is_warned_of_where_other_terms_learn(check, capsys):
    check([5], classifier_weight=1.0)
    assert "equation 2, learns nothing from one person; got images of 1" in capsys.readouterr().err


def test_one_person_without_equation_2_is_trained_on_silently(check, capsys):
    check([5], classifier_weight=0.0)
    assert capsys.readouterr().err == ""


def test_pairs_of_two_people_need_two(check):
    with pytest.raises(ValueError, match="^negative_share: expected images of at least two people"):
        check([5], classifier_weight=0.0, negative_share=0.5)


def test_pairs_of_different_photographs_need_two_images(check, capsys):
    check([2, 1, 1], pairing="same_person")
    assert "2 of 3 people have one image, which --pairing same_person pairs with itself" in capsys.readouterr().err


def test_pairs_of_different_photographs_are_refused_if_everyone_has_one_image(check):
    with pytest.raises(ValueError, match="^pairing: expected people with two images or more"):
        check([1, 1], pairing="same_person")


def test_two_people_and_other_pairs_cause_no_warning(check, capsys):
    check([1, 1], pairing="random")
    assert capsys.readouterr().err == ""


def test_a_run_checks_its_people_and_images_before_it_begins(hr_options, texture_folder, tmp_path, capsys):
    shutil.copytree(texture_folder / "person_0", tmp_path / "one" / "person_0")
    with pytest.raises(ValueError, match="at least two people"):
        open_faces(HrSettings(**hr_options | {"data_dir": str(tmp_path / "one")}), (48, 40))
    shutil.copytree(texture_folder / "person_1", tmp_path / "one" / "person_1")
    (tmp_path / "one" / "person_1" / "person_1_0004.png").write_bytes(b"half")
    settings = HrSettings(**hr_options | {"data_dir": str(tmp_path / "one"), "check_images": True})
    with pytest.raises(ValueError, match="check_images: expected no unreadable image, got 1 of 10"):
        open_faces(settings, (48, 40))
    assert "person_1_0004.png" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()

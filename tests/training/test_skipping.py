"""A whole run over damaged images: passed over, counted, resumed; or stopped, mended and continued."""

import dataclasses
import shutil

import pytest
from runs import history, interrupt_after, same_weights, weights

from cshml_tf.cli.outcome import report_outcome
from cshml_tf.data.unreadable import UnreadableFace
from cshml_tf.model_folder import read_card
from cshml_tf.settings.training import HrSettings, LrSettings
from cshml_tf.training.hr import train_hr
from cshml_tf.training.lr import train_lr

BAD = ["person_1/person_1_0003.png", "person_4/person_4_0002.png"]


@pytest.fixture
def damaged(texture_folder, tmp_path):
    folder = tmp_path / "faces"
    shutil.copytree(texture_folder, folder)
    for name in BAD:
        (folder / name).write_bytes((folder / name).read_bytes()[:80])
    return folder


@pytest.mark.slow
def test_a_stopped_run_counts_on_as_if_it_had_not_stopped(hr_options, damaged, capsys):
    options = hr_options | {"data_dir": str(damaged), "skip_unreadable": 2, "max_steps": 10, "log_every": 3}
    whole, outcome = train_hr(HrSettings(**options, run_name="whole"), progress=False)
    assert list(outcome.unreadable) == BAD == read_card(whole.model_dir)["unreadable_images"]
    report_outcome(whole, outcome)
    assert f"unreadable images, for which other faces stood in: 2: {', '.join(BAD)}" in capsys.readouterr().out
    broken = HrSettings(**options, run_name="broken")
    train_hr(broken, progress=False, on_step=interrupt_after(5))
    run, _ = train_hr(broken, progress=False)
    assert same_weights(weights(whole.model_dir), weights(run.model_dir))
    rows = [[row | {"pairs_per_second": None} for row in history(each)] for each in (whole, run)]
    assert rows[0] == rows[1] and rows[0][-1]["unreadable"] == "2" and len(rows[0]) == 4


@pytest.mark.slow
def test_a_run_stopped_by_a_damaged_image_continues_once_it_is_replaced(hr_options, damaged, texture_folder):
    options = hr_options | {"max_steps": 10}
    whole, _ = train_hr(HrSettings(**options, run_name="whole"), progress=False)
    settings = HrSettings(**options | {"data_dir": str(damaged), "run_name": "stopped"})
    with pytest.raises(UnreadableFace, match="person_._000..png: .*; replace the file under its own name"):
        train_hr(settings, progress=False)
    for name in BAD:
        shutil.copy(texture_folder / name, damaged / name)
    run, outcome = train_hr(settings, progress=False)
    assert outcome.complete and same_weights(weights(whole.model_dir), weights(run.model_dir))


@pytest.mark.slow
def test_class_means_leave_unreadable_images_out(lr_options, damaged, hr_model_dir):
    options = lr_options | {"data_dir": str(damaged), "new_classifier": True, "max_steps": 1}
    settings = LrSettings(**options, skip_unreadable=2)
    assert train_lr(settings, progress=False)[1].complete
    with pytest.raises(ValueError, match="skip_unreadable: expected at most 1 images, got 2, such as "):
        train_lr(dataclasses.replace(settings, skip_unreadable=1), progress=False)


def test_a_check_lists_every_bad_image_even_if_the_first_is_one(hr_options, texture_folder, tmp_path, capsys):
    folder = tmp_path / "faces"
    shutil.copytree(texture_folder, folder)
    images = sorted(folder.rglob("*.png"))
    for index in (0, 7):
        images[index].write_text("no picture")
    settings = HrSettings(**hr_options | {"data_dir": str(folder), "check_images": True})
    with pytest.raises(ValueError, match="check_images: expected no unreadable image, got 2 of 30"):
        train_hr(settings, progress=False)
    listed = [line for line in capsys.readouterr().err.splitlines() if line.startswith("unreadable: ")]
    assert [images[index].name in line for index, line in zip((0, 7), listed, strict=True)] == [True, True]

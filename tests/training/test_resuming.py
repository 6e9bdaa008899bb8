"""Interrupted runs resume exactly where they stopped, and are refused under other settings or data."""

import dataclasses
import json
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from runs import history, same_weights, weights

from cshml_tf.model_folder import read_card, read_classifier
from cshml_tf.settings.training import HrSettings, LrSettings
from cshml_tf.training.hr import train_hr
from cshml_tf.training.lr import train_lr
from cshml_tf.training.run_folder import open_run

KILLED = """
import json, os, signal, sys
from cshml_tf.settings.training import HrSettings
from cshml_tf.training.hr import train_hr
settings = HrSettings.from_json(json.loads(sys.argv[1]))
train_hr(settings, progress=False, on_step=lambda step: step == 7 and os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.slow
def test_a_killed_run_continues_bit_for_bit(hr_options):
    """Killed after step 7, it resumes from the checkpoint of step 4; dropout, flips and momentum are the same."""
    # A row of the history is the mean of three steps: the checkpoint lies within one.
    options = hr_options | {"max_steps": 12, "checkpoint_steps": 4, "epoch_size": 6, "log_every": 3}
    whole, _ = train_hr(HrSettings(**options | {"run_name": "whole"}), progress=False)
    broken = options | {"run_name": "broken"}
    killed = subprocess.run([sys.executable, "-c", KILLED, json.dumps(broken)], capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    run, outcome = train_hr(HrSettings(**broken), progress=False)
    assert outcome.complete
    assert same_weights(weights(whole.model_dir), weights(run.model_dir))
    assert np.array_equal(read_classifier(whole.model_dir)[0], read_classifier(run.model_dir)[0])
    rows = [[row | {"pairs_per_second": None} for row in history(each)] for each in (whole, run)]
    assert rows[0] == rows[1] and [row["step"] for row in rows[0]] == ["3", "6", "9", "12"]


@pytest.mark.slow
def test_a_stopped_run_resumes_and_a_finished_one_has_no_outcome(lr_options):
    settings = LrSettings(**lr_options | {"run_name": "lr", "max_minutes": 1e-9})
    run, outcome = train_lr(settings, progress=False)
    assert not outcome.complete and outcome.steps == 0 and read_card(run.model_dir)["complete"] is False
    longer = dataclasses.replace(settings, max_minutes=None)
    run, outcome = train_lr(longer, progress=False)
    assert outcome.complete and outcome.steps == 6
    assert train_lr(longer, progress=False)[1] is None
    assert not list(run.checkpoint_dir.glob("*.npz"))


@pytest.mark.slow
def test_ctrl_c_ends_the_run_after_its_step_and_saves_it(hr_options, tmp_path):
    options = hr_options | {"run_name": "stopped", "max_steps": 100_000}
    code = KILLED.replace("signal.SIGKILL", "signal.SIGINT")
    stopped = subprocess.Popen([sys.executable, "-c", code, json.dumps(options)])
    assert stopped.wait(timeout=120) == 0
    card = read_card(tmp_path / "models" / "stopped")
    assert card["complete"] is False and card["steps"] == 7
    assert (tmp_path / "models" / "stopped" / "checkpoints" / "step-00000007.npz").exists()


@pytest.mark.slow
def test_an_unnamed_run_resumes_under_the_name_of_its_folder(hr_options):
    run, outcome = train_hr(HrSettings(**hr_options | {"max_minutes": 1e-6}), progress=False)
    assert not outcome.complete
    again, outcome = train_hr(HrSettings(**hr_options | {"run_name": run.model_dir.name}), progress=False)
    assert again.model_dir == run.model_dir and outcome.complete


@pytest.mark.slow
def test_other_settings_under_the_same_name_are_refused(hr_options):
    settings = HrSettings(**hr_options | {"run_name": "hr", "max_steps": 1})
    train_hr(settings, progress=False)
    with pytest.raises(ValueError, match=r"other settings \(seed\): seed was 666 and is 1"):
        train_hr(dataclasses.replace(settings, seed=1), progress=False)


@pytest.mark.slow
def test_a_changed_schedule_is_refused(hr_options, tmp_path):
    schedule = tmp_path / "schedule.txt"
    schedule.write_text("0: 0.05\n")
    options = hr_options | {"learning_rate": -1, "learning_rate_schedule_file": str(schedule), "run_name": "hr"}
    train_hr(HrSettings(**options | {"max_minutes": 1e-6}), progress=False)
    schedule.write_text("0: 0.9\n")
    with pytest.raises(ValueError, match="cannot be resumed, since the learning rate schedule changed"):
        train_hr(HrSettings(**options), progress=False)


def test_changed_data_are_refused(hr_options, texture_folder, tmp_path):
    shutil.copytree(texture_folder, tmp_path / "faces")
    options = hr_options | {"data_dir": str(tmp_path / "faces"), "run_name": "hr"}
    train_hr(HrSettings(**options | {"max_minutes": 1e-6}), progress=False)
    (tmp_path / "faces" / "person_1" / "person_1_0002.png").unlink()
    with pytest.raises(
        ValueError, match=r"cannot be resumed, since the data changed \(30 images of 6 people before, 29 "
    ):
        train_hr(HrSettings(**options), progress=False)


def test_two_processes_cannot_write_to_one_run(hr_options):
    settings = HrSettings(**hr_options | {"run_name": "hr"})
    other = open_run("hr", settings)
    other.begin({})
    with pytest.raises(ValueError, match="hr: another process is writing to this folder"):
        train_hr(settings, progress=False)
    other.release()
    assert train_hr(settings, progress=False)[1].complete


def test_a_folder_of_something_else_is_left_alone(hr_options, tmp_path):
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "diary.txt").write_text("dear")
    with pytest.raises(ValueError, match="mine exists and does not contain a run"):
        train_hr(HrSettings(**hr_options | {"run_name": "mine"}), progress=False)
    assert [path.name for path in folder.iterdir()] == ["diary.txt"]


def test_the_run_of_the_other_network_is_refused(hr_options, lr_options, hr_model_dir):
    train_hr(HrSettings(**hr_options | {"run_name": "mine", "max_steps": 1}), progress=False)
    with pytest.raises(ValueError, match="run_name: .*mine is the run of an HR network; choose another name"):
        train_lr(LrSettings(**lr_options | {"run_name": "mine"}), progress=False)

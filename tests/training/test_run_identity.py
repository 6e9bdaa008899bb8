"""A run is identified by the content of what it reads: copied or moved, it stays the same run."""

import dataclasses
import json
import os
import shutil

import pytest

from cshml_tf.data.sources import open_source
from cshml_tf.settings.training import HrSettings, LrSettings
from cshml_tf.training.experiment import schedule_of
from cshml_tf.training.inputs import inputs_of
from cshml_tf.training.run_folder import open_run


def begin(settings):
    """Begin or resume a run without training."""
    kind = "hr" if isinstance(settings, HrSettings) else "lr"
    run = open_run(kind, settings)
    run.begin(inputs_of(settings, open_source(settings.data_dir), schedule_of(settings)))
    run.release()
    return run


@pytest.fixture
def place(texture_folder, hr_model_dir, tmp_path):
    """Everything that a run reads, in one folder."""
    folder = tmp_path / "here"
    shutil.copytree(texture_folder, folder / "faces")
    shutil.copytree(hr_model_dir, folder / "hr")
    (folder / "pairs.txt").write_text("1\t1\nperson_0\t1\t2\nperson_0\t1\tperson_1\t2\n")
    return folder


def settings_in(folder):
    return LrSettings(
        **{name: str(folder / name) for name in ("models_base_dir", "logs_base_dir")},
        **{"data_dir": str(folder / "faces"), "lfw_dir": str(folder / "faces")},
        **{"lfw_pairs": str(folder / "pairs.txt"), "pretrained_model": str(folder / "hr")},
        **{"resolution": (8,), "run_name": "lr", "learning_rate": 0.01},
    )


def test_a_copied_run_is_the_same_run(place, tmp_path):
    begun = begin(settings_in(place))
    shutil.copytree(place, tmp_path / "there")
    shutil.rmtree(place)
    again = begin(settings_in(tmp_path / "there"))
    assert again.inputs == begun.inputs and again.model_dir != begun.model_dir


def lose(folder):
    (folder / "faces" / "person_1" / "person_1_0002.png").unlink()


def rename(folder):
    file = folder / "faces" / "person_1" / "person_1_0002.png"
    file.rename(file.with_name("person_1_0009.png"))


def add_a_person(folder):
    shutil.copytree(folder / "faces" / "person_1", folder / "faces" / "person_9")


def train_another_network(folder):
    with open(folder / "hr" / "recogniser.keras", "ab") as file:
        file.write(b"x")


def list_other_pairs(folder):
    (folder / "pairs.txt").write_text("1\t1\nperson_0\t1\t3\nperson_0\t1\tperson_1\t2\n")


@pytest.mark.parametrize(
    "change, words",
    [
        (lose, r"data changed \(30 images of 6 people before, 29 of 6 now\)"),
        (rename, r"data changed \(30 images of 6 people as before, but with other names\)"),
        (add_a_person, r"data changed \(30 images of 6 people before, 35 of 7 now\)"),
        (train_another_network, "content of pretrained_model changed"),
        (list_other_pairs, "content of lfw_pairs"),
    ],
)
def test_another_content_is_another_run(place, change, words):
    begin(settings_in(place))
    change(place)
    with pytest.raises(ValueError, match=f"run_name: .* cannot be resumed, since the {words}"):
        begin(settings_in(place))


def test_replaced_images_of_another_size_and_hidden_files_change_nothing(place):
    begin(settings_in(place))
    (place / "faces" / "person_1" / "person_1_0002.png").write_bytes(b"replaced")
    (place / "faces" / ".ipynb_checkpoints").mkdir()
    (place / "faces" / ".ipynb_checkpoints" / "x.png").touch()
    (place / "faces" / "person_1" / "._person_1_0001.png").touch()
    begin(settings_in(place))


def test_a_run_of_version_0_2_0_resumes_by_its_paths(place, tmp_path):
    """It noted no digest of the network, which therefore must lie where it lay; the faces may be moved."""
    settings = settings_in(place)
    run = begin(settings)
    state = json.loads((run.model_dir / "run.json").read_text())
    state["inputs"] = {name: state["inputs"][name] for name in ("data", "learning rate schedule")}
    for name in ("check_images", "skip_unreadable"):
        del state["settings"][name]
    (run.model_dir / "run.json").write_text(json.dumps(state))
    os.rename(place / "faces", tmp_path / "moved")
    moved = dataclasses.replace(settings, data_dir=str(tmp_path / "moved"), lfw_dir=None, lfw_pairs=None)
    shutil.copytree(place / "hr", tmp_path / "hr")
    with pytest.raises(ValueError, match=r"other settings \(lfw_dir, lfw_pairs, pretrained_model\)"):
        open_run("lr", dataclasses.replace(moved, pretrained_model=str(tmp_path / "hr")))
    (place / "faces").symlink_to(tmp_path / "moved")
    begin(settings)
    # From now on, it is compared by content.
    begin(dataclasses.replace(settings, pretrained_model=str(tmp_path / "hr"), data_dir=str(tmp_path / "moved")))


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"finished": 1}', '{"finished": false, "settings": [], "inputs": {}}', "[" * 5000, "NaN"],
)
def test_a_damaged_run_json_is_one_line(hr_options, tmp_path, content):
    (tmp_path / "models" / "hr").mkdir(parents=True)
    (tmp_path / "models" / "hr" / "run.json").write_text(content)
    with pytest.raises(ValueError, match="^[^\n]*run.json: [^\n]*expected [^\n]*$"):
        open_run("hr", HrSettings(**hr_options | {"run_name": "hr"}))


def test_what_a_killed_first_call_leaves_is_in_nobodys_way(hr_options, tmp_path):
    folder = tmp_path / "models" / "hr"
    folder.mkdir(parents=True)
    for name in (".lock", ".partial-0123-4-abcd", ".DS_Store"):
        (folder / name).write_text("half")
    begin(HrSettings(**hr_options | {"run_name": "hr"}))
    assert json.loads((folder / "run.json").read_text())["finished"] is False


def test_a_failed_first_write_is_repeated(hr_options, monkeypatch):
    settings = HrSettings(**hr_options | {"run_name": "hr"})

    def no_space(path, text):
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("cshml_tf.training.run_folder.write_json", no_space)
        with pytest.raises(OSError, match="No space left"):
            begin(settings)
    begin(settings)


def test_two_that_began_as_one_are_told_apart(hr_options):
    """Both find no run; the second begins after the first has stopped, with other settings or after its end."""
    settings = HrSettings(**hr_options | {"run_name": "hr"})
    inputs = inputs_of(settings, open_source(settings.data_dir), schedule_of(settings))
    late = open_run("hr", dataclasses.replace(settings, seed=3))
    same = open_run("hr", settings)
    run = begin(settings)
    with pytest.raises(ValueError, match=r"other settings \(seed\)"):
        late.begin(inputs)
    run.begin(inputs)
    with pytest.raises(ValueError, match="hr: another process is writing to this folder"):
        same.begin(inputs)
    run.finish()
    run.release()
    with pytest.raises(ValueError, match="another process has just finished this run"):
        same.begin(inputs)


def test_one_log_folder_serves_one_run_at_a_time(hr_options, tmp_path):
    settings = HrSettings(**hr_options | {"run_name": "hr"})
    run = open_run("hr", settings)
    run.begin({})
    elsewhere = dataclasses.replace(settings, models_base_dir=str(tmp_path / "others"))
    with pytest.raises(ValueError, match="logs/hr: another process is writing to this folder"):
        open_run("hr", elsewhere).begin({})
    run.release()
    begin(elsewhere)

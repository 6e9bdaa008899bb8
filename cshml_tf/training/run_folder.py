"""The two folders of a run, and the rule that a name is one run: continued, finished, or refused."""

import dataclasses
import datetime
import itertools
import json
import sys
from pathlib import Path
from typing import Any

from cshml_tf.files import lock_folder, write_json
from cshml_tf.settings.option import options_of

_STATE = "run.json"


@dataclasses.dataclass
class Run:
    """A run that may be continued.

    Attributes:
        model_dir: folder of the model and the checkpoints.
        log_dir: folder of the history, TensorBoard's events and LFW results.
        settings: dict of JSON's types.
        inputs: dict of JSON's types: what the files that the settings name said when the run began.
        finished: whether the last step has been done and the model written.
    """

    model_dir: Path
    log_dir: Path
    settings: dict
    inputs: dict = dataclasses.field(default_factory=dict)
    finished: bool = False
    _lock: Any = None

    @property
    def checkpoint_dir(self):
        """Folder of checkpoints."""
        return self.model_dir / "checkpoints"

    def finish(self):
        """Note that the run is complete."""
        self.finished = True
        self._write()

    def release(self):
        """Let other processes have the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def begin(self, inputs):
        """Make the folders, and note the settings and inputs that later calls must have.

        Args:
            inputs: dict of JSON's types, such as the schedule and a digest of the data.

        Raises:
            ValueError: an earlier call began with other inputs, or another process has the folder or had it
                since this run was opened.
        """
        inputs = json.loads(json.dumps(inputs))
        began = dict(self.inputs)
        # Version 0.1.0 noted which of its two streams of batches a run followed; that of packed faces is today's.
        reordered = began.pop("stream", None) == "folders"
        differing = [name for name, value in began.items() if inputs.get(name) != value]
        if differing:
            raise ValueError(
                f"run_name: {self.model_dir} began with another {' and '.join(differing)} than there is now; "
                "choose another name"
            )
        self.inputs = inputs
        self.model_dir.mkdir(parents=True, exist_ok=True)
        self._lock = lock_folder(self.model_dir)
        if _is_finished(self.model_dir):
            self.release()
            raise ValueError(f"{self.model_dir}: another process has finished this run since this one looked")
        self.log_dir.mkdir(parents=True, exist_ok=True)
        self._write()
        if reordered:
            print(
                f"warning: {self.model_dir} was begun by version 0.1.0 from class folders; from now on its "
                "batches come in the order of version 0.2.0",
                file=sys.stderr,
            )

    def _write(self):
        state = {"finished": self.finished, "settings": self.settings, "inputs": self.inputs}
        write_json(self.model_dir / _STATE, state)


def _is_finished(model_dir):
    path = model_dir / _STATE
    return path.exists() and json.loads(path.read_text(encoding="utf-8"))["finished"]


def open_run(kind, settings):
    """Name a run's folders, or find them again; nothing is written before the run begins.

    Args:
        kind: "hr" or "lr".
        settings: RunSettings.

    Returns:
        Run.

    Raises:
        ValueError: a run of that name has other settings, or its folder is no run's.
    """
    name = settings.run_name or _time_as_name(Path(settings.models_base_dir))
    model_dir = Path(settings.models_base_dir) / name
    log_dir = Path(settings.logs_base_dir) / name
    run = Run(model_dir, log_dir, json.loads(json.dumps({"kind": kind} | settings.as_json())))
    if model_dir.exists() and any(model_dir.iterdir()):
        run.finished, run.inputs = _check_same_run(model_dir, run.settings, type(settings))
    return run


def _time_as_name(base):
    """Give FaceNet's name of a run, and of a second one in the same second another."""
    name = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    candidates = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(candidate for candidate in candidates if not (base / candidate).exists())


def _check_same_run(model_dir, settings, settings_class):
    """Compare with the settings that made the folder; give whether that run is finished, and its inputs."""
    try:
        state = json.loads((model_dir / _STATE).read_text(encoding="utf-8"))
        stored, finished, inputs = dict(state["settings"]), state["finished"], state["inputs"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(f"run_name: {model_dir} exists and is no run's folder; choose another name") from None
    if stored.get("kind") == settings["kind"]:
        stored = {"kind": settings["kind"]} | _in_current_names(stored, settings_class)
    free = {name for name, about in options_of(settings_class).items() if about.continues}
    names = sorted((set(stored) | set(settings)) - free)
    differing = [name for name in names if stored.get(name) != settings.get(name)]
    if differing:
        first = differing[0]
        raise ValueError(
            f"run_name: {model_dir} is a run with other settings ({', '.join(differing)}): {first} was "
            f"{stored.get(first)!r} and is {settings.get(first)!r}; choose another name"
        )
    return finished, inputs


def _in_current_names(stored, settings_class):
    """Translate settings that an earlier version wrote; an option it did not have has its default."""
    own = {name: value for name, value in stored.items() if name != "kind"}
    try:
        return settings_class.from_json(own).as_json()
    except (ValueError, TypeError):
        # What settings cannot be today differs from them, and the comparison names it.
        return own

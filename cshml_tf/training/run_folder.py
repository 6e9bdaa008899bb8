"""The two folders of a run. Repeating its name resumes the run, if its settings and data are the same."""

import dataclasses
import datetime
import itertools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cshml_tf.files import lock_folder, write_json
from cshml_tf.settings.option import options_of
from cshml_tf.settings.training import RunSettings

_STATE = "run.json"


@dataclasses.dataclass
class Run:
    """A run that may be resumed.

    Attributes:
        model_dir: folder of the model and the checkpoints.
        log_dir: folder of the history, TensorBoard's events and LFW results.
        settings: the settings in JSON types.
        inputs: the contents of the files that the settings name, as they were when the run began, in JSON types.
        finished: whether the last step has been done and the model written.
    """

    model_dir: Path
    log_dir: Path
    settings: dict[str, Any]
    inputs: dict[str, Any] = dataclasses.field(default_factory=dict)
    finished: bool = False
    _lock: Any = None

    @property
    def checkpoint_dir(self) -> Path:
        """The folder of checkpoints."""
        return self.model_dir / "checkpoints"

    def finish(self) -> None:
        """Record that the run is complete."""
        self.finished = True
        self._write()

    def release(self) -> None:
        """Let other processes use the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def begin(self, inputs: Mapping[str, Any]) -> None:
        """Make the folders, and record the settings and inputs that later calls must repeat.

        Args:
            inputs: values of JSON types by name, such as the schedule and a digest of the data.

        Raises:
            ValueError: an earlier call had other inputs, another process is using the folder, or has
                finished the run since it was opened here.
        """
        noted = json.loads(json.dumps(inputs))
        began = dict(self.inputs)
        # Version 0.1.0 had two orders of batches and recorded which one a run followed. Its order for packed faces
        # is the one in use today.
        reordered = began.pop("stream", None) == "folders"
        differing = [name for name, value in began.items() if noted.get(name) != value]
        if differing:
            raise ValueError(
                f"run_name: {self.model_dir} cannot be resumed, since the {' and the '.join(differing)} changed; "
                "choose another name"
            )
        self.inputs = noted
        self.model_dir.mkdir(parents=True, exist_ok=True)
        self._lock = lock_folder(self.model_dir)
        if _is_finished(self.model_dir):
            self.release()
            raise ValueError(f"{self.model_dir}: another process has just finished this run")
        self.log_dir.mkdir(parents=True, exist_ok=True)
        self._write()
        if reordered:
            print(
                f"warning: {self.model_dir} was started by version 0.1.0 from class folders; from here on its "
                "batches come in the order of version 0.2.0",
                file=sys.stderr,
            )

    def _write(self) -> None:
        state = {"finished": self.finished, "settings": self.settings, "inputs": self.inputs}
        write_json(self.model_dir / _STATE, state)


def _is_finished(model_dir: Path) -> bool:
    path = model_dir / _STATE
    return path.exists() and json.loads(path.read_text(encoding="utf-8"))["finished"]


def open_run(kind: str, settings: RunSettings) -> Run:
    """Name the folders of a run, or find them again; nothing is written until the run begins.

    Args:
        kind: "hr" or "lr".
        settings: the settings of the run.

    Returns:
        The run, finished if an earlier call has finished it.

    Raises:
        ValueError: a run of that name has other settings, or the folder of that name is not that of a run.
    """
    name = settings.run_name or _time_as_name(Path(settings.models_base_dir))
    model_dir = Path(settings.models_base_dir) / name
    log_dir = Path(settings.logs_base_dir) / name
    run = Run(model_dir, log_dir, json.loads(json.dumps({"kind": kind} | settings.as_json())))
    if model_dir.exists() and any(model_dir.iterdir()):
        run.finished, run.inputs = _check_same_run(model_dir, run.settings, type(settings))
    return run


def _time_as_name(base: Path) -> str:
    """Name a run by the time, as FaceNet does; runs of the same second are numbered."""
    name = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    candidates = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(candidate for candidate in candidates if not (base / candidate).exists())


def _check_same_run(
    model_dir: Path, settings: Mapping[str, Any], settings_class: type[RunSettings]
) -> tuple[bool, dict[str, Any]]:
    """Compare settings with those of the folder's run; return whether that run is finished, and its inputs."""
    try:
        state = json.loads((model_dir / _STATE).read_text(encoding="utf-8"))
        stored, finished, inputs = dict(state["settings"]), state["finished"], state["inputs"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(f"run_name: {model_dir} exists and does not contain a run; choose another name") from None
    if stored.get("kind") != settings["kind"]:
        kind = str(stored.get("kind")).upper()
        raise ValueError(f"run_name: {model_dir} is the run of an {kind} network; choose another name")
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


def _in_current_names(stored: Mapping[str, Any], settings_class: type[RunSettings]) -> dict[str, Any]:
    """Translate settings that an earlier version wrote; options that it did not have get their defaults."""
    own = {name: value for name, value in stored.items() if name != "kind"}
    try:
        return settings_class.from_json(own).as_json()
    except (ValueError, TypeError):
        # Values that are not allowed today differ from the settings, and the comparison names them.
        return own

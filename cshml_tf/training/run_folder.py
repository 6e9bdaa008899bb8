"""The two folders of a run. Repeating its name resumes the run, if its settings and data are the same."""

import contextlib
import dataclasses
import datetime
import itertools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from cshml_tf.files import lock_folder, printable, read_json, visible_entries, write_json
from cshml_tf.settings.option import options_of
from cshml_tf.settings.training import RunSettings
from cshml_tf.training.inputs import difference, paths_compared

_STATE = "run.json"


class _State(TypedDict):
    """The content of `run.json`."""

    finished: bool
    settings: dict[str, Any]
    inputs: dict[str, Any]


@dataclasses.dataclass
class Run:
    """A run that may be resumed.

    Attributes:
        model_dir: folder of the model and the checkpoints.
        log_dir: folder of the history, TensorBoard's events and LFW results.
        settings: the settings in JSON types.
        settings_class: the class of the settings.
        inputs: what identifies the contents of the files that the settings name, as they were when the run began,
            in JSON types.
        finished: whether the last step has been done and the model written.
    """

    model_dir: Path
    log_dir: Path
    settings: dict[str, Any]
    settings_class: type[RunSettings]
    inputs: dict[str, Any] = dataclasses.field(default_factory=dict)
    finished: bool = False
    _locks: contextlib.ExitStack = dataclasses.field(default_factory=contextlib.ExitStack)

    @property
    def checkpoint_dir(self) -> Path:
        """The folder of checkpoints."""
        return self.model_dir / "checkpoints"

    def finish(self) -> None:
        """Record that the run is complete."""
        self.finished = True
        self._write()

    def release(self) -> None:
        """Let other processes use the folders."""
        self._locks.close()

    def begin(self, inputs: Mapping[str, Any]) -> None:
        """Make the folders, and record the settings and inputs that later calls must repeat.

        Args:
            inputs: values of JSON types by name, such as the schedule and a digest of the data.

        Raises:
            ValueError: the run began with other settings or inputs, another process is using the folders, or has
                finished the run since it was opened here.
            OSError: the folders cannot be written.
        """
        self.model_dir.mkdir(parents=True, exist_ok=True)
        # A process that ends or fails before run.json is written leaves only hidden files, which are in nobody's
        # way.
        self._locks.enter_context(lock_folder(self.model_dir))
        try:
            self._compare(json.loads(json.dumps(inputs)))
            self.log_dir.mkdir(parents=True, exist_ok=True)
            self._locks.enter_context(lock_folder(self.log_dir))
            self._write()
        except BaseException:
            self.release()
            raise

    def _compare(self, inputs: dict[str, Any]) -> None:
        """Compare with the folder as it is now, since another process may have begun or finished the run."""
        before = _read_again(self)
        if before is not None:
            if before["finished"]:
                raise ValueError(f"{self.model_dir}: another process has just finished this run")
            began = dict(before["inputs"])
            # Version 0.1.0 had two orders of batches and recorded which one a run followed. Its order for packed
            # faces is the one in use today.
            reordered = began.pop("stream", None) == "folders"
            differing = difference(began, inputs, self.settings_class)
            if differing:
                raise ValueError(
                    f"run_name: {self.model_dir} cannot be resumed, since the {differing}; choose another name"
                )
            if reordered:
                print(
                    f"warning: {self.model_dir} was started by version 0.1.0 from class folders; from here on its "
                    "batches come in the order of version 0.2.0",
                    file=sys.stderr,
                )
        self.inputs = inputs

    def _write(self) -> None:
        state = {"finished": self.finished, "settings": self.settings, "inputs": self.inputs}
        write_json(self.model_dir / _STATE, state)


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
    run = run_named(kind, settings, settings.run_name or _time_as_name(Path(settings.models_base_dir)))
    state = _read_again(run)
    if state is not None:
        run.finished, run.inputs = state["finished"], state["inputs"]
    return run


def run_named(kind: str, settings: RunSettings, name: str) -> Run:
    """Name the folders of a run, which nobody looks at yet.

    Args:
        kind: "hr" or "lr".
        settings: the settings of the run.
        name: the run's name.
    """
    model_dir = Path(settings.models_base_dir) / name
    log_dir = Path(settings.logs_base_dir) / name
    return Run(model_dir, log_dir, json.loads(json.dumps({"kind": kind} | settings.as_json())), type(settings))


def _time_as_name(base: Path) -> str:
    """Name a run by the time, as FaceNet does; runs of the same second are numbered."""
    name = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    candidates = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(candidate for candidate in candidates if not (base / candidate).exists())


def _read_again(run: Run) -> _State | None:
    """Read what the folder says of the run, None if it has none yet; refuse another run and other content."""
    model_dir = run.model_dir
    if not model_dir.exists():
        return None
    path = model_dir / _STATE
    if not path.exists():
        if not model_dir.is_dir() or visible_entries(model_dir):
            raise ValueError(
                f"run_name: {printable(model_dir)} exists and does not contain a run; choose another name"
            )
        return None
    state = read_json(path, _State)
    _check_same_run(run, state)
    return state


def _check_same_run(run: Run, state: _State) -> None:
    """Compare the settings with those that the folder's run began with."""
    model_dir, settings, stored = run.model_dir, run.settings, state["settings"]
    if stored.get("kind") != settings["kind"]:
        kind = str(stored.get("kind")).upper()
        raise ValueError(f"run_name: {model_dir} is the run of an {kind} network; choose another name")
    stored = {"kind": settings["kind"]} | _in_current_names(stored, run.settings_class)
    free = {name for name, about in options_of(run.settings_class).items() if about.continues}
    free |= paths_compared(run.settings_class, state["inputs"])
    names = sorted((set(stored) | set(settings)) - free)
    differing = [name for name in names if stored.get(name) != settings.get(name)]
    if differing:
        first = differing[0]
        raise ValueError(
            f"run_name: {model_dir} is a run with other settings ({', '.join(differing)}): {first} was "
            f"{stored.get(first)!r} and is {settings.get(first)!r}; choose another name"
        )


def _in_current_names(stored: Mapping[str, Any], settings_class: type[RunSettings]) -> dict[str, Any]:
    """Translate settings that an earlier version wrote; options that it did not have get their defaults."""
    own = {name: value for name, value in stored.items() if name != "kind"}
    try:
        return settings_class.from_json(own).as_json()
    except (ValueError, TypeError):
        # Values that are not allowed today differ from the settings, and the comparison names them.
        return own

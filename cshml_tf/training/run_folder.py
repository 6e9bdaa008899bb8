"""The two folders of a run, and the rule that a name is one run: continued, finished, or refused."""

import dataclasses
import datetime
import json
from pathlib import Path

from cshml_tf.files import write_json

_STATE = "run.json"


@dataclasses.dataclass
class Run:
    """A run that may be continued.

    Attributes:
        model_dir: folder of the model and the checkpoints.
        log_dir: folder of the history, TensorBoard's events and LFW results.
        settings: dict of JSON's types.
        finished: whether the last step has been done and the model written.
    """

    model_dir: Path
    log_dir: Path
    settings: dict
    finished: bool = False

    @property
    def checkpoint_dir(self):
        """Folder of checkpoints."""
        return self.model_dir / "checkpoints"

    def finish(self):
        """Note that the run is complete."""
        self.finished = True
        self._write()

    def begin(self):
        """Make the folders, and note the settings that later calls must have."""
        self.model_dir.mkdir(parents=True, exist_ok=True)
        self.log_dir.mkdir(parents=True, exist_ok=True)
        self._write()

    def _write(self):
        write_json(self.model_dir / _STATE, {"finished": self.finished, "settings": self.settings})


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
    name = settings.run_name or datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    model_dir = Path(settings.models_base_dir) / name
    log_dir = Path(settings.logs_base_dir) / name
    run = Run(model_dir, log_dir, json.loads(json.dumps({"kind": kind} | settings.as_json())))
    if model_dir.exists() and any(model_dir.iterdir()):
        run.finished = _check_same_run(model_dir, run.settings, settings.CONTINUATION)
    return run


def _check_same_run(model_dir, settings, free):
    """Compare with the settings that made the folder; give whether that run is finished."""
    try:
        state = json.loads((model_dir / _STATE).read_text(encoding="utf-8"))
        stored, finished = state["settings"], state["finished"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(f"run_name: {model_dir} exists and is no run's folder; choose another name") from None
    names = sorted((set(stored) | set(settings)) - set(free))
    differing = [name for name in names if stored.get(name) != settings.get(name)]
    if differing:
        first = differing[0]
        raise ValueError(
            f"run_name: {model_dir} is a run with other settings ({', '.join(differing)}): {first} was "
            f"{stored.get(first)!r} and is {settings.get(first)!r}; choose another name"
        )
    return finished

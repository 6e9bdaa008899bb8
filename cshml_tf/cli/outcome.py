"""What a training command prints at its end."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cshml_tf.training.loop import Outcome
    from cshml_tf.training.run_folder import Run


def report_outcome(run: "Run", outcome: "Outcome | None") -> None:
    """Print what a training command did, in one line, and where the results are.

    Args:
        run: the run's folders.
        outcome: of this call; None where the run was finished before.
    """
    if outcome is None:
        print(f"nothing to do: this run is already finished: {run.model_dir}")
        return
    state = (
        "finished"
        if outcome.complete
        else f"stopped; the same command with --run_name {run.model_dir.name} resumes"
    )
    print(f"{state}: {outcome.steps} steps done, {outcome.seconds / 60:.1f} minutes in this call")
    print(f"model: {run.model_dir}  logs: {run.log_dir}")

"""The last lines that a training command prints."""

from typing import TYPE_CHECKING

from cshml_tf.files import printable

if TYPE_CHECKING:
    from cshml_tf.training.loop import Outcome
    from cshml_tf.training.run_folder import Run


_MOST_NAMES = 10


def report_outcome(run: "Run", outcome: "Outcome | None") -> None:
    """Print what a training command did, and where the results are.

    Args:
        run: the run's folders.
        outcome: that of this call; None if the run had finished before.
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
    if outcome.unreadable:
        shown = ", ".join(map(printable, outcome.unreadable[:_MOST_NAMES]))
        more = ", ..." if len(outcome.unreadable) > _MOST_NAMES else ""
        print(f"unreadable images, for which other faces stood in: {len(outcome.unreadable)}: {shown}{more}")
    if outcome.worker:
        print(f"worker {outcome.worker}: worker 0 has written the model and the logs")
        return
    print(f"model: {run.model_dir}  logs: {run.log_dir}")

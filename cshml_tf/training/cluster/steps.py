"""What the workers agree on before each step: whether to do it, and which images none of them can read."""

import dataclasses

from cshml_tf.data.unreadable import Unreadable, UnreadableFace
from cshml_tf.training.cluster.single import Cluster


@dataclasses.dataclass(frozen=True)
class Wishes:
    """What a worker, or all of them together, want before a step.

    Attributes:
        stop: whether to end training instead.
        interrupted: whether a signal asked for that.
        save: whether to save a checkpoint after the step; the chief's wish counts.
        failure: why the batch cannot be made; None if it can.
    """

    stop: bool
    interrupted: bool = False
    save: bool = False
    failure: str | None = None


def agree_on_step(cluster: Cluster, step: int, own: Wishes, unreadable: Unreadable) -> Wishes:
    """Exchange wishes, and the unreadable images of the batch; wait until every worker is ready for the step.

    Args:
        cluster: the workers.
        step: the step to begin.
        own: what this worker wants; its batch is made.
        unreadable: what read this worker's faces; it learns of the other workers' unreadable images.

    Returns:
        What all do: to stop if one of them wants to.

    Raises:
        UnreadableFace: raised on all workers, if one of them could not make its batch.
    """
    if cluster.count == 1:
        if own.failure is not None:
            raise UnreadableFace(own.failure)
        return own
    met = list(unreadable.met_at(step).items())
    told = cluster.exchange(dataclasses.asdict(own) | {"met": met})
    failures = [each["failure"] for each in told if each["failure"] is not None]
    if failures:
        raise UnreadableFace(failures[0])
    for each in told:
        unreadable.note(step, dict(each["met"]))
    stop, interrupted = (any(each[name] for each in told) for name in ("stop", "interrupted"))
    return Wishes(stop, interrupted, told[0]["save"])

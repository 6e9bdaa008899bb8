"""What all workers must have in common."""

from typing import Any

from cshml_tf.settings.option import OptionError
from cshml_tf.training.cluster.single import Cluster

SETTINGS = "settings"


def agree(told: dict[str, Any], cluster: Cluster) -> None:
    """Refuse workers that differ.

    Args:
        told: this worker's values, of JSON types, by what they are; those under "settings" are options.
        cluster: the workers.

    Raises:
        ValueError: raised on all workers, with the first difference.
    """
    everyones = cluster.exchange(told)
    chiefs = everyones[0]
    for worker, theirs in enumerate(everyones):
        for name, value in chiefs.items():
            if theirs.get(name) == value:
                continue
            cluster.part()
            if name != SETTINGS:
                raise ValueError(
                    f"strategy: expected the same {name} on all workers, got {value!r} on worker 0 and "
                    f"{theirs.get(name)!r} on worker {worker}"
                )
            field = next(field for field in value if theirs[name].get(field) != value[field])
            raise OptionError(
                f"{{{field}}}: expected the same on all workers, got %s on worker 0 and %s on worker {worker}",
                value[field],
                theirs[name].get(field),
            )

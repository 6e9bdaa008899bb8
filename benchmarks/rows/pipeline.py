"""Make batches of pairs, beside what the training steps measured before consume."""

import dataclasses
import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from cshml_tf.data.batches import two_branch_batches
from cshml_tf.data.packed.writer import pack
from cshml_tf.data.sources import open_source
from cshml_tf.data.synthetic.dataset import write_dataset
from rows import training
from rows.comparison import MEASURED, PeerFigures, Plan, Row, beside, compare

_SIZE = (112, 112)
_RESOLUTIONS = [8, 12, 16, 20]


def rows(plan: Plan, before: list[Row]) -> Iterator[Row]:
    """Measure class folders and packed faces: flips, shifts and one of four resolutions per pair."""
    batch_size, batches = (8, 2) if plan.quick else (64, 40)
    steps = [row for row in before if row.kind == training.KIND and row.status == MEASURED]
    with tempfile.TemporaryDirectory() as folder:
        folders, packed = Path(folder, "faces"), Path(folder, "packed")
        write_dataset(folders, people=4 if plan.quick else 32, pictures=2 if plan.quick else 8, image_size=_SIZE)
        pack(folders, packed)
        for name, place in (("class folders", folders), ("packed", packed)):
            stream = two_branch_batches(open_source(place), _SIZE, batch_size, 1, _RESOLUTIONS, shift=2)
            try:
                what = f"{name}, 112 x 112, batches of {batch_size}"
                row = Row("input pipeline", what, "pairs/s")
                row = compare(plan, row, batch_size * batches, _taking(stream, batches))
            finally:
                stream.close()
            yield dataclasses.replace(row, peers=_consumers(row, steps))


def _taking(stream: Iterator, batches: int) -> Callable[[], None]:
    """Return a function that takes some batches, so many that those made ahead count for little."""

    def take() -> None:
        for _ in itertools.islice(stream, batches):
            pass

    return take


def _consumers(row: Row, steps: list[Row]) -> list[PeerFigures]:
    if not steps:
        return [PeerFigures("the training step", "not run: no training step was measured")]
    return [beside(f"consumed: {step.what}", row.rounds, step.rounds) for step in steps]

"""`cshml-pack`: aligned class folders as one memory-mapped array."""

from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.settings.alignment import PackSettings
from cshml_tf.settings.parser import read_settings

DESCRIPTION = (
    "Pack aligned faces into one memory-mapped array: class folders, or a training set in InsightFace's form "
    "(train.rec and train.idx). Training on the packed folder decodes no images; "
    "evaluation and the ablation accept it in place of class folders."
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(PackSettings, argv, DESCRIPTION)
    import functools

    from tqdm import tqdm

    from cshml_tf.data.insightface.packing import pack_records
    from cshml_tf.data.insightface.records import has_records, open_records
    from cshml_tf.data.packed.writer import pack
    from cshml_tf.data.protocols import read_people

    progress = functools.partial(tqdm, desc="packing", unit="image", disable=None)
    if has_records(settings.data_dir):
        if settings.people:
            raise ValueError("--people: expected class folders, got records, whose people are numbers")
        with open_records(settings.data_dir) as records:
            card = pack_records(records, settings.packed_dir, progress, settings.middle)
    else:
        if settings.middle:
            raise ValueError(
                "--middle: expected train.rec, got class folders; align_dataset.py makes faces of any size"
            )
        people = read_people(settings.people) if settings.people else None
        card = pack(settings.data_dir, settings.packed_dir, people, progress)
    size = sum(path.stat().st_size for path in settings.packed_dir.iterdir())
    height, width = card["image_size"]
    print(
        f"{settings.packed_dir}: {card['images']} faces of {card['classes']} people, {height} x {width}, "
        f"{size / 1e6:.1f} MB"
    )

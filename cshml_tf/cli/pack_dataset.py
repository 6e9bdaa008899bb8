"""`cshml-pack`: aligned class folders as one memory-mapped array."""

from pathlib import Path

from cshml_tf.cli.argument_types import positive
from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.parser import Parser


def make_parser():
    """Describe the command line."""
    parser = Parser(
        description="Pack aligned faces into one memory-mapped array: class folders, or a training set as "
        "InsightFace passes it on (train.rec and train.idx). Training from it decodes nothing; "
        "measuring and the ablation take it in the place of class folders too.",
    )
    group = parser.add_argument_group("input and output")
    group.add_argument(
        "data_dir",
        metavar="FACES",
        help="folder of class folders of aligned faces of one size, or of train.rec and train.idx",
    )
    group.add_argument("packed_dir", metavar="PACKED", type=Path, help="folder to make")
    group.add_argument(
        "--people", metavar="FILE", help="pack these class folders only: LFW's people.txt form, or a name a line"
    )
    group.add_argument(
        "--middle",
        type=positive,
        nargs=2,
        metavar=("H", "W"),
        help="of train.rec, keep the middle of each face: 112 96 fits 112 x 112 faces to a network of 112 x 96",
    )
    return parser


@one_line_errors
def main(argv=None):
    """Run the command; gives its exit code."""
    arguments = make_parser().parse_args(argv)
    import functools

    from tqdm import tqdm

    from cshml_tf.data.insightface.packing import pack_records
    from cshml_tf.data.insightface.records import has_records, open_records
    from cshml_tf.data.packed.writer import pack
    from cshml_tf.data.protocols import read_people

    progress = functools.partial(tqdm, desc="packing", unit="image", disable=None)
    if has_records(arguments.data_dir):
        if arguments.people:
            raise ValueError("--people: is for class folders; the people of train.rec are numbers")
        with open_records(arguments.data_dir) as records:
            card = pack_records(records, arguments.packed_dir, progress, arguments.middle)
    else:
        if arguments.middle:
            raise ValueError("--middle: is for train.rec; align_dataset.py makes faces of any size")
        people = read_people(arguments.people) if arguments.people else None
        card = pack(arguments.data_dir, arguments.packed_dir, people, progress)
    size = sum(path.stat().st_size for path in arguments.packed_dir.iterdir())
    height, width = card["image_size"]
    print(
        f"{arguments.packed_dir}: {card['images']} faces of {card['classes']} people, {height} x {width}, "
        f"{size / 1e6:.1f} MB"
    )

"""`cshml-pack`: aligned class folders as one memory-mapped array."""

from pathlib import Path

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.parser import Parser


def make_parser():
    """Describe the command line."""
    parser = Parser(
        description="Pack class folders of aligned faces into one memory-mapped array. Training from it decodes "
        "nothing and needs no TensorFlow; every command that takes aligned faces takes it in their place.",
    )
    group = parser.add_argument_group("input and output")
    group.add_argument("data_dir", metavar="FACES", help="folder of class folders of aligned faces of one size")
    group.add_argument("packed_dir", metavar="PACKED", type=Path, help="folder to make")
    group.add_argument(
        "--people", metavar="FILE", help="pack these class folders only: LFW's people.txt form, or a name a line"
    )
    return parser


@one_line_errors
def main(argv=None):
    """Run the command; gives its exit code."""
    arguments = make_parser().parse_args(argv)
    import functools

    from tqdm import tqdm

    from cshml_tf.data.packed.writer import pack
    from cshml_tf.data.protocols import read_people

    people = read_people(arguments.people) if arguments.people else None
    progress = functools.partial(tqdm, desc="packing", unit="image", disable=None)
    card = pack(arguments.data_dir, arguments.packed_dir, people, progress)
    size = sum(path.stat().st_size for path in arguments.packed_dir.iterdir())
    height, width = card["image_size"]
    print(
        f"{arguments.packed_dir}: {card['images']} faces of {card['classes']} people, {height} x {width}, "
        f"{size / 1e6:.1f} MB"
    )

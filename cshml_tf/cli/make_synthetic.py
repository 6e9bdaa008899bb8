"""The command `make_synthetic.py`: folders of synthetic faces to train and test on."""

import json
import os
import time
from pathlib import Path

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.parser import Parser

SETTINGS_NAME = "synthetic.json"


@one_line_errors
def main(argv=None):
    """Draw a training folder, a test folder of other people, and the pairs to test on.

    Args:
        argv: the command line's words; None takes the process's own.

    Returns:
        Exit code: 0, or 2 on bad arguments.
    """
    arguments = _parse(argv)
    # Heavy imports come after the arguments, so that --help answers at once.
    import tqdm

    from cshml_tf.data.synthetic import write_dataset
    from cshml_tf.files import write_text

    out_dir = Path(arguments.out_dir)
    parts = _parts(arguments)
    pairs = _pairs(arguments) if arguments.test_people else None
    _claim(out_dir, _settings(arguments))
    started, drawn = time.monotonic(), 0
    total = sum(people * pictures for _, _, people, pictures in parts)
    with tqdm.tqdm(desc="drawing", total=total, unit="picture") as bar:
        for name, first, people, pictures in parts:
            drawn += write_dataset(
                out_dir / name,
                people,
                pictures,
                seed=arguments.seed,
                aligned=not arguments.photographs,
                image_size=tuple(arguments.image_size),
                first_identity=first,
                workers=arguments.workers,
                progress=bar.update,
            )
    if pairs:
        write_text(out_dir / "pairs.txt", pairs)
    _report(arguments, parts, drawn, time.monotonic() - started)
    return 0


def _parse(argv):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parser = Parser(
        description="Draw synthetic faces below OUT_DIR: train/Name/Name_0001.png ..., test/ with other "
        "people, and pairs.txt, a list of pairs of the test people in LFW's form. The same command "
        "again does only what is missing.",
    )
    parser.add_argument("out_dir", metavar="OUT_DIR", help="new, empty, or of an earlier run to continue")
    training = parser.add_argument_group("training folder")
    training.add_argument("--people", type=int, default=120, metavar="N", help="how many; 0 leaves it out")
    training.add_argument("--pictures", type=int, default=20, metavar="N", help="pictures of each")
    test = parser.add_argument_group("test folder")
    test.add_argument("--test_people", type=int, default=40, metavar="N", help="how many; 0 leaves it out")
    test.add_argument("--test_pictures", type=int, default=10, metavar="N", help="pictures of each")
    test.add_argument("--folds", type=int, default=10, metavar="N", help="folds of pairs.txt")
    test.add_argument("--pairs_per_fold", type=int, default=100, metavar="N", help="pairs of each kind in a fold")
    pictures = parser.add_argument_group("pictures")
    pictures.add_argument(
        "--image_size", type=int, nargs=2, default=[112, 96], metavar=("H", "W"), help="of aligned faces, pixels"
    )
    pictures.add_argument(
        "--photographs",
        action="store_true",
        help="draw photographs of 250 x 250 that are not aligned, and a landmarks.csv in each folder",
    )
    pictures.add_argument("--seed", type=int, default=0, help="another seed draws other people")
    running = parser.add_argument_group("running")
    running.add_argument("--workers", type=int, default=min(cores, 8), help="number of processes")
    arguments = parser.parse_args(argv)
    for name in ("people", "test_people", "seed"):
        if getattr(arguments, name) < 0:
            parser.error(f"--{name}: expected 0 or more, got {getattr(arguments, name)}")
    for name in ("pictures", "test_pictures", "folds", "pairs_per_fold", "workers"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name}: expected 1 or more, got {getattr(arguments, name)}")
    if min(arguments.image_size) < 1:
        parser.error(f"--image_size: expected two numbers of 1 or more, got {arguments.image_size}")
    if not arguments.people and not arguments.test_people:
        parser.error("--people and --test_people are both 0: nothing to draw")
    return arguments


def _parts(arguments):
    """What to draw: (folder, number of the first person, people, pictures of each)."""
    parts = [
        ("train", 0, arguments.people, arguments.pictures),
        ("test", arguments.people, arguments.test_people, arguments.test_pictures),
    ]
    return [part for part in parts if part[2]]


def _pairs(arguments):
    """The text of pairs.txt, made first: what can't be paired is refused before anything is drawn."""
    from cshml_tf.data.synthetic import pairs_text, person_name

    numbers = range(arguments.people, arguments.people + arguments.test_people)
    pictures = {person_name(number): arguments.test_pictures for number in numbers}
    return pairs_text(pictures, arguments.folds, arguments.pairs_per_fold, arguments.seed)


def _settings(arguments):
    """What decides the pictures; the number of processes does not."""
    from cshml_tf import __version__

    chosen = {name: value for name, value in vars(arguments).items() if name not in ("out_dir", "workers")}
    return {"version": __version__, **chosen}


def _claim(out_dir, settings):
    """Make OUT_DIR this run's, or find that it already is; refuse what belongs to anything else."""
    from cshml_tf.files import write_json

    out_dir.mkdir(parents=True, exist_ok=True)
    path = out_dir / SETTINGS_NAME
    if path.exists():
        earlier = _read_settings(path)
        differing = [
            f"{name} {earlier.get(name)} is now {value}"
            for name, value in settings.items()
            if earlier.get(name) != value
        ]
        if differing:
            raise ValueError(f"{out_dir} was made with other settings: {'; '.join(differing)}")
    elif any(out_dir.iterdir()):
        raise ValueError(f"{out_dir} is not empty and has no {SETTINGS_NAME}: name a new folder")
    else:
        write_json(path, settings)


def _read_settings(path):
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: expected JSON, got {error}") from None
    if not isinstance(settings, dict):
        raise ValueError(f"{path}: expected a JSON object of settings, got {settings!r}")
    return settings


def _report(arguments, parts, drawn, seconds):
    for name, _, people, pictures in parts:
        print(f"{Path(arguments.out_dir, name)}: {people} people, {pictures} pictures of each")
    if arguments.test_people:
        pairs = f"{arguments.folds} folds of 2 x {arguments.pairs_per_fold} pairs"
        print(f"{Path(arguments.out_dir, 'pairs.txt')}: {pairs}")
    rate = f"{drawn / seconds:.0f} pictures/s" if drawn else "nothing was missing"
    print(f"{drawn} drawn now in {seconds:.1f} s ({rate})")

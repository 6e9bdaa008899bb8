"""`cshml-synthetic`: folders of synthetic faces to train and test on."""

import json
import time
from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.settings.alignment import SyntheticSettings
from cshml_tf.settings.parser import read_settings

DESCRIPTION = (
    "Draw synthetic faces below OUT_DIR: train/NAME/NAME_0001.png ..., test/ with other people, and pairs.txt, a "
    "list of pairs of the test people in LFW's form. Running the same command again draws only what is missing."
)

SETTINGS_NAME = "synthetic.json"


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Draw a training folder, a test folder of other people, and the pairs to test on.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(SyntheticSettings, argv, DESCRIPTION)
    # Heavy imports come after the settings, so that --help answers at once.
    import tqdm

    from cshml_tf.data.synthetic import write_dataset
    from cshml_tf.files import write_text

    out_dir = settings.out_dir
    parts = _parts(settings)
    pairs = _pairs(settings) if settings.test_people else None
    _claim(out_dir, _decisive(settings))
    started, drawn = time.monotonic(), 0
    total = sum(people * pictures for _, _, people, pictures in parts)
    with tqdm.tqdm(desc="drawing", total=total, unit="picture") as bar:
        for name, first, people, pictures in parts:
            drawn += write_dataset(
                out_dir / name,
                people,
                pictures,
                seed=settings.seed,
                aligned=not settings.photographs,
                image_size=settings.image_size,
                first_identity=first,
                workers=settings.workers,
                progress=bar.update,
            )
    if pairs:
        write_text(out_dir / "pairs.txt", pairs)
    _report(settings, parts, drawn, time.monotonic() - started)


def _parts(settings):
    """Return what to draw: (folder, number of the first person, people, pictures of each)."""
    parts = [
        ("train", 0, settings.people, settings.pictures),
        ("test", settings.people, settings.test_people, settings.test_pictures),
    ]
    return [part for part in parts if part[2]]


def _pairs(settings):
    """Return the text of pairs.txt; too few pictures are refused here, before anything is drawn."""
    from cshml_tf.data.synthetic import pairs_text, person_name

    numbers = range(settings.people, settings.people + settings.test_people)
    pictures = {person_name(number): settings.test_pictures for number in numbers}
    return pairs_text(pictures, settings.folds, settings.pairs_per_fold, settings.seed)


def _decisive(settings):
    """Return the settings that decide the pictures, such as the seed but not the number of processes."""
    from cshml_tf import __version__

    chosen = {name: value for name, value in settings.as_json().items() if name not in ("out_dir", "workers")}
    return {"version": __version__, **chosen}


def _claim(out_dir, settings):
    """Claim OUT_DIR for these settings; refuse a folder that has others, or other content."""
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
        raise ValueError(f"{out_dir} is not empty and has no {SETTINGS_NAME}: choose a new folder")
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


def _report(settings, parts, drawn, seconds):
    for name, _, people, pictures in parts:
        print(f"{settings.out_dir / name}: {people} people, {pictures} pictures of each")
    if settings.test_people:
        pairs = f"{settings.folds} folds of 2 x {settings.pairs_per_fold} pairs"
        print(f"{settings.out_dir / 'pairs.txt'}: {pairs}")
    rate = f"{drawn / seconds:.0f} pictures/s" if drawn else "nothing was missing"
    print(f"{drawn} drawn now in {seconds:.1f} s ({rate})")

"""`cshml-synthetic`: folders of synthetic faces to train and test on."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.settings.alignment import SyntheticSettings
from cshml_tf.settings.parser import read_settings

DESCRIPTION = (
    "Draw synthetic faces below OUT_DIR: train/NAME/NAME_0001.png ..., test/ with other people, and pairs.txt, a "
    "list of pairs of the test people in LFW's form. With --clip, draw people who walk past a camera as well. "
    "Running the same command again draws only what is missing."
)

SETTINGS_NAME = "synthetic.json"
_PORTRAITS = 3


class _Part(NamedTuple):
    """A folder of people to draw."""

    name: str
    first: int
    people: int
    pictures: int
    aligned: bool


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Draw a training folder, a test folder of other people, and the pairs to test on.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(SyntheticSettings, argv, DESCRIPTION)
    from cshml_tf.files import lock_folder, remove_left_overs_below, write_json, write_text

    out_dir, decisive = settings.out_dir, _decisive(settings)
    if settings.clip:
        from cshml_tf.data.synthetic import check_video_runs

        check_video_runs()
    parts = _parts(settings)
    pairs = _pairs(settings) if settings.test_people else None
    _check_folder(out_dir, decisive)
    out_dir.mkdir(parents=True, exist_ok=True)
    with lock_folder(out_dir):
        # Another process may have begun with other settings since.
        _check_folder(out_dir, decisive)
        remove_left_overs_below(out_dir)
        write_json(out_dir / SETTINGS_NAME, decisive)
        started = time.monotonic()
        drawn = _draw(settings, parts)
        if pairs:
            write_text(out_dir / "pairs.txt", pairs)
        if settings.clip:
            _draw_clip(settings)
    _report(settings, parts, drawn, time.monotonic() - started)


def _draw(settings, parts):
    """Draw what is missing; return the number of pictures drawn."""
    # Heavy imports come after the settings, so that --help answers at once.
    import tqdm

    from cshml_tf.data.synthetic import write_dataset

    drawn = 0
    total = sum(part.people * part.pictures for part in parts)
    with tqdm.tqdm(desc="drawing", total=total, unit="picture") as bar:
        for part in parts:
            drawn += write_dataset(
                settings.out_dir / part.name,
                part.people,
                part.pictures,
                seed=settings.seed,
                aligned=part.aligned,
                image_size=settings.image_size,
                first_identity=part.first,
                workers=settings.workers,
                progress=bar.update,
            )
    return drawn


def _draw_clip(settings):
    """Draw the clip: the first of portraits/ approaches; strangers and others of portraits/ pass in turn."""
    import tqdm

    from cshml_tf.data.synthetic import write_clip

    first = settings.people + settings.test_people
    after = first + settings.clip_people
    passing = [
        first + 1 + number // 2 if number % 2 else after + number // 2 for number in range(settings.clip_passers)
    ]
    with tqdm.tqdm(desc="drawing the clip", unit="frame") as bar:
        write_clip(settings.out_dir, first, passing, settings.clip_seconds, settings.seed, progress=bar.update)


def _parts(settings):
    """Return what to draw; no two folders have a person in common."""
    aligned = not settings.photographs
    first = settings.people + settings.test_people
    parts = [
        _Part("train", 0, settings.people, settings.pictures, aligned),
        _Part("test", settings.people, settings.test_people, settings.test_pictures, aligned),
    ]
    if settings.clip:
        # The strangers who walk in the clip have the numbers in between.
        after = first + settings.clip_people + (settings.clip_passers + 1) // 2
        parts += [
            _Part("portraits", first, settings.clip_people, _PORTRAITS, False),
            _Part("strangers", after, settings.clip_strangers, 1, False),
        ]
    return [part for part in parts if part.people]


def _pairs(settings):
    """Return the text of pairs.txt; too few pictures are refused here, before anything is drawn."""
    from cshml_tf.data.synthetic import pairs_text, person_name

    numbers = range(settings.people, settings.people + settings.test_people)
    pictures = {person_name(number): settings.test_pictures for number in numbers}
    return pairs_text(pictures, settings.folds, settings.pairs_per_fold, settings.seed)


def _decisive(settings):
    """Return the settings that decide the pictures, such as the seed but not the number of processes."""
    from cshml_tf import __version__

    ignored = {"out_dir", "workers"}
    if not settings.clip:
        # A folder that an earlier version made has no word of clips.
        ignored |= {name for name in settings.as_json() if name.startswith("clip")}
    chosen = {name: value for name, value in settings.as_json().items() if name not in ignored}
    return {"version": __version__, **chosen}


def _check_folder(out_dir, settings):
    """Refuse a folder that was made with other settings, or has other content than hidden files."""
    from cshml_tf.files import read_json, visible_entries

    path = out_dir / SETTINGS_NAME
    if path.exists():
        earlier = read_json(path, dict[str, Any])
        differing = [
            f"{name} {earlier.get(name)} is now {value}"
            for name, value in settings.items()
            if earlier.get(name) != value
        ]
        if differing:
            raise ValueError(f"{out_dir} was made with other settings: {'; '.join(differing)}")
    elif out_dir.exists() and visible_entries(out_dir):
        raise ValueError(f"{out_dir} is not empty and has no {SETTINGS_NAME}: choose a new folder")


def _report(settings, parts, drawn, seconds):
    for part in parts:
        pictures = "1 picture" if part.pictures == 1 else f"{part.pictures} pictures"
        print(f"{settings.out_dir / part.name}: {part.people} people, {pictures} of each")
    if settings.test_people:
        pairs = f"{settings.folds} folds of 2 x {settings.pairs_per_fold} pairs"
        print(f"{settings.out_dir / 'pairs.txt'}: {pairs}")
    if settings.clip:
        walkers = f"{1 + settings.clip_passers} people walk for {settings.clip_seconds:g} s"
        print(f"{settings.out_dir / 'clip.mp4'}: {walkers}; clip.csv says who is where")
    rate = f"{drawn / seconds:.0f} pictures/s" if drawn else "nothing was missing"
    print(f"{drawn} drawn now in {seconds:.1f} s ({rate})")

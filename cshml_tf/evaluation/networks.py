"""Which model folder serves which resolution in a test, and whether it has seen the test's people."""

from dataclasses import dataclass
from pathlib import Path

from cshml_tf.degradation.resolution import check_reductions, format_resolution
from cshml_tf.model_folder import card_of_kind, load_recogniser, trained_people


@dataclass(frozen=True)
class Networks:
    """The model folders of a test.

    Attributes:
        hr_dir: Path of the HR network.
        lr_dirs: dict of resolution, r or (h, w), to the Path of its LR network; empty without LR networks.
        resolutions: those to measure, in order.
        degradation: dict of resolution to "antialias" or "plain".
        image_size: (height, width) of the faces, one for all the networks.
    """

    hr_dir: Path
    lr_dirs: dict
    resolutions: tuple
    degradation: dict
    image_size: tuple

    def model_dirs(self):
        """Give every folder that serves in the test, each once, the HR network's first."""
        return list(dict.fromkeys([self.hr_dir, *self.lr_dirs.values()]))

    def load(self):
        """Load the networks: the HR recogniser, and a dict of resolution to LR recogniser.

        Raises:
            ValueError: one cannot be loaded, or its embeddings have another length than the HR network's.
        """
        loaded = {model_dir: load_recogniser(model_dir) for model_dir in self.model_dirs()}
        size = loaded[self.hr_dir].output_shape[-1]
        for model_dir, recogniser in loaded.items():
            got = recogniser.output_shape[-1]
            if got != size:
                raise ValueError(f"{model_dir}: expected the embedding size of {self.hr_dir}, {size}, got {got}")
        lr_recognisers = {resolution: loaded[folder] for resolution, folder in self.lr_dirs.items()}
        return loaded[self.hr_dir], lr_recognisers


def choose_networks(hr_dir, lr_dirs=(), resolutions=None, degradation=None):
    """Find the LR network of each resolution: the one whose model folder lists it.

    Args:
        hr_dir: model folder of the HR network.
        lr_dirs: model folders of LR networks.
        resolutions: list of r or (h, w) to measure; None for all those of the LR networks.
        degradation: "antialias" or "plain" for all; None for what each LR network was trained on
            ("antialias" where there is none).

    Returns:
        A `Networks`.

    Raises:
        ValueError: no model folder, a folder of the wrong kind or of another image size, or a resolution
            that no LR network lists, or more than one; the message names the folders.
    """
    hr_dir = Path(hr_dir)
    lr_dirs = list(dict.fromkeys(Path(folder) for folder in lr_dirs))
    hr_card = card_of_kind(hr_dir, "hr")
    cards = {folder: card_of_kind(folder, "lr") for folder in lr_dirs}
    for folder, card in cards.items():
        if card["image_size"] != hr_card["image_size"]:
            raise ValueError(
                f"{folder}: expected the image size of {hr_dir}, {hr_card['image_size']}, got {card['image_size']}"
            )
    listed = {folder: [_resolution(entry) for entry in card["resolutions"]] for folder, card in cards.items()}
    if resolutions is None:
        resolutions = [resolution for entries in listed.values() for resolution in entries]
    resolutions = tuple(dict.fromkeys(resolutions))
    check_reductions(resolutions, hr_card["image_size"])
    serving = {resolution: _serving(resolution, listed) for resolution in resolutions} if listed else {}
    own = {resolution: cards[folder]["degradation"] for resolution, folder in serving.items()}
    return Networks(
        hr_dir=hr_dir,
        lr_dirs=serving,
        resolutions=resolutions,
        degradation={r: degradation or own.get(r, "antialias") for r in resolutions},
        image_size=tuple(hr_card["image_size"]),
    )


def people_trained_on(model_dirs, people):
    """Tell which people of a test a network has been trained on, if only an ancestor of it was.

    Args:
        model_dirs: model folders.
        people: iterable of names.

    Returns:
        Sorted list of those names that any of the folders lists.

    Raises:
        ValueError: no model folder.
    """
    people = set(people)
    return sorted(people & frozenset().union(*(trained_people(folder) for folder in model_dirs)))


def trained_on(model_dirs, pairs, images):
    """Say which of the people compared the networks have been trained on, as a report does.

    Args:
        model_dirs: model folders.
        pairs: list of `cshml_tf.data.protocols.Pair`.
        images: mapping of `FaceImage`: pairs without both their images are not compared.

    Returns:
        dict: "people" and "pairs", numbers, and "names".

    Raises:
        ValueError: no model folder.
    """
    compared = [pair for pair in pairs if pair.first in images and pair.second in images]
    people = {image.name for pair in compared for image in (pair.first, pair.second)}
    known = people_trained_on(model_dirs, people)
    affected = sum(pair.first.name in known or pair.second.name in known for pair in compared)
    return {"people": len(known), "pairs": affected, "names": known}


def _resolution(entry):
    """Spell a card's resolution as the library does: r, or (h, w)."""
    if not isinstance(entry, list):
        return entry
    return entry[0] if entry[0] == entry[1] else tuple(entry)


def _serving(resolution, listed):
    folders = [folder for folder, entries in listed.items() if resolution in entries]
    if len(folders) == 1:
        return folders[0]
    shown = format_resolution(resolution)
    if folders:
        names = " and ".join(str(folder) for folder in folders)
        raise ValueError(f"resolution {shown}: expected one LR network that lists it, got {names}")
    has = "; ".join(
        f"{folder} ({', '.join(format_resolution(entry) for entry in entries)})"
        for folder, entries in listed.items()
    )
    raise ValueError(f"resolution {shown}: expected an LR network that lists it, got {has}")

"""The faces to train on: opened, and refused where the settings could not learn from them."""

import functools
import sys
from pathlib import Path

from tqdm import tqdm

from cshml_tf.data import sources
from cshml_tf.data.checking import RECORD, check_images, find_unreadable
from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.protocols import read_people
from cshml_tf.data.unlabelled import Unlabelled, open_unlabelled
from cshml_tf.data.unreadable import Unreadable
from cshml_tf.settings.training import LrSettings, RunSettings


def open_faces(
    settings: RunSettings, image_size: tuple[int, int], progress: bool = False
) -> tuple[FaceSource, Unreadable]:
    """Open the training faces; check all of them or the first one.

    Args:
        settings: names the folder of faces and, optionally, a list of people.
        image_size: (height, width) of the network's input.
        progress: whether to show a progress bar while all are checked.

    Returns:
        The source, as returned by `cshml_tf.data.sources.open_source`, and what reads its faces for batches.

    Raises:
        ValueError: there is nothing to train on, too few people for the loss, or faces are unreadable or of
            another size.
    """
    people = read_people(settings.people) if settings.people else None
    source = sources.open_source(settings.data_dir, people, image_size)
    check_people(source, settings)
    unreadable = Unreadable(source, image_size, settings.seed, settings.skip_unreadable)
    if settings.check_images:
        shown = functools.partial(tqdm, desc="checking", unit="block", disable=not progress)
        record = Path(settings.logs_base_dir) / RECORD
        check_images(source, image_size, settings.skip_unreadable, record, shown)
    unreadable.check()
    return source, unreadable


def open_nameless_faces(
    settings: LrSettings, image_size: tuple[int, int], progress: bool = False
) -> Unlabelled | None:
    """Open the faces without names; check all of them or the first one. See `open_faces` for the arguments.

    Returns:
        The faces; None if the settings name no folder.

    Raises:
        ValueError: there are none, or one is unreadable or of another size; none of them is passed over.
    """
    if settings.unlabelled_dir is None:
        return None
    source = open_unlabelled(settings.unlabelled_dir, image_size)
    if settings.check_images:
        shown = functools.partial(tqdm, desc="checking", unit="block", disable=not progress)
        bad = find_unreadable(source, image_size, Path(settings.logs_base_dir) / RECORD, shown)
        for reason in bad.values():
            print(f"unreadable: {reason}", file=sys.stderr)
        if bad:
            raise ValueError(
                f"unlabelled_dir: expected no unreadable image, got {len(bad)} of {len(source)}, listed above"
            )
    source.check(image_size)
    return Unlabelled(source, settings.unlabelled_batch_size)


def check_people(source: FaceSource, settings: RunSettings) -> None:
    """Refuse, or warn of, faces of too few people, or too few faces of each, for the loss and the pairs.

    Raises:
        ValueError: the loss or the pairs need at least two people, or people with two images, and there are none.
    """
    weights = settings.weights if isinstance(settings, LrSettings) else {"classifier": 1.0}
    if len(source.classes) < 2:
        one = f"got images of {len(source.classes)}, {source.classes[0]!r}"
        if set(weights) == {"classifier"}:
            raise ValueError(
                f"data_dir: expected images of at least two people, since the classifier loss, equation 2, is 0 "
                f"for one; {one}"
            )
        if isinstance(settings, LrSettings) and settings.negative_share:
            raise ValueError(f"negative_share: expected images of at least two people to make pairs of two; {one}")
        if "classifier" in weights:
            _warn(f"{settings.data_dir}: the classifier loss, equation 2, learns nothing from one person; {one}")
    if isinstance(settings, LrSettings) and settings.pairing == "same_person":
        alone = int((source.class_sizes == 1).sum())
        if alone == len(source.classes):
            raise ValueError(
                "pairing: expected people with two images or more for same_person, got one image of everyone"
            )
        if alone:
            _warn(
                f"{settings.data_dir}: {alone} of {len(source.classes)} people have one image, which --pairing "
                "same_person pairs with itself"
            )


def _warn(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr)

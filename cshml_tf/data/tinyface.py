"""TinyFace: native low-resolution faces to identify among distractors.

Source: Cheng, Zhu and Gong, "Low-Resolution Face Recognition", ACCV 2018, and the layout of its Testing_Set.
Distributed are 3,728 probes, 4,443 gallery images with a mate, and 153,428 distractors.
"""

from dataclasses import dataclass
from pathlib import Path

from cshml_tf.data.listed_images import LabelledImage, find_copies, find_entry, find_list, find_listed
from cshml_tf.data.mat_lists import read_names_and_ids

DISTRACTOR = -100
DISTRIBUTED_DISTRACTORS = 153_428
_GALLERY_LIST, _PROBE_LIST = "gallery_match_img_ID_pairs.mat", "probe_img_ID_pairs.mat"


@dataclass(frozen=True)
class TinyFace:
    """The identification test.

    Attributes:
        probes: list of `LabelledImage`, in the order of the data set's list.
        gallery_matches: list of `LabelledImage`, likewise.
        distractors: list of `LabelledImage` with the label `DISTRACTOR`; the gallery holds these too.
        missing_probes: list of `LabelledImage` that are listed and not there, with the paths expected.
        missing_matches: likewise, of the gallery.
        missing_distractors: list of Paths of distractors as distributed that are not among the images.
        unlisted: list of Paths of images in the folders of probes and matches that no list names, and of
            distractors that are not distributed.
    """

    probes: list
    gallery_matches: list
    distractors: list
    missing_probes: list
    missing_matches: list
    missing_distractors: list
    unlisted: list

    @property
    def missing(self):
        """Probes and matches that are listed and not there, in this order."""
        return self.missing_probes + self.missing_matches

    @property
    def gallery(self):
        """Matches and distractors, in this order."""
        return self.gallery_matches + self.distractors


def read_tinyface(root, images_root=None):
    """Read TinyFace's identification test as distributed.

    Args:
        root: the folder that holds `Testing_Set`, or that folder; the lists (.mat) stand in it, or in
            `Face_Identification_Evaluation` beside it.
        images_root: where the images are, in the same folders, such as aligned copies; their suffix may differ.
            None takes `root`.

    Returns:
        `TinyFace`.

    Raises:
        OSError: a file can't be read.
        ValueError: a list or folder is absent, or a list is damaged; the message names it.
    """
    names = ("Testing_Set", "Face_Identification_Evaluation")
    distributed, _ = lists = [find_entry(root, name) or Path(root) for name in names]
    images_root = root if images_root is None else images_root
    images_root = find_entry(images_root, "Testing_Set") or Path(images_root)
    probes, missing_probes, unlisted_probes = find_listed(
        *read_names_and_ids(find_list(lists, _PROBE_LIST, "TinyFace"), "probe_set", "probe_ids"),
        _folder(images_root, "Probe"),
    )
    matches, missing_matches, unlisted_matches = find_listed(
        *read_names_and_ids(find_list(lists, _GALLERY_LIST, "TinyFace"), "gallery_set", "gallery_ids"),
        _folder(images_root, "Gallery_Match"),
    )
    distractors, missing_distractors, unlisted_distractors = find_copies(
        _folder(distributed, "Gallery_Distractor"), _folder(images_root, "Gallery_Distractor")
    )
    return TinyFace(
        probes,
        matches,
        [LabelledImage(path, DISTRACTOR) for path in distractors],
        missing_probes,
        missing_matches,
        missing_distractors,
        unlisted_probes + unlisted_matches + unlisted_distractors,
    )


def _folder(images_root, name):
    return find_entry(images_root, name) or images_root / name

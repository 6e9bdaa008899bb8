"""Read TinyFace: natively low-resolution faces to identify among distractors.

Source: Cheng, Zhu and Gong, "Low-Resolution Face Recognition", ACCV 2018, and the layout of its Testing_Set.
It is distributed with 3,728 probes, 4,443 gallery images that have a mate, and 153,428 distractors.
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
        gallery_matches: gallery images with a mate: list of `LabelledImage`, in the order of the data set's list.
        distractors: the rest of the gallery: list of `LabelledImage` with the label `DISTRACTOR`.
        missing_probes: list of `LabelledImage` that are listed but do not exist, with their expected paths.
        missing_matches: the same for gallery images with a mate.
        missing_distractors: paths of distributed distractors that are not among the images.
        unlisted: paths of images in the folders of probes and matches that no list names, and of
            distractors that are not among those distributed.
    """

    probes: list[LabelledImage]
    gallery_matches: list[LabelledImage]
    distractors: list[LabelledImage]
    missing_probes: list[LabelledImage]
    missing_matches: list[LabelledImage]
    missing_distractors: list[Path]
    unlisted: list[Path]

    @property
    def missing(self) -> list[LabelledImage]:
        """Probes, then matches, that are listed but do not exist."""
        return self.missing_probes + self.missing_matches

    @property
    def gallery(self) -> list[LabelledImage]:
        """Matches, then distractors."""
        return self.gallery_matches + self.distractors


def read_tinyface(root: str | Path, images_root: str | Path | None = None) -> TinyFace:
    """Read TinyFace's identification test as distributed.

    Args:
        root: the folder `Testing_Set` or its parent; the lists (.mat) are in it, or in
            `Face_Identification_Evaluation` next to it.
        images_root: folder of the images, for example of aligned copies, with the same subfolders; suffixes
            may differ. None takes `root`.

    Returns:
        `TinyFace`.

    Raises:
        OSError: a file cannot be read.
        ValueError: a list or folder is missing, or a list is damaged; the message names it.
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


def _folder(images_root: Path, name: str) -> Path:
    return find_entry(images_root, name) or images_root / name

"""QMUL-SurvFace: surveillance faces to verify in pairs, and to identify in an open set.

Source: Cheng, Zhu and Gong, "Surveillance Face Recognition Challenge", 2018, and the layout of the data set.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cshml_tf.data.listed_images import find_copies, find_entry, find_list, find_listed, images_by_stem, stem_of
from cshml_tf.data.mat_lists import read_name_pairs, read_names_and_ids

_TESTS = {
    "verification": ("Face_Verification_Test_Set", ("positive_pairs_names.mat", "negative_pairs_names.mat")),
    "identification": (
        "Face_Identification_Test_Set",
        ("gallery_img_ID_pairs.mat", "mated_probe_img_ID_pairs.mat"),
    ),
}
_EVALUATION = ("Face_Verification_Evaluation", "Face_Identification_Evaluation")


class SurvFacePair(NamedTuple):
    """Two images to compare.

    Attributes:
        first: Path; of a missing pair, as expected.
        second: Path; likewise.
        same: whether both are of one person.
    """

    first: Path
    second: Path
    same: bool


@dataclass(frozen=True)
class SurvFaceVerification:
    """The verification test.

    Attributes:
        pairs: list of `SurvFacePair`, those of one person first, in the order of the data set's lists.
        missing: list of `SurvFacePair` of which an image, or both, is not there.
    """

    pairs: list
    missing: list


@dataclass(frozen=True)
class SurvFaceIdentification:
    """The open-set identification test.

    Attributes:
        gallery: list of `LabelledImage`, in the order of the data set's list; several a person.
        mated_probes: list of `LabelledImage` of people in the gallery, likewise.
        unmated_probes: list of Paths of people that are not in the gallery; nobody says who they are.
        missing_gallery: list of `LabelledImage` that are listed and not there, with the paths expected.
        missing_probes: likewise, of the mated probes.
        missing_unmated: list of Paths of unmated probes as distributed that are not among the images.
        unlisted: list of Paths of images in the folders of gallery and mated probes that no list names, and of
            unmated probes that are not distributed.
    """

    gallery: list
    mated_probes: list
    unmated_probes: list
    missing_gallery: list
    missing_probes: list
    missing_unmated: list
    unlisted: list

    @property
    def missing(self):
        """Gallery images and mated probes that are listed and not there, in this order."""
        return self.missing_gallery + self.missing_probes


def survface_tests(root, images_root=None):
    """Tell which tests there are.

    Args:
        root: as `read_survface_verification`.
        images_root: likewise; a test whose folder it lacks, while it has the other's, is none.

    Returns:
        list of names: "verification", "identification", or both.

    Raises:
        ValueError: there is neither; the message names the folders expected.
    """
    found = [
        name
        for name, (folder, lists) in _TESTS.items()
        if find_entry(root, folder) or any(find_entry(root, list_) for list_ in lists)
    ]
    if not found:
        folders = " or ".join(folder for folder, _ in _TESTS.values())
        raise ValueError(f"{root}: expected SurvFace's {folders}, found neither")
    if images_root is None:
        return found
    with_images = [name for name in found if find_entry(images_root, _TESTS[name][0])]
    return with_images or found


def read_survface_verification(root, images_root=None):
    """Read the verification pairs as distributed.

    Args:
        root: the folder that holds `Face_Verification_Test_Set`, or that folder; its lists (.mat) stand in it, or
            in `Face_Verification_Evaluation` beside it.
        images_root: where the images are, in the same folders, such as aligned copies; their suffix may differ.
            None takes `root`.

    Returns:
        `SurvFaceVerification`.

    Raises:
        OSError: a file can't be read.
        ValueError: a list or folder is absent, or a list is damaged; the message names it.
    """
    distributed, images_root = _test_set("verification", root, images_root)
    folder = _entry(images_root, "verification_images")
    images = images_by_stem(folder)
    pairs, missing = [], []
    for field, same in (("positive_pairs_names", True), ("negative_pairs_names", False)):
        for names in read_name_pairs(_list(root, distributed, f"{field}.mat"), field):
            paths = [images.get(stem_of(name)) for name in names]
            expected = (path or folder / name for path, name in zip(paths, names, strict=True))
            (missing if None in paths else pairs).append(SurvFacePair(*expected, same))
    return SurvFaceVerification(pairs, missing)


def read_survface_identification(root, images_root=None):
    """Read the gallery and the probes of the open set as distributed.

    Args:
        root: the folder that holds `Face_Identification_Test_Set`, or that folder; its lists stand in it, or in
            `Face_Identification_Evaluation` beside it.
        images_root: as `read_survface_verification`.

    Returns:
        `SurvFaceIdentification`.

    Raises:
        OSError: a file can't be read.
        ValueError: as `read_survface_verification`.
    """
    distributed, images_root = _test_set("identification", root, images_root)
    gallery, missing_gallery, unlisted_gallery = find_listed(
        *read_names_and_ids(_list(root, distributed, "gallery_img_ID_pairs.mat"), "gallery_set", "gallery_ids"),
        _entry(images_root, "gallery"),
    )
    mated, missing_mated, unlisted_mated = find_listed(
        *read_names_and_ids(
            _list(root, distributed, "mated_probe_img_ID_pairs.mat"), "mated_probe_set", "mated_probe_ids"
        ),
        _entry(images_root, "mated_probe"),
    )
    unmated, missing_unmated, unlisted_unmated = find_copies(
        _entry(distributed, "unmated_probe"), _entry(images_root, "unmated_probe")
    )
    return SurvFaceIdentification(
        gallery,
        mated,
        unmated,
        missing_gallery,
        missing_mated,
        missing_unmated,
        unlisted_gallery + unlisted_mated + unlisted_unmated,
    )


def _test_set(name, root, images_root):
    """Give the folder as distributed, and that of the images."""
    folders = (root, root if images_root is None else images_root)
    return [find_entry(folder, _TESTS[name][0]) or Path(folder) for folder in folders]


def _list(root, folder, name):
    """Find a list in the test's folder, or in the folder of evaluation code beside it."""
    beside = [find_entry(root, folder_of_code) for folder_of_code in _EVALUATION]
    return find_list([folder, *beside], name, "SurvFace")


def _entry(folder, name):
    return find_entry(folder, name) or folder / name

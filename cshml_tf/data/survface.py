"""Read QMUL-SurvFace: surveillance faces to verify in pairs, and to identify in an open set.

Source: Cheng, Zhu and Gong, "Surveillance Face Recognition Challenge", 2018, and the layout of the data set.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cshml_tf.data.listed_images import (
    LabelledImage,
    find_copies,
    find_entry,
    find_list,
    find_listed,
    images_by_stem,
    stem_of,
)
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
        first: path of one image; in a missing pair, its expected path.
        second: path of the other image, in the same form.
        same: whether both show the same person.
    """

    first: Path
    second: Path
    same: bool


@dataclass(frozen=True)
class SurvFaceVerification:
    """The verification test.

    Attributes:
        pairs: list of `SurvFacePair`, those of one person first, in the order of the data set's lists.
        missing: list of `SurvFacePair`, each with at least one image that does not exist.
    """

    pairs: list[SurvFacePair]
    missing: list[SurvFacePair]


@dataclass(frozen=True)
class SurvFaceIdentification:
    """The open-set identification test.

    Attributes:
        gallery: list of `LabelledImage`, in the order of the data set's list; several per person.
        mated_probes: people in the gallery: list of `LabelledImage`, in the order of the data set's list.
        unmated_probes: paths of images of people who are not in the gallery; their identities are unknown.
        missing_gallery: list of `LabelledImage` that are listed but do not exist, with their expected paths.
        missing_probes: the same for the mated probes.
        missing_unmated: paths of distributed unmated probes that are not among the images.
        unlisted: paths of images in the folders of gallery and mated probes that no list names, and of
            unmated probes that are not among those distributed.
    """

    gallery: list[LabelledImage]
    mated_probes: list[LabelledImage]
    unmated_probes: list[Path]
    missing_gallery: list[LabelledImage]
    missing_probes: list[LabelledImage]
    missing_unmated: list[Path]
    unlisted: list[Path]

    @property
    def missing(self) -> list[LabelledImage]:
        """Gallery images, then mated probes, that are listed but do not exist."""
        return self.missing_gallery + self.missing_probes


def survface_tests(root: str | Path, images_root: str | Path | None = None) -> list[str]:
    """Return the tests that are present.

    Args:
        root: as for `read_survface_verification`.
        images_root: as for `read_survface_verification`; if it contains the folder of only one test, the other
            test is not counted.

    Returns:
        list of names: "verification", "identification", or both.

    Raises:
        ValueError: neither is present; the message names the expected folders.
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


def read_survface_verification(root: str | Path, images_root: str | Path | None = None) -> SurvFaceVerification:
    """Read the verification pairs as distributed.

    Args:
        root: the folder `Face_Verification_Test_Set` or its parent; its lists (.mat) are in it, or
            in `Face_Verification_Evaluation` next to it.
        images_root: folder of the images, for example of aligned copies, with the same subfolders; suffixes
            may differ. None takes `root`.

    Returns:
        `SurvFaceVerification`.

    Raises:
        OSError: a file cannot be read.
        ValueError: a list or folder is missing, or a list is damaged; the message names it.
    """
    distributed, images_root = _test_set("verification", root, images_root)
    folder = _entry(images_root, "verification_images")
    images = images_by_stem(folder)
    pairs, missing = [], []
    for field, same in (("positive_pairs_names", True), ("negative_pairs_names", False)):
        for names in read_name_pairs(_list(root, distributed, f"{field}.mat"), field):
            paths = [images.get(stem_of(name)) for name in names]
            first, second = (path or folder / name for path, name in zip(paths, names, strict=True))
            (missing if None in paths else pairs).append(SurvFacePair(first, second, same))
    return SurvFaceVerification(pairs, missing)


def read_survface_identification(
    root: str | Path, images_root: str | Path | None = None
) -> SurvFaceIdentification:
    """Read the gallery and the probes of the open set as distributed.

    Args:
        root: the folder `Face_Identification_Test_Set` or its parent; its lists are in it, or in
            `Face_Identification_Evaluation` next to it.
        images_root: as for `read_survface_verification`.

    Returns:
        `SurvFaceIdentification`.

    Raises:
        OSError: a file cannot be read.
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


def _test_set(name: str, root: str | Path, images_root: str | Path | None) -> tuple[Path, Path]:
    """Return a test's folder as distributed, and the folder of its images."""
    folder = _TESTS[name][0]
    distributed = find_entry(root, folder) or Path(root)
    if images_root is None:
        return distributed, distributed
    return distributed, find_entry(images_root, folder) or Path(images_root)


def _list(root: str | Path, folder: Path, name: str) -> Path:
    """Find a list in the test's folder, or in the folders of evaluation code next to it."""
    code_folders = [find_entry(root, code_folder) for code_folder in _EVALUATION]
    return find_list([folder, *code_folders], name, "SurvFace")


def _entry(folder: Path, name: str) -> Path:
    return find_entry(folder, name) or folder / name

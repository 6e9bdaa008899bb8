import numpy as np
import pytest
from scipy.io import savemat

from cshml_tf.data.survface import read_survface_identification, read_survface_verification, survface_tests

POSITIVE = [("1_cam1_1.jpg", "1_cam2_1.jpg"), ("2_cam1_1.jpg", "2_cam1_2.JPG"), ("3_cam1_1.jpg", "3_cam1_2.jpg")]
NEGATIVE = [("1_cam1_1.jpg", "2_cam1_1.jpg"), ("3_cam1_1.jpg", "1_cam2_1.jpg"), ("2_cam1_2.JPG", "3_cam1_2.jpg")]
GALLERY = {"1_cam1_1.jpg": 11, "1_cam2_1.jpg": 11, "2_cam1_1.jpg": 12}
MATED = {"2_cam1_2.JPG": 12, "1_cam3_1.jpg": 11}
UNMATED = ["distractors_1.jpg", "distractors_2.jpg"]


def cells(rows):
    """Return a cell array of N x 2 names."""
    array = np.empty((len(rows), 2), object)
    for number, row in enumerate(rows):
        array[number] = list(row)
    return array


def cells_of_cells(rows, shape):
    """Return a cell array whose cells are 1 x 2 cell arrays."""
    array = np.empty(len(rows), object)
    for number, row in enumerate(rows):
        array[number] = cells([row])
    return array.reshape(shape)


def column(names):
    array = np.empty((len(names), 1), object)
    array[:, 0] = list(names)
    return array


def touch_all(folder, names):
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()


@pytest.fixture
def verification(tmp_path):
    folder = tmp_path / "QMUL-SurvFace" / "Face_Verification_Test_Set"
    touch_all(folder / "verification_images", {name for pair in POSITIVE + NEGATIVE for name in pair})
    savemat(folder / "positive_pairs_names.mat", {"positive_pairs_names": cells(POSITIVE)})
    savemat(folder / "negative_pairs_names.mat", {"negative_pairs_names": cells(NEGATIVE)})
    return folder


@pytest.fixture
def identification(tmp_path):
    folder = tmp_path / "QMUL-SurvFace" / "Face_Identification_Test_Set"
    for name, files in (("gallery", GALLERY), ("mated_probe", MATED), ("unmated_probe", UNMATED)):
        touch_all(folder / name, files)
    for stem, listed in (("gallery", GALLERY), ("mated_probe", MATED)):
        ids = np.array(list(listed.values()), np.uint16)[:, None]
        fields = {f"{stem}_set": column(listed), f"{stem}_ids": ids}
        savemat(folder / f"{stem}_img_ID_pairs.mat", fields)
    return folder


class TestVerification:
    def test_as_distributed(self, verification):
        data = read_survface_verification(verification.parent)
        images = verification / "verification_images"
        assert data.pairs == [
            *((images / first, images / second, True) for first, second in POSITIVE),
            *((images / first, images / second, False) for first, second in NEGATIVE),
        ]
        assert data.missing == []
        assert read_survface_verification(verification) == data

    @pytest.mark.parametrize("shape", [(3, 1), (1, 3)])
    def test_cells_of_cells(self, verification, shape):
        expected = read_survface_verification(verification)
        field = "positive_pairs_names"
        savemat(verification / f"{field}.mat", {field: cells_of_cells(POSITIVE, shape)})
        assert read_survface_verification(verification) == expected

    @pytest.mark.parametrize("rows", [1, 2])
    @pytest.mark.parametrize("form", ["cells", "column", "row"])
    def test_a_few_pairs_are_not_mistaken_for_another_shape(self, verification, rows, form):
        field, pairs = "positive_pairs_names", POSITIVE[:rows]
        shape = (rows, 1) if form == "column" else (1, rows)
        value = cells(pairs) if form == "cells" else cells_of_cells(pairs, shape)
        savemat(verification / f"{field}.mat", {field: value})
        same = [pair for pair in read_survface_verification(verification).pairs if pair.same]
        assert [(pair.first.name, pair.second.name) for pair in same] == pairs

    def test_a_missing_image_is_reported(self, verification):
        gone = verification / "verification_images" / "2_cam1_2.JPG"
        gone.unlink()
        data = read_survface_verification(verification)
        assert [(pair.second if pair.same else pair.first) for pair in data.missing] == [gone, gone]
        assert [pair.same for pair in data.missing] == [True, False]
        assert len(data.pairs) == 4

    def test_aligned_copies(self, verification, tmp_path):
        aligned = tmp_path / "aligned" / "Face_Verification_Test_Set" / "verification_images"
        stems = {name[:-4] for pair in POSITIVE + NEGATIVE for name in pair}
        touch_all(aligned, [f"{stem}.png" for stem in stems])
        data = read_survface_verification(verification.parent, tmp_path / "aligned")
        assert data.missing == []
        assert data.pairs[1] == (aligned / "2_cam1_1.png", aligned / "2_cam1_2.png", True)

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (cells([("a.jpg", "b.jpg"), ("c.jpg", "")]), r"expected two names in pair 2, got \['c.jpg'\]"),
            (cells_of_cells([("a.jpg", "b.jpg"), ("c.jpg", 4)], (2, 1)), "expected two names in pair 2"),
            (column(["a.jpg", "b.jpg"]), r"expected two names in pair 1, got \['a.jpg'\]"),
            (np.ones((3, 2)), "expected two names in pair 1"),
            (np.empty((0, 2), object), "expected pairs of names, got none"),
        ],
    )
    def test_errors_name_file_and_field(self, verification, value, message):
        field = "negative_pairs_names"
        savemat(verification / f"{field}.mat", {field: value})
        with pytest.raises(ValueError, match=rf"{field}\.mat, {field}: {message}"):
            read_survface_verification(verification)

    def test_damaged_and_absent_lists(self, verification):
        path = verification / "negative_pairs_names.mat"
        path.write_bytes(path.read_bytes()[:-30])
        with pytest.raises(ValueError, match=r"negative_pairs_names\.mat: expected a MATLAB file, got a damaged"):
            read_survface_verification(verification)
        path.unlink()
        with pytest.raises(ValueError, match="expected SurvFace's list negative_pairs_names.mat, found none"):
            read_survface_verification(verification)


class TestIdentification:
    def test_as_distributed(self, identification):
        data = read_survface_identification(identification.parent)
        assert data.gallery == [(identification / "gallery" / name, label) for name, label in GALLERY.items()]
        assert data.mated_probes == [(identification / "mated_probe" / name, lab) for name, lab in MATED.items()]
        assert data.unmated_probes == [identification / "unmated_probe" / name for name in UNMATED]
        assert data.missing == [] and data.unlisted == []
        assert read_survface_identification(identification) == data

    def test_lists_next_to_the_test_set(self, identification):
        data = read_survface_identification(identification.parent)
        evaluation = identification.parent / "Face_Identification_Evaluation"
        evaluation.mkdir()
        for path in identification.glob("*.mat"):
            path.rename(evaluation / path.name)
        assert read_survface_identification(identification.parent) == data
        with pytest.raises(ValueError, match="expected SurvFace's list gallery_img_ID_pairs.mat, found none"):
            read_survface_identification(identification)

    def test_missing_and_unlisted_images_are_reported(self, identification):
        (identification / "gallery" / "2_cam1_1.jpg").unlink()
        (identification / "mated_probe" / "9_cam1_1.jpg").touch()
        data = read_survface_identification(identification)
        assert data.missing == [(identification / "gallery" / "2_cam1_1.jpg", 12)]
        assert data.unlisted == [identification / "mated_probe" / "9_cam1_1.jpg"]
        assert (len(data.gallery), len(data.mated_probes)) == (2, 2)

    def test_wrong_counts(self, identification):
        fields = {"gallery_set": column(GALLERY), "gallery_ids": [[11], [11]]}
        savemat(identification / "gallery_img_ID_pairs.mat", fields)
        message = r"gallery_img_ID_pairs\.mat: expected as many numbers in gallery_ids .* got 2 and 3"
        with pytest.raises(ValueError, match=message):
            read_survface_identification(identification)

    def test_absent_folder(self, identification):
        for path in (identification / "unmated_probe").iterdir():
            path.unlink()
        with pytest.raises(ValueError, match="unmated_probe: expected images, found none"):
            read_survface_identification(identification)


class TestTests:
    def test_present_tests_are_named(self, verification, identification):
        root = verification.parent
        assert survface_tests(root) == ["verification", "identification"]
        assert survface_tests(identification) == ["identification"]
        assert survface_tests(verification) == ["verification"]

    def test_images_of_one_test_only(self, verification, identification, tmp_path):
        root, aligned = verification.parent, tmp_path / "aligned"
        (aligned / identification.name).mkdir(parents=True)
        assert survface_tests(root, aligned) == ["identification"]
        assert survface_tests(verification, tmp_path / "images") == ["verification"]

    def test_neither(self, tmp_path):
        with pytest.raises(ValueError, match="or Face_Identification_Test_Set, found neither"):
            survface_tests(tmp_path)

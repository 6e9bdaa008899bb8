import numpy as np
import pytest
from scipy.io import savemat

from cshml_tf.data.tinyface import DISTRACTOR, read_tinyface

PROBES = {"1_2.jpg": 1, "7_1.JPG": 7, "7_3.jpg": 7}
MATCHES = {"7_2.jpg": 7, "1_1.jpg": 1}
DISTRACTORS = ["d_001.jpg", "d_002.png"]


def column(names):
    """Return a cell array of names, N x 1, as SciPy writes it."""
    cells = np.empty((len(names), 1), object)
    cells[:, 0] = list(names)
    return cells


def wrapped(cells):
    """Return the same inside another cell."""
    outer = np.empty((1, 1), object)
    outer[0, 0] = cells
    return outer


def nested(names):
    """Return each name in its own cell, inside the cells."""
    cells = np.empty((len(names), 1), object)
    for number, name in enumerate(names):
        cells[number, 0] = column([name])
    return cells


def ids_of(listed):
    return np.array(list(listed.values()), np.uint16)[:, None]


def write_probe_list(folder, names=None, ids=None, **options):
    fields = {"probe_set": column(PROBES) if names is None else names, "probe_ids": ids_of(PROBES)}
    if ids is not None:
        fields["probe_ids"] = ids
    savemat(folder / "probe_img_ID_pairs.mat", fields, **options)


@pytest.fixture
def tree(tmp_path):
    test = tmp_path / "tinyface" / "Testing_Set"
    for name, files in (("Probe", PROBES), ("Gallery_Match", MATCHES), ("Gallery_Distractor", DISTRACTORS)):
        (test / name).mkdir(parents=True)
        for file in files:
            (test / name / file).touch()
    write_probe_list(test)
    fields = {"gallery_set": column(MATCHES), "gallery_ids": ids_of(MATCHES)}
    savemat(test / "gallery_match_img_ID_pairs.mat", fields)
    return tmp_path / "tinyface"


class TestReadTinyFace:
    def test_as_distributed(self, tree):
        data = read_tinyface(tree)
        test = tree / "Testing_Set"
        assert data.probes == [(test / "Probe" / name, label) for name, label in PROBES.items()]
        assert data.gallery_matches == [(test / "Gallery_Match" / name, label) for name, label in MATCHES.items()]
        assert data.distractors == [(test / "Gallery_Distractor" / name, DISTRACTOR) for name in DISTRACTORS]
        assert [image.label for image in data.gallery] == [7, 1, -100, -100]
        assert data.missing == [] and data.unlisted == []

    def test_the_root_may_be_the_test_set(self, tree):
        assert read_tinyface(tree / "Testing_Set") == read_tinyface(tree)

    def test_lists_may_be_next_to_the_test_set(self, tree):
        expected = read_tinyface(tree)
        (tree / "Face_Identification_Evaluation").mkdir()
        for path in (tree / "Testing_Set").glob("*.mat"):
            path.rename(tree / "Face_Identification_Evaluation" / path.name)
        assert read_tinyface(tree) == expected

    def test_aligned_copies(self, tree, tmp_path):
        aligned = tmp_path / "aligned" / "Testing_Set"
        for path in (tree / "Testing_Set").glob("*/*"):
            copy = aligned / path.parent.name / f"{path.stem}.png"
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.touch()
        data = read_tinyface(tree, tmp_path / "aligned")
        assert data.probes[1] == (aligned / "Probe" / "7_1.png", 7)
        assert (len(data.gallery), data.missing) == (4, [])

    @pytest.mark.parametrize("other", ["7_1.png", "7_1.jpg"])
    def test_two_names_of_one_image(self, tree, other):
        names = list(PROBES)
        names[names.index("7_3.jpg")] = other
        write_probe_list(tree / "Testing_Set", column(names))
        with pytest.raises(ValueError, match=f"Probe: expected names .* (7_1.JPG|{other}) and .*, which differ"):
            read_tinyface(tree)

    def test_missing_and_unlisted_images_are_reported(self, tree):
        test = tree / "Testing_Set"
        (test / "Probe" / "7_3.jpg").unlink()
        (test / "Gallery_Match" / "1_1.jpg").unlink()
        (test / "Probe" / "9_9.jpg").touch()
        data = read_tinyface(tree)
        assert data.missing == [(test / "Probe" / "7_3.jpg", 7), (test / "Gallery_Match" / "1_1.jpg", 1)]
        assert data.unlisted == [test / "Probe" / "9_9.jpg"]
        assert (len(data.probes), len(data.gallery_matches)) == (2, 1)

    @pytest.mark.parametrize(
        ("names", "ids"),
        [
            (column(PROBES).T, ids_of(PROBES).T),
            (nested(list(PROBES)), ids_of(PROBES).astype(np.float64)),
            (wrapped(column(PROBES)), wrapped(column(list(PROBES.values())))),
            (np.array(list(PROBES)), ids_of(PROBES).astype(np.int32)),
            (column([f"{name}   " for name in PROBES]), column([str(label) for label in PROBES.values()])),
        ],
        ids=["rows", "nested", "wrapped", "matrix of characters", "text"],
    )
    @pytest.mark.parametrize("compressed", [False, True])
    def test_lists_of_any_nesting(self, tree, names, ids, compressed):
        expected = read_tinyface(tree).probes
        write_probe_list(tree / "Testing_Set", names, ids, do_compression=compressed)
        assert read_tinyface(tree).probes == expected

    @pytest.mark.parametrize(
        ("names", "ids", "message"),
        [
            (None, [[1], [7]], "as many numbers in probe_ids as names in probe_set, at least one, got 2 and 3"),
            (None, [[1], [7], [7.5]], r"probe_ids: expected one whole number per cell, got \[7.5\]"),
            (None, [[1], [7], [np.nan]], r"probe_ids: expected one whole number per cell, got \[nan\]"),
            (None, column(["1", "7", "x"]), r"probe_ids: expected one whole number per cell, got \['x'\]"),
            ([[1], [7], [7]], None, r"probe_set: expected one name per cell, got \[1\]"),
            (column(["a.jpg", "", "c.jpg"]), None, r"probe_set: expected one name per cell, got \[\]"),
            (nested([["a.jpg", "b.jpg"], "c.jpg", "d.jpg"]), None, "probe_set: expected one name per cell"),
            (column(["1_2.jpg", "7_1.JPG", "1_2.jpg"]), None, "probe_set: expected each name once, got 1_2.jpg 2"),
            (column([]), np.zeros((0, 1)), "at least one, got 0 and 0"),
        ],
    )
    def test_errors_name_file_and_field(self, tree, names, ids, message):
        write_probe_list(tree / "Testing_Set", names, ids)
        with pytest.raises(ValueError, match=rf"probe_img_ID_pairs\.mat.*{message}"):
            read_tinyface(tree)

    def test_an_absent_field(self, tree):
        savemat(tree / "Testing_Set" / "probe_img_ID_pairs.mat", {"probes": [1], "probe_ids": [1]})
        with pytest.raises(ValueError, match="expected the variable probe_set, got probe_ids, probes"):
            read_tinyface(tree)

    @pytest.mark.parametrize("compressed", [False, True])
    @pytest.mark.parametrize("kept", [0, 60, 150, 0.5, 0.95])
    def test_a_truncated_list(self, tree, kept, compressed):
        write_probe_list(tree / "Testing_Set", do_compression=compressed)
        path = tree / "Testing_Set" / "probe_img_ID_pairs.mat"
        whole = path.read_bytes()
        path.write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
        with pytest.raises(ValueError, match=r"probe_img_ID_pairs\.mat: expected "):
            read_tinyface(tree)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"name,id\r\n1_2.jpg,1\r\n" * 20, "expected a MATLAB file, got a damaged or different one"),
            (
                b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + bytes(600),
                "of version 7.2 or earlier, got 7.3: save it with -v7",
            ),
        ],
    )
    def test_a_file_that_is_not_matlabs(self, tree, content, message):
        (tree / "Testing_Set" / "probe_img_ID_pairs.mat").write_bytes(content)
        with pytest.raises(ValueError, match=rf"probe_img_ID_pairs\.mat: .*{message}"):
            read_tinyface(tree)

    def test_absent_lists_and_folders(self, tree, tmp_path):
        test = tree / "Testing_Set"
        (test / "Gallery_Distractor").rename(tmp_path / "elsewhere")
        with pytest.raises(ValueError, match="Gallery_Distractor: expected a folder of images, found none"):
            read_tinyface(tree)
        (test / "probe_img_ID_pairs.mat").unlink()
        with pytest.raises(ValueError, match="expected TinyFace's list probe_img_ID_pairs.mat, found none"):
            read_tinyface(tree)
        with pytest.raises(ValueError, match="expected TinyFace's list"):
            read_tinyface(tmp_path / "nowhere")

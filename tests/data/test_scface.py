import cv2
import numpy as np
import pytest

from cshml_tf.data.scface import PEOPLE, image_name, read_landmarks, read_scface, split_people
from cshml_tf.images import read_image

POINTS = [[10.0, 20.0], [30.5, 20.0], [20.0, 31.0], [20.0, 40.25]]


def jpeg():
    return cv2.imencode(".jpg", np.full((4, 4, 3), 90, np.uint8))[1].tobytes()


def write_tree(root, cameras=range(1, 8)):
    """Write the tree of 130 people as distributed, with mixed suffixes, landmarks and irrelevant folders."""
    pixels = jpeg()
    lines = []
    folder = root / "mugshot_frontal_cropped_all"
    folder.mkdir(parents=True)
    for person in PEOPLE:
        (folder / f"{person:03d}_frontal.JPG").write_bytes(pixels)
        lines.append(image_name(person))
    for distance in (1, 2, 3):
        for camera in cameras:
            folder = root / f"surveillance_cameras_distance_{distance}" / f"cam_{camera}"
            folder.mkdir(parents=True)
            for person in PEOPLE:
                name = image_name(person, camera, distance)
                (folder / f"{name}{'.jpg' if person % 2 else '.JPG'}").write_bytes(pixels)
                lines.append(name)
    for extra in ("mugshot_rotation_all", "surveillance_cameras_IR_cam8"):
        (root / extra).mkdir()
        (root / extra / "001_cam8.jpg").write_bytes(pixels)
    write_landmarks(root / "all.txt", lines)
    return root


def write_landmarks(path, names, ending="\r\n"):
    rows = []
    for name in names:
        person = int(name[:3])
        numbers = (f"{number + person:g}" for number in np.ravel(POINTS))
        rows.append("\t".join([name, *numbers]))
    path.write_bytes((ending.join(rows) + ending).encode())


@pytest.fixture(scope="module")
def whole_tree(tmp_path_factory):
    return write_tree(tmp_path_factory.mktemp("scface"))


@pytest.fixture
def tree(tmp_path):
    """Write a tree that a test may damage, without the infrared cameras."""
    return write_tree(tmp_path / "scface", cameras=range(1, 6))


class TestReadScFace:
    def test_everything_is_found(self, whole_tree):
        data = read_scface(whole_tree)
        assert (len(data.mugshots), len(data.surveillance), len(data.infrared)) == (130, 1950, 780)
        assert data.missing == [] and data.unexpected == []
        assert [image.person for image in data.mugshots] == list(range(1, 131))
        first = data.surveillance[0]
        assert (first.person, first.camera, first.distance) == (1, 1, 1)
        assert first.path == whole_tree / "surveillance_cameras_distance_1/cam_1/001_cam1_1.jpg"
        assert read_image(first.path).shape == (4, 4, 3)
        assert {image.camera for image in data.infrared} == {6, 7}
        for image in [*data.mugshots, *data.surveillance, *data.infrared]:
            np.testing.assert_array_equal(image.landmarks, np.array(POINTS) + image.person)
            assert image.path.stem == image_name(image.person, image.camera, image.distance)

    def test_both_protocols(self, whole_tree):
        data = read_scface(whole_tree)
        fine_tune, test = split_people(PEOPLE, seed=3)
        for distance in (1, 2, 3):
            assert len(data.probes(distance)) == 650
            probes = data.probes(distance, test)
            assert len(probes) == 400
            assert {image.person for image in probes} == set(test)
            assert {image.distance for image in probes} == {distance}
            assert len(data.probes(distance, fine_tune)) == 250
        assert len(data.gallery()) == 130
        assert [image.person for image in data.gallery(test)] == test
        with pytest.raises(ValueError, match=r"distance: expected one of \(1, 2, 3\), got 4"):
            data.probes(4)

    def test_letter_case_of_folders_and_files(self, tree):
        (tree / "mugshot_frontal_cropped_all").rename(tree / "Mugshot_Frontal_Cropped_All")
        (tree / "surveillance_cameras_distance_2").rename(tree / "SURVEILLANCE_CAMERAS_DISTANCE_2")
        cam = tree / "surveillance_cameras_distance_1" / "cam_3"
        (cam / "007_cam3_1.jpg").rename(cam / "007_Cam3_1.JPEG")
        cam.rename(cam.with_name("Cam_3"))
        text = (tree / "all.txt").read_bytes().replace(b"009_frontal", b"009_Frontal")
        (tree / "all.txt").unlink()
        (tree / "ALL.TXT").write_bytes(text)
        data = read_scface(tree)
        assert data.missing == [] and data.unexpected == []
        assert (len(data.mugshots), len(data.surveillance), data.infrared) == (130, 1950, [])

    def test_missing_images_are_listed(self, tree):
        (tree / "mugshot_frontal_cropped_all" / "017_frontal.JPG").unlink()
        (tree / "surveillance_cameras_distance_3" / "cam_5" / "130_cam5_3.JPG").unlink()
        data = read_scface(tree)
        assert data.missing == [
            ("017_frontal", 17, None, None, "image"),
            ("130_cam5_3", 130, 5, 3, "image"),
        ]
        assert (len(data.gallery()), len(data.probes(3)), len(data.probes(1))) == (129, 649, 650)

    def test_missing_landmarks_are_listed(self, tree):
        lines = (tree / "all.txt").read_bytes().splitlines(keepends=True)
        (tree / "all.txt").write_bytes(b"".join(line for line in lines if not line.startswith(b"005_cam2_1\t")))
        data = read_scface(tree)
        assert data.missing == [("005_cam2_1", 5, 2, 1, "landmarks")]
        (image,) = (image for image in data.probes(1, {5}) if image.camera == 2)
        assert image.landmarks is None

    def test_other_images_are_listed(self, tree):
        folder = tree / "surveillance_cameras_distance_1"
        (folder / "cam_8").mkdir()
        strangers = [
            folder / "cam_1" / "131_cam1_1.jpg",
            folder / "cam_1" / "001_cam1_1 copy.jpg",
            folder / "cam_1" / "001_cam1_4.jpg",
            folder / "cam_8" / "001_cam8_1.jpg",
            tree / "mugshot_frontal_cropped_all" / "000_frontal.jpg",
        ]
        for path in strangers:
            path.write_bytes(jpeg())
        (folder / "cam_1" / "Thumbs.db").touch()
        data = read_scface(tree)
        assert set(data.unexpected) == set(strangers)
        assert data.missing == [] and len(data.surveillance) == 1950

    def test_aligned_copies_without_landmarks(self, tree):
        for path in tree.rglob("*.JPG"):
            path.rename(path.with_suffix(".png"))
        (tree / "all.txt").unlink()
        data = read_scface(tree, landmarks=None)
        assert data.missing == [] and len(data.surveillance) == 1950
        assert all(image.landmarks is None for image in data.mugshots)

    def test_landmarks_from_elsewhere(self, tree, tmp_path):
        (tree / "all.txt").rename(tmp_path / "points.txt")
        assert read_scface(tree, landmarks=tmp_path / "points.txt").missing == []
        with pytest.raises(FileNotFoundError, match="all.txt"):
            read_scface(tree)

    def test_a_duplicate_image(self, tree):
        (tree / "mugshot_frontal_cropped_all" / "001_frontal.png").write_bytes(jpeg())
        with pytest.raises(ValueError, match="one image named 001_frontal, found 001_frontal.JPG and 001_frontal"):
            read_scface(tree)

    def test_no_such_tree(self, tree):
        (tree / "surveillance_cameras_distance_2").rename(tree / "elsewhere")
        with pytest.raises(ValueError, match="surveillance_cameras_distance_2: expected a folder of images"):
            read_scface(tree)
        (tree / "surveillance_cameras_distance_2").mkdir()
        with pytest.raises(ValueError, match="surveillance_cameras_distance_2: expected images, found none"):
            read_scface(tree)


class TestReadLandmarks:
    LINE = "001_cam1_1\t1\t2\t3\t4\t5\t6\t7\t8.5"

    def write(self, folder, text):
        path = folder / "all.txt"
        path.write_bytes(text.encode("utf-8"))
        return path

    @pytest.mark.parametrize(
        "text",
        [
            LINE + "\r\n",
            LINE,
            "\ufeff" + LINE + "\r\n\r\n",
            LINE + "\t\r\n",
            LINE.upper() + "\n",
            LINE + "\r\n" + LINE + "\r\n",
        ],
        ids=["windows", "no line end", "byte order mark", "tab at the end", "upper case", "repeated"],
    )
    def test_forms_that_mean_the_same(self, tmp_path, text):
        points = read_landmarks(self.write(tmp_path, text))
        assert list(points) == ["001_cam1_1"]
        np.testing.assert_array_equal(points["001_cam1_1"], [[1, 2], [3, 4], [5, 6], [7, 8.5]])
        assert points["001_cam1_1"].dtype == np.float64

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("\r\n", "all.txt: expected landmarks, got an empty file"),
            (LINE.replace("\t8.5", ""), "line 1: expected a name and 8 numbers separated by tabs, got 8 fields"),
            (LINE.replace("\t", " "), "line 1: .* got 1 fields"),
            ("\r\n" + LINE + "\t9", "line 2: .* got 10 fields"),
            (LINE.replace("8.5", "8,5"), "line 1: expected 8 numbers after 001_cam1_1, got .*'8,5'"),
            (LINE.replace("8.5", "nan"), "line 1: expected 8 numbers after 001_cam1_1, got .*'nan'"),
            (
                LINE.replace("8.5", "1e300"),
                "line 1: expected 8 numbers after 001_cam1_1, got .*'1e300'",
            ),
            (LINE.replace("8.5", "8\0"), "line 1: expected lines of text .* got a NUL character inside a line"),
            (LINE.replace("\t1\t", "\t\t"), "line 1: expected 8 numbers after 001_cam1_1"),
            (LINE + "\r\n" + LINE.replace("8.5", "9"), "line 2: expected the landmarks of line 1 for 001_cam1_1"),
        ],
    )
    def test_errors_name_file_and_line(self, tmp_path, text, message):
        with pytest.raises(ValueError, match=message):
            read_landmarks(self.write(tmp_path, text))

    def test_a_file_that_is_not_text(self, tmp_path):
        (tmp_path / "all.txt").write_bytes(b"\xff\xd8\xff\xe0 JFIF")
        with pytest.raises(ValueError, match="all.txt: expected a text file in UTF-8"):
            read_landmarks(tmp_path / "all.txt")


class TestSplitPeople:
    def test_every_person_is_in_one_part(self):
        fine_tune, test = split_people(PEOPLE)
        assert (len(fine_tune), len(test)) == (50, 80)
        assert sorted(fine_tune + test) == list(PEOPLE)
        assert fine_tune == sorted(fine_tune) and test == sorted(test)

    def test_seeds(self):
        assert split_people(PEOPLE, seed=1) == split_people(reversed(PEOPLE), seed=1)
        assert split_people(PEOPLE, seed=1) != split_people(PEOPLE, seed=2)

    def test_all_people_can_be_tested(self):
        assert split_people([3, 1, 2], test_count=3) == ([], [1, 2, 3])

    @pytest.mark.parametrize("count", [0, 131, -1])
    def test_bad_counts(self, count):
        with pytest.raises(ValueError, match=f"test_count: expected 1 to 130, the number of people, got {count}"):
            split_people(PEOPLE, count)

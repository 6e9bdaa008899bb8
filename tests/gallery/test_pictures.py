"""From pictures to enrolled people and to answers: what is refused, reported, rejected and named."""

import cv2
import numpy as np
import pytest
from drawn import SIZE

from cshml_tf.alignment.detector import Face
from cshml_tf.alignment.geometry import template
from cshml_tf.gallery.calibration import Calibration, read_calibrations, store_calibrations
from cshml_tf.gallery.decision import Thresholds
from cshml_tf.gallery.enrolment import Entry, enrol, read_entries
from cshml_tf.gallery.identification import Identifier
from cshml_tf.gallery.quality import mirror_distances, sharpness_of
from cshml_tf.gallery.strangers import score_strangers

RED, GREEN, BLUE, ORANGE = (230, 20, 20), (20, 230, 20), (20, 20, 230), (230, 60, 20)


def paint(path, colour, size=(100, 100), number=0):
    """Write a picture of one colour; its number makes the file differ from others of that colour."""
    pixels = np.tile(np.uint8(colour), (*size, 1))
    pixels[0, 0] = number
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels[..., ::-1])
    return path


def face_at(x, y, scale=1.0):
    """Return a face whose crop of 48 x 40 begins at x, y and has `scale` picture pixels per pixel."""
    return Face(x, y, SIZE[1] * scale, SIZE[0] * scale, 0.9, template(SIZE) * scale + [x, y])


class Faces:
    """A detector that finds the faces that a picture's width stands for."""

    by_width = {
        100: [face_at(10, 10)],
        101: [],
        102: [face_at(5, 5), face_at(55, 40)],
        103: [face_at(10, 10, 0.4)],
        104: [face_at(10, 10, 0.3)],
        105: [face_at(10, 10, 0.15)],
    }

    def detect(self, image):
        return self.by_width.get(image.shape[1], [])


def run(gallery, networks, entries, **options):
    options = {"detector": Faces(), "min_width": 20, "batch_size": 2} | options
    return {str(each.entry.path.name): each for each in enrol(gallery, networks, entries, **options)}


def test_portraits_that_cannot_be_used_are_refused_and_the_run_goes_on(gallery, networks, tmp_path):
    entries = [
        Entry("Ann", paint(tmp_path / "a.png", RED)),
        Entry("Ann", paint(tmp_path / "none.png", RED, (100, 101))),
        Entry("Ann", paint(tmp_path / "two.png", RED, (100, 102))),
        Entry("Ann", paint(tmp_path / "small.png", RED, (100, 103))),
        Entry("Ann", tmp_path / "absent.png"),
        Entry("Ann", tmp_path / "text.png"),
        Entry("Ann", tmp_path),
        Entry("Ann", tmp_path / "a.png"),
        Entry("Bo", tmp_path / "a.png"),
        Entry("Bo", paint(tmp_path / "b.png", GREEN)),
    ]
    (tmp_path / "text.png").write_text("no picture")
    found = run(gallery, networks, entries)
    assert {name: each.reason for name, each in found.items() if each.status == "refused"} == {
        "none.png": "no face found",
        "two.png": "2 faces found, expected one",
        "small.png": "the face is 16.0 pixels wide, expected 20 or more",
        "absent.png": "cannot open: No such file or directory",
        "text.png": "not a JPEG, PNG, BMP, WebP, TIFF, GIF, AVIF or HEIC image",
        tmp_path.name: "expected a file, got a folder",
        # The last of three entries of this file; the outcomes of all are below.
        **{name: each.reason for name, each in found.items() if name == "a.png" and each.reason},
    }
    outcomes = [each for each in enrol(gallery, networks, [entries[0], entries[8]], Faces(), 20)]
    assert [(each.status, each.reason) for each in outcomes] == [
        ("already enrolled", ""),
        ("refused", "this file is enrolled as Ann"),
    ]
    assert gallery.people() == {"Ann": 1, "Bo": 1}


def test_a_stored_face_has_its_crop_figures_and_embeddings(file_gallery, networks, tmp_path):
    run(file_gallery, networks, [Entry("Ann", paint(tmp_path / "a.png", ORANGE))])
    (face,) = file_gallery.faces_of("Ann")
    assert (face.quality.width, face.quality.detector_score) == (pytest.approx(40), 0.9)
    assert (face.quality.sharpness, face.quality.mirror_distance) == (0.0, pytest.approx(0, abs=1e-6))
    crop = cv2.imdecode(np.frombuffer(file_gallery.crop_of(face.id), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert crop.shape == (*SIZE, 3) and (crop == ORANGE).all()


def test_a_portrait_near_another_person_is_reported(gallery, networks, tmp_path):
    run(gallery, networks, [Entry("Ann", paint(tmp_path / "a.png", RED))])
    entries = [Entry("Bo", paint(tmp_path / "b.png", ORANGE)), Entry("Cem", paint(tmp_path / "c.png", BLUE))]
    found = run(gallery, networks, entries, near_threshold=0.9)
    assert found["b.png"].near is not None and found["b.png"].near[0] == "Ann" and found["b.png"].near[1] > 0.9
    assert found["c.png"].near is None
    # Another portrait of the same person is no warning.
    more = [Entry("Cem", paint(tmp_path / "d.png", BLUE, number=1))]
    assert run(gallery, networks, more, near_threshold=0.9)["d.png"].near is None


def test_entries_of_folders_and_of_a_csv(tmp_path):
    for name in ("Bo/2.png", "Ann/1.png", "Ann/.hidden.png", ".cache/3.png"):
        paint(tmp_path / "people" / name, RED)
    found = [(each.name, each.path.name) for each in read_entries(tmp_path / "people")]
    assert found == [("Ann", "1.png"), ("Bo", "2.png")]
    listed = tmp_path / "list.csv"
    listed.write_bytes('\ufeffName,File\r\n"Lee, Ann",people/Ann/1.png\r\n\r\nBo,/elsewhere/2.png\r\n'.encode())
    assert read_entries(listed) == [
        Entry("Lee, Ann", tmp_path / "people/Ann/1.png"),
        Entry("Bo", tmp_path / "/elsewhere/2.png"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected class folders with photographs, or a CSV of name and file"),
        ("name,file\n", "expected class folders with photographs, or a CSV of name and file"),
        ("file,name\n1.png,Ann\n", r"line 1: expected the heading name,file, got 'file,name'"),
        ("name,file\nAnn\n", r"line 2: expected a name and a file, got 'Ann'"),
        ("name,file\nAnn,1.png\nBo,2.png,3\n", r"line 3: expected a name and a file"),
        ("name,file\n ,1.png\n", r"line 2: name: expected 1 to 200 printable characters"),
        ('name,file\n"Ann,1.png\n', r"expected CSV: unexpected end of data"),
        (b"name,file\n\xff,1.png\n", "expected UTF-8 text"),
    ],
)
def test_a_malformed_csv_is_refused_with_its_line(tmp_path, content, message):
    path = tmp_path / "list.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message) as error:
        read_entries(path)
    assert "list.csv" in str(error.value)


@pytest.fixture
def enrolled(file_gallery, networks, tmp_path):
    entries = [Entry("Ann", paint(tmp_path / "ann.png", RED)), Entry("Bo", paint(tmp_path / "bo.png", GREEN))]
    run(file_gallery, networks, entries)
    return file_gallery


def answers(gallery, networks, thresholds, paths, detector=None, min_width=7, min_quality=None):
    identifier = Identifier(gallery, networks, thresholds, min_width, 2, min_quality)
    pictures = list(identifier.identify_files(paths, detector or Faces()))
    assert [picture.path for picture in pictures] == paths
    return pictures


def calibrated(*kinds, threshold=0.9):
    scores = np.full(10, threshold - 0.2)
    scores[0] = threshold
    return {kind: Calibration(kind, 0.1, scores, 10, 2, 2) for kind in kinds}


def test_names_unknowns_and_rejected_faces(enrolled, networks, tmp_path):
    """A face of 40 pixels goes to the HR network, of 12 and of 16 to the LR network for 12; 6 are too few."""
    paths = [
        paint(tmp_path / "sharp.png", RED),
        paint(tmp_path / "blue.png", BLUE),
        paint(tmp_path / "small.png", GREEN, (100, 104)),
        paint(tmp_path / "tiny.png", GREEN, (100, 105)),
        paint(tmp_path / "empty.png", RED, (100, 101)),
        tmp_path / "absent.png",
    ]
    found = answers(enrolled, networks, Thresholds(calibrated("HR", "8", "12")), paths)
    told = [[(face.answer.status, face.answer.name, face.answer.kind) for face in each.faces] for each in found]
    assert told == [
        [("identified", "Ann", "HR")],
        [("unknown", None, "HR")],
        [("identified", "Bo", "12")],
        [("rejected", None, "8")],
        [],
        [],
    ]
    assert found[3].faces[0].answer.reason == "6.0 pixels wide, expected 7 or more"
    assert found[3].faces[0].answer.candidates == ()
    assert [each.problem for each in found[4:]] == ["", "cannot open: No such file or directory"]
    candidates = found[0].faces[0].answer.candidates
    assert [each.name for each in candidates] == ["Ann", "Bo"]
    assert candidates[0].score == pytest.approx(1, abs=1e-5)


def test_faces_of_low_quality_are_rejected_not_unknown(enrolled, networks, tmp_path):
    """Quality is the length of the embedding, (p - 127.5) / 128 of the mean colour: little for a dull red.

    (230, 20, 20) has 0.801 and twice 0.840: 1.432; (140, 116, 116) 0.098 and twice 0.090: 0.160.
    """
    paths = [
        paint(tmp_path / "red.png", RED),
        paint(tmp_path / "dull.png", (140, 116, 116)),
        paint(tmp_path / "n.png", BLUE),
    ]
    paths.append(paint(tmp_path / "tiny.png", GREEN, (100, 105)))
    thresholds = Thresholds(calibrated("HR", "8", "12"))
    kept, found = (
        [each.faces[0].answer for each in answers(enrolled, networks, thresholds, paths, min_quality=least)]
        for least in (None, 0.2)
    )
    assert [each.status for each in kept] == ["identified", "identified", "unknown", "rejected"]
    assert [each.quality for each in kept] == [
        pytest.approx(1.432, abs=1e-3),
        pytest.approx(0.160, abs=1e-3),
        pytest.approx(1.432, abs=1e-3),
        None,
    ]
    assert [each.status for each in found] == ["identified", "rejected", "unknown", "rejected"]
    assert found[1].reason == "quality 0.1603, expected 0.2 or more"
    assert (found[1].candidates, found[1].name, found[1].threshold) == ((), None, None)
    assert found[1].quality == kept[1].quality
    # Those that are kept are answered as before.
    assert [found[0], found[2]] == [kept[0], kept[2]]
    all_gone = answers(enrolled, networks, thresholds, paths[:3], min_quality=9.0)
    assert {each.faces[0].answer.status for each in all_gone} == {"rejected"}


def test_all_faces_of_a_picture_from_left_to_right(enrolled, networks, tmp_path):
    pixels = np.tile(np.uint8(RED), (100, 102, 1))
    pixels[:, 51:] = GREEN
    cv2.imwrite(str(tmp_path / "two.png"), pixels[..., ::-1])
    (picture,) = answers(enrolled, networks, Thresholds(calibrated("HR")), [tmp_path / "two.png"])
    assert [face.answer.name for face in picture.faces] == ["Ann", "Bo"]


def test_without_calibration_there_is_no_name(enrolled, networks, tmp_path):
    thresholds = Thresholds(calibrated("8"))
    (picture,) = answers(enrolled, networks, thresholds, [paint(tmp_path / "sharp.png", RED)])
    (answer,) = [face.answer for face in picture.faces]
    assert (answer.status, answer.name, answer.threshold) == ("uncalibrated", None, None)
    assert answer.candidates[0].name == "Ann"
    assert thresholds.notes(enrolled, {"HR"}) == [
        "HR: not calibrated: candidates only, no names; see cshml-gallery calibrate"
    ]


def test_a_score_just_below_the_threshold_is_unknown(enrolled, networks, tmp_path):
    path = paint(tmp_path / "orange.png", ORANGE)
    (picture,) = answers(enrolled, networks, Thresholds(calibrated("HR", threshold=-0.5)), [path])
    score = picture.faces[0].answer.candidates[0].score
    for threshold, name in ((score, "Ann"), (np.nextafter(score, 2), None)):
        (picture,) = answers(enrolled, networks, Thresholds(calibrated("HR", threshold=threshold)), [path])
        assert picture.faces[0].answer.name == name


def test_a_stricter_rate_than_the_probes_support_is_refused():
    with pytest.raises(ValueError, match="the least rate that 10 strangers' probes can support, got 0.01"):
        Thresholds(calibrated("HR"), 0.01)


def test_strangers_are_scored_at_each_resolution(enrolled, networks, tmp_path):
    entries = [
        Entry("Cem", paint(tmp_path / "cem.png", ORANGE)),
        Entry("Cem", tmp_path / "cem.png"),
        Entry("Dora", paint(tmp_path / "dora.png", BLUE)),
        Entry("Ann", paint(tmp_path / "ann2.png", RED, number=9)),
        Entry("Eve", tmp_path / "bo.png"),
        Entry("Finn", paint(tmp_path / "two.png", RED, (100, 102))),
    ]
    found = score_strangers(enrolled, networks, entries, Faces(), 20)
    assert [reason for _, reason in found.left_out] == [
        "the same file as an earlier one",
        "this person is enrolled",
        "this file is enrolled as Bo",
        "2 faces found, expected one",
    ]
    assert found.people == 2 and set(found.scores) == {"HR", "8", "12"}
    # Pictures of one colour look the same at every resolution, and both networks see them alike.
    orange, red, blue, green = ((np.array(each) - 127.5) / 128 for each in (ORANGE, RED, BLUE, GREEN))
    expected = [_cosine(orange, red), max(_cosine(blue, red), _cosine(blue, green))]
    for scores in found.scores.values():
        np.testing.assert_allclose(scores, expected, atol=0.01)
    store_calibrations(enrolled, found.scores, found.people, 0.5)
    assert read_calibrations(enrolled)["8"].at().value == pytest.approx(expected[0], abs=0.01)


def _cosine(one, other):
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def test_no_strangers_at_all_are_refused(enrolled, networks, tmp_path):
    entries = [Entry("Ann", tmp_path / "ann.png")]
    with pytest.raises(
        ValueError, match="people who are not enrolled, got none; the first was left out: this person"
    ):
        score_strangers(enrolled, networks, entries, Faces(), 20)


def test_crops_need_no_detector(file_gallery, networks, tmp_path):
    """A picture's own width is then the face's."""
    ann, bo = paint(tmp_path / "a.png", RED, SIZE), paint(tmp_path / "b.png", RED, (12, 10))
    entries = [Entry("Ann", ann), Entry("Bo", bo)]
    found = run(file_gallery, networks, entries, detector=None)
    assert found["b.png"].reason == "the face is 10.0 pixels wide, expected 20 or more"
    assert file_gallery.faces_of("Ann")[0].quality.detector_score is None


def test_sharpness_is_the_variance_of_the_laplacian():
    """One white pixel on black: the Laplacian is 255 at its four neighbours, -1020 there, 0 elsewhere."""
    pixels = np.zeros((5, 5, 3), np.uint8)
    pixels[2, 2] = 255
    values = np.array([255] * 4 + [-1020] + [0] * 20)
    assert sharpness_of(pixels) == pytest.approx(values.var())
    assert sharpness_of(np.full((5, 5, 3), 99, np.uint8)) == 0


def test_the_distance_to_the_mirror_image():
    pixels = np.zeros((1, 2, 2, 3), np.uint8)
    pixels[0, :, 0] = 255

    def embed(faces):
        """The unit vector of left and right brightness."""
        sides = faces[..., 0].astype(np.float64).sum(axis=1)
        return sides / np.linalg.norm(sides, axis=1, keepdims=True)

    assert mirror_distances(embed, pixels, embed(pixels)) == pytest.approx([2**0.5])

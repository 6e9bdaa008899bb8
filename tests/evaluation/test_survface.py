"""QMUL-SurvFace, verification and identification, on drawn people of one colour each."""

import json

import numpy as np
import pytest

from cshml_tf.data.survface import read_survface_identification, read_survface_verification
from cshml_tf.evaluation.serving import ServingNetworks
from cshml_tf.evaluation.survface import contiguous_folds, evaluate_identification, evaluate_verification
from cshml_tf.evaluation.survface_report import format_survface_tables, remarks


@pytest.fixture
def root(draw_survface):
    return draw_survface()


def as_report(name, measured):
    report = {name: measured.figures, "protocol": {name: measured.protocol, "absent": []}}
    return json.loads(json.dumps(report, allow_nan=False))


class TestVerification:
    def test_a_perfect_embedding(self, root, colour_network):
        test = read_survface_verification(root)
        measured = evaluate_verification(test, ServingNetworks(colour_network, {}, 20), batch_size=5)
        figures = measured.figures["hr_network"]
        assert (figures["accuracy"], figures["best_accuracy"], figures["auc"]) == (1, 1, 1)
        # Six pairs of different people cannot show a rate of 0.1.
        assert figures["tar"] == {"0.3": 1.0, "0.1": None, "0.01": None, "0.001": None}
        scores, same = measured.curves["hr_network"]
        assert scores[same].min() > scores[~same].max()
        protocol = measured.protocol
        assert (protocol["pairs"], protocol["same"], protocol["images"]) == (12, 6, 12)
        assert protocol["folds"].startswith("6 contiguous ones of our own")
        assert list(measured.figures) == ["hr_network"]

    def test_a_constant_embedding_scores_chance(self, root, blind_network):
        test = read_survface_verification(root)
        figures = evaluate_verification(test, ServingNetworks(blind_network, {}, 20)).figures["hr_network"]
        assert (figures["accuracy"], figures["best_accuracy"], figures["auc"]) == (0.5, 0.5, 0.5)
        assert figures["tar"]["0.3"] == 0

    def test_each_image_is_served_by_its_width(self, root, colour_network, blind_network):
        test = read_survface_verification(root)
        measured = evaluate_verification(test, ServingNetworks(blind_network, {8: colour_network}, 11))
        assert [measured.figures[name]["accuracy"] for name in ("hr_network", "served")] == [0.5, 1]
        assert measured.figures["served_gain"]["difference"] == 0.5
        assert measured.protocol["served"] == {"HR": 0, "8": 12}
        networks = ServingNetworks(blind_network, {8: colour_network}, 10)
        assert evaluate_verification(test, networks).figures["served"]["accuracy"] == 0.5
        text = format_survface_tables(as_report("verification", measured))
        assert "accuracy: networks chosen by width minus HR network +50.00 points" in text
        assert "images by the network that suits their width: HR 0, LR 8 12" in text

    def test_pairs_with_a_missing_image_are_left_out_and_named(self, root, colour_network):
        (root / "Face_Verification_Test_Set" / "verification_images" / "2_cam2_1.jpg").unlink()
        test = read_survface_verification(root)
        measured = evaluate_verification(test, ServingNetworks(colour_network, {}, 20))
        assert measured.protocol["pairs"] == 10
        assert measured.protocol["missing"] == [
            {"pair": ["2_cam1_1.jpg", "2_cam2_1.jpg"], "same": True},
            {"pair": ["1_cam1_1.jpg", "2_cam2_1.jpg"], "same": False},
        ]
        (line,) = remarks(as_report("verification", measured))
        assert line == (
            "warning: 2 of 12 pairs left out, an image is missing: 2_cam1_1.jpg/2_cam2_1.jpg, "
            "1_cam1_1.jpg/2_cam2_1.jpg"
        )

    def test_pairs_of_one_kind_only(self, root, colour_network):
        for path in (root / "Face_Verification_Test_Set" / "verification_images").glob("*_cam2_1.jpg"):
            path.unlink()
        test = read_survface_verification(root)
        with pytest.raises(ValueError, match="expected pairs of both kinds with both images, got 0 of one person"):
            evaluate_verification(test, ServingNetworks(colour_network, {}, 20))


class TestIdentification:
    def test_a_perfect_embedding(self, root, colour_network):
        test = read_survface_identification(root)
        measured = evaluate_identification(test, ServingNetworks(colour_network, {}, 20))
        figures = measured.figures["hr_network"]
        # Twenty unmated probes cannot show a rate of 0.01.
        assert figures["tpir"] == {"0.3": 1.0, "0.2": 1.0, "0.1": 1.0, "0.01": None, "0.001": None}
        assert figures["rank_rate"] == 1
        protocol = measured.protocol
        counts = {"rank": 6, "gallery": 12, "gallery_people": 6, "mated_probes": 12, "unmated_probes": 20}
        assert (counts | {"probes_without_mate": 0}).items() <= protocol.items()
        text = format_survface_tables(as_report("identification", measured))
        assert "TPIR6 % at 0.3" in text and "among the first 6 people, each the mean of its images" in text

    def test_ranks_can_count_images_instead_of_people(self, root, colour_network):
        test = read_survface_identification(root)
        networks = ServingNetworks(colour_network, {}, 20)
        measured = evaluate_identification(test, networks, gallery_of="images")
        assert (measured.protocol["rank"], measured.protocol["ranks_count"]) == (12, "images")
        assert measured.figures["hr_network"]["tpir"]["0.1"] == 1
        with pytest.raises(ValueError, match="gallery_of: expected one of people, images, got 'faces'"):
            evaluate_identification(test, networks, gallery_of="faces")

    def test_a_constant_embedding_finds_nobody_above_the_threshold(self, root, blind_network):
        """The threshold lies above the unmated probes' score, which all faces share."""
        test = read_survface_identification(root)
        figures = evaluate_identification(test, ServingNetworks(blind_network, {}, 20)).figures
        assert figures["hr_network"]["tpir"]["0.3"] == 0

    def test_uninformative_embeddings_score_chance(self, draw_survface, colour_network):
        """Rank-20 by chance: 20 of 60 people; of 120 images, two of them mates, 1 - 100 x 99 / (120 x 119)."""
        root = draw_survface("noise", people=60, random=np.random.default_rng(0))
        test = read_survface_identification(root)
        for gallery_of, chance in (("people", 20 / 60), ("images", 1 - 100 * 99 / (120 * 119))):
            networks = ServingNetworks(colour_network, {}, 20)
            figures = evaluate_identification(test, networks, gallery_of=gallery_of).figures
            assert figures["chance"]["rank_rate"] == pytest.approx(chance)
            assert abs(figures["hr_network"]["rank_rate"] - chance) < 3 * np.sqrt(chance * (1 - chance) / 120)
            assert figures["hr_network"]["tpir"]["0.1"] < figures["hr_network"]["rank_rate"]

    def test_missing_probes_and_gallery_images(self, root, colour_network):
        folder = root / "Face_Identification_Test_Set"
        (folder / "mated_probe" / "0_cam3_1.jpg").unlink()
        for name in ("4_cam1_1.jpg", "4_cam2_1.jpg", "5_cam1_1.jpg"):
            (folder / "gallery" / name).unlink()
        test = read_survface_identification(root)
        measured = evaluate_identification(test, ServingNetworks(colour_network, {}, 20))
        # One probe is missing, two have no mate left; the person with one mate left is found.
        assert measured.figures["hr_network"]["tpir"]["0.1"] == 9 / 12
        assert measured.figures["hr_network"]["rank_rate"] == 9 / 12
        assert remarks(as_report("identification", measured)) == [
            "warning: 1 of 12 mated probes missing: they count as never identified: 0_cam3_1.jpg",
            "warning: 3 of 12 gallery images missing: the gallery is smaller: 4_cam1_1.jpg, 4_cam2_1.jpg, "
            "5_cam1_1.jpg",
            "warning: 2 of 12 mated probes without a mate in the gallery: they count as never identified",
        ]

    def test_unmated_probes_that_were_not_aligned_are_reported(self, root, draw_survface, colour_network):
        aligned = draw_survface("aligned")
        folder = aligned / "Face_Identification_Test_Set" / "unmated_probe"
        for number in range(15):
            (folder / f"distractor_{number}.jpg").unlink()
        (folder / "of_another_set.jpg").write_bytes((folder / "distractor_17.jpg").read_bytes())
        test = read_survface_identification(root, aligned)
        measured = evaluate_identification(test, ServingNetworks(colour_network, {}, 20))
        assert measured.protocol["unmated_probes"] == 5 and len(measured.protocol["missing_unmated"]) == 15
        warning, note = remarks(as_report("identification", measured))
        assert warning.startswith(
            "warning: 15 of 20 unmated probes missing: false alarms are counted over the others: distractor_0.jpg"
        )
        assert note == "note: images not named in any list are left out: of_another_set.jpg"

    def test_the_width_counts_as_distributed(self, root, draw_survface, colour_network, blind_network):
        """Gallery images are 30 wide, probes 10; copies without distributed files have no width."""
        networks = ServingNetworks(blind_network, {8: colour_network}, 31)
        shown = read_survface_identification(root, draw_survface("aligned"))
        distributed = read_survface_identification(root)
        assert evaluate_identification(shown, networks, distributed).figures["served"]["rank_rate"] == 1
        (root / "Face_Identification_Test_Set" / "unmated_probe" / "distractor_3.jpg").unlink()
        with pytest.raises(ValueError, match=r"distractor_3\.jpg: expected the image as distributed too"):
            evaluate_identification(shown, networks, read_survface_identification(root))

    def test_a_test_without_gallery_images_is_refused(self, root, colour_network):
        for path in (root / "Face_Identification_Test_Set" / "gallery").iterdir():
            path.rename(path.with_name(f"x{path.name}"))
        with pytest.raises(ValueError, match="expected images of the gallery, .* got 0, 12 and 20"):
            evaluate_identification(read_survface_identification(root), ServingNetworks(colour_network, {}, 20))


def test_folds_contain_equal_shares_of_both_kinds():
    same = np.arange(60) < 40
    folds = contiguous_folds(same)
    np.testing.assert_array_equal(folds[same], np.repeat(np.arange(10), 4))
    np.testing.assert_array_equal(folds[~same], np.repeat(np.arange(10), 2))
    assert set(contiguous_folds([True, True, True, False, False])) == {0, 1}

"""Mean embeddings of people, similarities in blocks, and bad input of matching."""

import numpy as np
import pytest

from cshml_tf.metrics import matching


def test_a_person_is_the_mean_of_the_persons_embeddings():
    """(1, 0) and (0, 1) have the same angle to their mean; opposite vectors cancel out."""
    embeddings = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]])
    means, people = matching.person_means(embeddings, [7, 2, 7, 9, 9])
    assert people.tolist() == [2, 7, 9]
    np.testing.assert_allclose(means, [[0.6, 0.8], [0.5**0.5, 0.5**0.5], [0.0, 0.0]], atol=1e-7)


def test_similarity_in_blocks_of_rows(monkeypatch):
    random = np.random.default_rng(0)
    probes, gallery = random.normal(size=(7, 3)).astype(np.float32), random.normal(size=(5, 3)).astype(np.float32)
    monkeypatch.setattr(matching, "_BLOCK", 14)
    blocks = list(matching.similarity_rows(probes, gallery))
    assert [len(block) for block in blocks] == [2, 2, 2, 1]
    naive = [[sum(a * b for a, b in zip(one, other, strict=True)) for other in gallery] for one in probes]
    assert np.abs(np.concatenate(blocks) - naive).max() < 1e-5
    monkeypatch.setattr(matching, "_BLOCK", 1)
    assert len(list(matching.similarity_rows(probes, gallery))) == 7


@pytest.mark.parametrize(
    ("similarity", "probe_labels", "gallery_labels", "message"),
    [
        (np.ones((2, 3)), [1, 2], [1, 2], r"2 columns, one per gallery image, got shape \(2, 3\)"),
        (np.ones((3, 2)), [1, 2], [1, 2], "expected 2 rows, one per probe, got 3"),
        (np.ones((1, 2)), [1, 2], [1, 2], "expected 2 rows, one per probe, got 1"),
        (iter([np.ones((1, 2)), np.ones((2, 2))]), [1, 2], [1, 2], "expected 2 rows, one per probe, got 3"),
        (iter([]), [1, 2], [1, 2], "expected 2 rows, one per probe, got 0"),
        (np.ones(2), [1, 2], [1, 2], r"got shape \(2,\)"),
        ([[0, 1], [np.nan, 1]], [1, 2], [1, 2], "got nan for probe 1 and gallery image 0"),
        (iter([[[0, 1]], [[0, np.inf]]]), [1, 2], [1, 2], "got inf for probe 1 and gallery image 1"),
        (np.ones((0, 2)), [], [1, 2], r"probe_labels: .* at least one image, got shape \(0,\)"),
        (np.ones((2, 0)), [1, 2], [], r"gallery_labels: .* at least one image, got shape \(0,\)"),
        (np.ones((2, 2)), [1, 2], ["1", "2"], "gallery_labels: expected the type of the probes' labels"),
    ],
)
def test_bad_similarities_and_labels(similarity, probe_labels, gallery_labels, message):
    with pytest.raises(ValueError, match=message):
        matching.match_probes(similarity, probe_labels, gallery_labels)


def test_bad_input_of_best_scores():
    with pytest.raises(ValueError, match="at least one probe, got none"):
        matching.best_scores(iter([]))
    with pytest.raises(ValueError, match=r"at least one column, one per gallery image, got shape \(3, 0\)"):
        matching.best_scores(np.ones((3, 0)))

"""A fitted mapping: its images, similarities and errors."""

import numpy as np
import pytest

from cshml_tf.evaluation.scface.coupled_mappings import fit_dmds, fit_mds


class TestMapping:
    def test_maps_and_similarity(self, random_problem):
        hr, _, lr, _ = problem = random_problem(17, lr_width=5)
        mapping = fit_dmds(*problem, one_map=False)
        mapped = mapping.map_hr(hr), mapping.map_lr(lr)
        np.testing.assert_allclose(mapped[0], (hr - hr.mean(axis=0)) @ mapping.hr, rtol=0, atol=1e-12)
        np.testing.assert_allclose(mapped[1], (lr - lr.mean(axis=0)) @ mapping.lr, rtol=0, atol=1e-12)
        similarity = mapping.similarity(lr, hr)
        assert similarity.shape == (18, 7)
        assert similarity[4, 2] == pytest.approx(-np.sqrt(sum((mapped[1][4] - mapped[0][2]) ** 2)), abs=1e-9)
        cosine = mapping.similarity(lr, hr, cosine=True)[4, 2]
        lengths = np.linalg.norm(mapped[1][4]) * np.linalg.norm(mapped[0][2])
        assert cosine == pytest.approx(np.sum(mapped[1][4] * mapped[0][2]) / lengths, abs=1e-12)
        assert not mapping.similarity(mapping.lr_mean[None], hr, cosine=True).any()
        uncentred = fit_mds(*problem, one_map=False, centred=False)
        assert not uncentred.hr_mean.any() and not uncentred.lr_mean.any()

    def test_bad_rows(self, random_problem):
        mapping = fit_mds(*random_problem(18, lr_width=5), one_map=False)
        with pytest.raises(
            ValueError, match=r"rows: expected \(rows, 8\) numbers, .* got float64 of shape \(2, 5\)"
        ):
            mapping.map_hr(np.ones((2, 5)))
        with pytest.raises(ValueError, match=r"rows: expected \(rows, 5\) numbers"):
            mapping.map_lr(np.ones(5))
        with pytest.raises(ValueError, match="rows: expected finite numbers, got nan in row 1, column 0"):
            mapping.map_lr([[0] * 5, [np.nan] * 5])

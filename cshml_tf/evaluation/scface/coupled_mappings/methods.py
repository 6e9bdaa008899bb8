"""MDS, DMDS and LDMDS: the classical baselines of table 5 of the paper, as linear maps of embeddings.

Sources: Biswas, Bowyer and Flynn, "Multidimensional scaling for matching low-resolution face images", IEEE PAMI 34
(10), 2012; F. Yang, W. Yang, Gao and Liao, "Discriminative multidimensional scaling for low-resolution face
recognition", IEEE Signal Processing Letters, 2018; for an objective that combines distances and classes, Webb
(1995). The papers scale pixel descriptors; here the rows are network embeddings. The definitions follow the
papers' abstracts and Webb rather than the papers' own equations, which may weight the terms differently. The
balance of the terms, the size of the separation, the choice of neighbours and all of `Fitting` are ours, not the
authors'.

Throughout, q_ij is the distance between two mapped rows and d_ij the distance between their HR counterparts. An HR
row is its own counterpart; that of an LR row is the mean of the person's HR rows. Each term is a mean over its
pairs, so that the few pairs of the same person are not outweighed by the many pairs of different people; weighted
sums would be the same objective with another balance.
"""

from typing import Any

from numpy.typing import ArrayLike

from cshml_tf.evaluation.scface.coupled_mappings.fitting import Fitting, check_weight, fit_terms
from cshml_tf.evaluation.scface.coupled_mappings.mapping import CoupledMapping
from cshml_tf.evaluation.scface.coupled_mappings.pair_terms import (
    PairTerms,
    cross_pairs,
    neighbour_pairs,
    target_distances,
)
from cshml_tf.evaluation.scface.coupled_mappings.training_rows import TrainingRows, check_training_rows


def fit_mds(
    hr: ArrayLike, hr_people: ArrayLike, lr: ArrayLike, lr_people: ArrayLike, balance: float = 0.5, **fitting: Any
) -> CoupledMapping:
    """Learn MDS: LR and HR rows as far apart as if both were HR, and rows of the same person close together.

    It minimises balance x mean over HR-LR pairs of (q_ij - d_ij)^2
    + (1 - balance) x mean over HR-LR pairs of the same person of q_ij^2.

    Args:
        hr: (n, E_hr) real, finite, embeddings of HR images.
        hr_people: (n,) names or numbers, at least two people.
        lr: (m, E_lr) real, finite, embeddings of LR images of people in `hr_people`.
        lr_people: (m,), of the same type as `hr_people`.
        balance: above 0, where all rows would collapse to one point, to 1, where classes have no effect.
        **fitting: the fields of `Fitting`.

    Returns:
        `CoupledMapping`.

    Raises:
        ValueError: rows or people have the wrong shape or type, or an option is out of range.
        TypeError: `Fitting` has no such option.
    """
    return fit_dmds(hr, hr_people, lr, lr_people, balance, separation=0.0, **fitting)


def fit_dmds(
    hr: ArrayLike,
    hr_people: ArrayLike,
    lr: ArrayLike,
    lr_people: ArrayLike,
    balance: float = 0.5,
    separation: float = 0.2,
    **fitting: Any,
) -> CoupledMapping:
    """Learn DMDS: MDS with different people pushed further apart than their HR counterparts are.

    It replaces d_ij in `fit_mds` by d_ij + separation x d where the people differ; d is the mean of d_ij over all
    pairs of different people. The separation is added because multiplying all distances by a factor would only
    rescale the map.

    Args:
        hr: (n, E_hr), as for `fit_mds`.
        hr_people: (n,), as for `fit_mds`.
        lr: (m, E_lr), as for `fit_mds`.
        lr_people: (m,), as for `fit_mds`.
        balance: as for `fit_mds`.
        separation: 0 or more; 0 is MDS.
        **fitting: the fields of `Fitting`.

    Returns:
        `CoupledMapping`.

    Raises:
        ValueError: rows or people have the wrong shape or type, or an option is out of range.
        TypeError: `Fitting` has no such option.
    """
    return fit_ldmds(hr, hr_people, lr, lr_people, balance, separation, consistency=0.0, **fitting)


def fit_ldmds(
    hr: ArrayLike,
    hr_people: ArrayLike,
    lr: ArrayLike,
    lr_people: ArrayLike,
    balance: float = 0.5,
    separation: float = 0.2,
    consistency: float = 1.0,
    neighbours: int | None = 5,
    **fitting: Any,
) -> CoupledMapping:
    """Learn LDMDS: DMDS with local consistency, through pairs of two HR rows and of two LR rows.

    It adds to the objective of `fit_dmds` consistency x mean over neighbouring HR-HR and LR-LR pairs of
    (q_ij - t_ij)^2, where t_ij is the target distance of `fit_dmds`.

    Args:
        hr: (n, E_hr), as for `fit_mds`.
        hr_people: (n,), as for `fit_mds`.
        lr: (m, E_lr), as for `fit_mds`.
        lr_people: (m,), as for `fit_mds`.
        balance: as for `fit_mds`.
        separation: as for `fit_dmds`.
        consistency: weight of the pairs within a resolution, 0 or more; 0 is DMDS.
        neighbours: k; a pair counts if one row is among the k nearest embeddings of the other in the same
            resolution. None counts all pairs.
        **fitting: the fields of `Fitting`.

    Returns:
        `CoupledMapping`.

    Raises:
        ValueError: rows or people have the wrong shape or type, or an option is out of range.
        TypeError: `Fitting` has no such option.
    """
    settings = Fitting(**fitting)
    if not 0 < balance <= 1:
        raise ValueError(f"balance: expected a number above 0 and at most 1, got {balance}")
    check_weight("separation", separation)
    check_weight("consistency", consistency)
    if neighbours is not None and neighbours < 1:
        raise ValueError(f"neighbours: expected at least 1, or None, got {neighbours}")
    training = check_training_rows(hr, hr_people, lr, lr_people)
    terms = method_terms(training, balance, separation, consistency, neighbours)
    return fit_terms(training, terms, settings)


def method_terms(
    training: TrainingRows, balance: float, separation: float, consistency: float, neighbours: int | None
) -> PairTerms:
    """Build the objective of the three methods as terms on pairs of rows.

    Args:
        training: the rows of both resolutions.
        balance: as for `fit_mds`.
        separation: as for `fit_dmds`; 0 for MDS.
        consistency: as for `fit_ldmds`; 0 for MDS and DMDS.
        neighbours: as for `fit_ldmds`.

    Returns:
        `PairTerms`.
    """
    crossing, same = cross_pairs(training)
    targets = target_distances(training, separation)
    terms = PairTerms(len(training.people))
    terms.add(balance, crossing, targets)
    terms.add(1 - balance, crossing & same)
    if consistency:
        terms.add(consistency, neighbour_pairs(training, neighbours), targets)
    return terms

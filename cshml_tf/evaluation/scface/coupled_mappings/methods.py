"""MDS, DMDS and LDMDS: the classical baselines of the paper's table 5, as linear maps of embeddings.

Sources: Biswas, Bowyer and Flynn, "Multidimensional scaling for matching low-resolution face images", IEEE PAMI 34
(10), 2012; F. Yang, W. Yang, Gao and Liao, "Discriminative multidimensional scaling for low-resolution face
recognition", IEEE Signal Processing Letters, 2018; for an objective of distances and classes, Webb (1995). They
scale descriptors of pixels; here the rows are embeddings of networks. The definitions follow the papers' abstracts
and Webb, not the papers' own equations, which may weigh the terms otherwise. The balance of the terms, the size of
the separation, which rows are neighbours and all of `Fitting` are our choices and not the authors'.

Throughout, q_ij is the distance of two mapped rows, and d_ij that of their HR counterparts: an HR row is its own,
and an LR row's is the mean of its person's HR rows. Each term is a mean over its pairs, so that the few pairs of
one person are not lost among those of two; weighted sums are the same objective with another balance.
"""

from cshml_tf.evaluation.scface.coupled_mappings.fitting import Fitting, check_weight, fit_terms
from cshml_tf.evaluation.scface.coupled_mappings.pair_terms import (
    PairTerms,
    cross_pairs,
    neighbour_pairs,
    target_distances,
)
from cshml_tf.evaluation.scface.coupled_mappings.training_rows import check_training_rows


def fit_mds(hr, hr_people, lr, lr_people, balance=0.5, **fitting):
    """Learn MDS: LR and HR rows as far apart as if both were HR, and those of one person close.

    balance x mean over HR-LR pairs of (q_ij - d_ij)^2
    + (1 - balance) x mean over HR-LR pairs of one person of q_ij^2.

    Args:
        hr: (n, E_hr) real, finite, embeddings of HR images.
        hr_people: (n,) names or numbers; at least two people.
        lr: (m, E_lr) real, finite, embeddings of LR images of people that `hr_people` names.
        lr_people: (m,) of the same kind.
        balance: above 0, at which all rows would fall on one point, and up to 1, at which classes do not count.
        **fitting: the fields of `Fitting`.

    Returns:
        `CoupledMapping`.

    Raises:
        ValueError: rows, people or options that are not these.
        TypeError: an option that `Fitting` does not have.
    """
    return fit_dmds(hr, hr_people, lr, lr_people, balance, separation=0.0, **fitting)


def fit_dmds(hr, hr_people, lr, lr_people, balance=0.5, separation=0.2, **fitting):
    """Learn DMDS: MDS whose different people are driven further apart than their HR counterparts are.

    As `fit_mds`, with d_ij + separation x d in place of d_ij where the people differ; d is the mean of d_ij over
    all rows of two people. A sum and not a product: distances multiplied alike fit the same map at another scale.

    Args:
        hr: (n, E_hr) as `fit_mds`.
        hr_people: (n,).
        lr: (m, E_lr).
        lr_people: (m,).
        balance: as `fit_mds`.
        separation: 0 or more; 0 is MDS.
        **fitting: the fields of `Fitting`.

    Returns:
        `CoupledMapping`.

    Raises:
        ValueError: rows, people or options that are not these.
        TypeError: an option that `Fitting` does not have.
    """
    return fit_ldmds(hr, hr_people, lr, lr_people, balance, separation, consistency=0.0, **fitting)


def fit_ldmds(hr, hr_people, lr, lr_people, balance=0.5, separation=0.2, consistency=1.0, neighbours=5, **fitting):
    """Learn LDMDS: DMDS that keeps local consistency, by pairs of two HR and of two LR rows.

    As `fit_dmds`, plus consistency x mean over the neighbouring HR-HR and LR-LR pairs of (q_ij - t_ij)^2, where
    t_ij is what `fit_dmds` has for d_ij.

    Args:
        hr: (n, E_hr) as `fit_mds`.
        hr_people: (n,).
        lr: (m, E_lr).
        lr_people: (m,).
        balance: as `fit_mds`.
        separation: as `fit_dmds`.
        consistency: weight of the pairs within a resolution, 0 or more; 0 is DMDS.
        neighbours: k; a pair counts where one row is among the k nearest of the other by the embeddings of its
            resolution. None counts all pairs.
        **fitting: the fields of `Fitting`.

    Returns:
        `CoupledMapping`.

    Raises:
        ValueError: rows, people or options that are not these.
        TypeError: an option that `Fitting` does not have.
    """
    fitting = Fitting(**fitting)
    if not 0 < balance <= 1:
        raise ValueError(f"balance: expected a number above 0 and up to 1, got {balance}")
    check_weight("separation", separation)
    check_weight("consistency", consistency)
    if neighbours is not None and neighbours < 1:
        raise ValueError(f"neighbours: expected at least 1, or None, got {neighbours}")
    training = check_training_rows(hr, hr_people, lr, lr_people)
    terms = method_terms(training, balance, separation, consistency, neighbours)
    return fit_terms(training, terms, fitting)


def method_terms(training, balance, separation, consistency, neighbours):
    """Write the objective of the three methods as terms.

    Args:
        training: `TrainingRows`.
        balance: as `fit_mds`.
        separation: as `fit_dmds`; 0 for MDS.
        consistency: as `fit_ldmds`; 0 for MDS and DMDS.
        neighbours: as `fit_ldmds`.

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

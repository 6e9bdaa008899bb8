"""Least-squares scaling under a linear constraint: one matrix that gives pairs of rows wanted distances.

Source: the constrained SMACOF algorithm of De Leeuw and Heiser (1980), which Webb ("Multidimensional scaling by
iterative majorization using radial basis functions", 1995) applies to functions of the data, and Biswas et al. to
faces. With x_i the image of row i, the inequality of Cauchy and Schwarz gives for any earlier images y

    |x_i - x_j| >= (x_i - x_j) . (y_i - y_j) / |y_i - y_j|,

so the stress lies below a quadratic that touches it at y; each iteration takes the minimum of that quadratic. It
can not rise, and no step length is chosen.
"""

import numpy as np
from scipy.spatial.distance import cdist

# Singular values below this share of the largest are rounding.
_RANK_TOLERANCE = 1e-9
# Below this share of the images' own length a distance is rounding, and its direction unknown.
_NO_DISTANCE = 1e-12


def row_space(rows):
    """Find an orthonormal basis of the space that rows span.

    Args:
        rows: (n, E) float64.

    Returns:
        (rank, E) float64, the direction of the longest spread first.
    """
    _, lengths, basis = np.linalg.svd(rows, full_matrices=False)
    return basis[lengths > _RANK_TOLERANCE * lengths[0]]


def stress(images, weights, targets):
    """Sum w_ij (|x_i - x_j| - d_ij)^2 over the pairs i < j.

    Args:
        images: (n, d) float64, x.
        weights: (n, n) float64, symmetric, not negative, zero on the diagonal.
        targets: (n, n) float64, symmetric, not negative, zero on the diagonal.

    Returns:
        float.
    """
    return _stress(cdist(images, images), weights, targets)


def majorize(rows, weights, targets, start, anchor, ridge=0.0, iterations=100, tolerance=1e-5, constant=0.0):
    """Minimise stress(rows @ W) + r |W - anchor|^2 + constant over all matrices W, starting from one.

    What lies outside the span of the rows changes no distance: there the ridge alone decides, and W is the
    anchor. The iterations run within the span, where their matrices are no larger than the rows' rank.

    Args:
        rows: (n, E) float64, not all zero.
        weights: (n, n) float64, as `stress`, not all zero between rows that differ.
        targets: (n, n) float64, as `stress`.
        start: (E, d) float64, where W begins; within the span of the rows it should not be zero.
        anchor: (E, d) float64, what the ridge draws W to.
        ridge: r, as a multiple of the mean eigenvalue of the quadratic; 0 takes the shortest step where the
            minimum is not unique.
        iterations: at most so many.
        tolerance: stops where an iteration lowers the objective by no more than this share of it.
        constant: what the objective is above its two terms.

    Returns:
        (W, objectives): (E, d) float64, and (iterations done + 1,) float64, the objective at the start and after
        each iteration; it never rises beyond rounding.
    """
    basis = row_space(rows)
    rows = rows @ basis.T
    outside = anchor - basis.T @ (basis @ anchor)
    matrix, anchor = basis @ start, basis @ anchor
    quadratic = rows.T @ _laplacian(weights) @ rows
    ridge = ridge * np.trace(quadratic) / len(basis)
    # The minimum of each quadratic is linear in its right-hand side: one inverse serves all iterations.
    inverse = np.linalg.pinv(quadratic + ridge * np.eye(len(basis)), rcond=1e-12, hermitian=True)
    from_rows, drawn = inverse @ rows.T, ridge * (inverse @ anchor)
    objectives = []
    while True:
        images = rows @ matrix
        distances = cdist(images, images)
        held = ridge * np.sum((matrix - anchor) ** 2)
        objectives.append(_stress(distances, weights, targets) + held + constant)
        if len(objectives) > iterations or _settled(objectives, tolerance):
            return basis.T @ matrix + outside, np.array(objectives)
        known = distances > _NO_DISTANCE * np.sqrt(np.mean(images**2) * images.shape[1])
        ratios = np.divide(weights * targets, distances, out=np.zeros_like(distances), where=known)
        matrix = from_rows @ (_laplacian(ratios) @ images) + drawn


def _stress(distances, weights, targets):
    return float(np.sum(weights * (distances - targets) ** 2) / 2)


def _settled(objectives, tolerance):
    return len(objectives) > 1 and objectives[-2] - objectives[-1] <= tolerance * objectives[-2]


def _laplacian(weights):
    """The matrix L for which x' L x sums w_ij (x_i - x_j)^2 over the pairs i < j."""
    return np.diag(weights.sum(axis=1)) - weights

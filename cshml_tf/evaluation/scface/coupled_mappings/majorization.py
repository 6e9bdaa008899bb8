"""Least-squares scaling under a linear constraint: find a matrix that maps pairs of rows to desired distances.

Source: the constrained SMACOF algorithm of De Leeuw and Heiser (1980), which Webb ("Multidimensional scaling by
iterative majorization using radial basis functions", 1995) applies to functions of the data and Biswas et al. to
faces. Let x_i be the image of row i. By the Cauchy-Schwarz inequality, for any earlier images y

    |x_i - x_j| >= (x_i - x_j) . (y_i - y_j) / |y_i - y_j|,

so the stress lies below a quadratic that touches it at y. Each iteration goes to the minimum of that quadratic, so
the stress never rises and no step size is needed.
"""

import numpy as np
from scipy.spatial.distance import cdist

# Singular values below this share of the largest are rounding errors.
_RANK_TOLERANCE = 1e-9
# A distance below this share of the images' length is a rounding error, and its direction is unknown.
_NO_DISTANCE = 1e-12


def row_space(rows: np.ndarray) -> np.ndarray:
    """Find an orthonormal basis of the space that rows span.

    Args:
        rows: (n, E) float64.

    Returns:
        (rank, E) float64, the direction of the largest singular value first.
    """
    _, lengths, basis = np.linalg.svd(rows, full_matrices=False)
    return basis[lengths > _RANK_TOLERANCE * lengths[0]]


def stress(images: np.ndarray, weights: np.ndarray, targets: np.ndarray) -> float:
    """Sum w_ij (|x_i - x_j| - d_ij)^2 over the pairs i < j.

    Args:
        images: (n, d) float64, x.
        weights: (n, n) float64, symmetric, not negative, zero on the diagonal.
        targets: (n, n) float64, d, symmetric, not negative, zero on the diagonal.

    Returns:
        float.
    """
    return _stress(cdist(images, images), weights, targets)


def majorize(
    rows: np.ndarray,
    weights: np.ndarray,
    targets: np.ndarray,
    start: np.ndarray,
    anchor: np.ndarray,
    ridge: float = 0.0,
    iterations: int = 100,
    tolerance: float = 1e-5,
    constant: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Minimise stress(rows @ W) + r |W - anchor|^2 + constant over all matrices W.

    Directions outside the span of the rows affect no distance, so only the ridge acts on them and W equals the
    anchor there. The iterations run within the span, where the matrices are no larger than the rank of the rows.

    Args:
        rows: (n, E) float64, not all zero.
        weights: (n, n) float64, as for `stress`, not all zero between rows that differ.
        targets: (n, n) float64, as for `stress`.
        start: (E, d) float64, initial W, which should not be zero within the span of the rows.
        anchor: (E, d) float64, the matrix towards which the ridge pulls W.
        ridge: r, as a multiple of the mean eigenvalue of the quadratic; 0 takes the shortest step where the
            minimum is not unique.
        iterations: maximum number of iterations.
        tolerance: stop once an iteration lowers the objective by no more than this share.
        constant: added to the objective.

    Returns:
        (W, objectives): (E, d) float64, and (iterations performed + 1,) float64, the objective at the start and
        after each iteration, which never rises by more than rounding errors.
    """
    basis = row_space(rows)
    rows = rows @ basis.T
    outside = anchor - basis.T @ (basis @ anchor)
    matrix, anchor = basis @ start, basis @ anchor
    quadratic = rows.T @ _laplacian(weights) @ rows
    ridge = ridge * np.trace(quadratic) / len(basis)
    # Only the right-hand side changes between the quadratics, so one inverse serves all iterations.
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


def _stress(distances: np.ndarray, weights: np.ndarray, targets: np.ndarray) -> float:
    return float(np.sum(weights * (distances - targets) ** 2) / 2)


def _settled(objectives: list[float], tolerance: float) -> bool:
    return len(objectives) > 1 and objectives[-2] - objectives[-1] <= tolerance * objectives[-2]


def _laplacian(weights: np.ndarray) -> np.ndarray:
    """Return the matrix L for which x' L x sums w_ij (x_i - x_j)^2 over the pairs i < j."""
    return np.diag(weights.sum(axis=1)) - weights

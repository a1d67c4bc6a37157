"""Mean and covariance of most rows, which outliers among them hardly change."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from sklearn_ae._data.quantiles import weighted_quantile

# Share of the rows that give mean and covariance: the others may all be outliers.
_SUPPORT = 0.75
_N_STEPS = 10  # no step enlarges the determinant, and the first few lower it most
# Share of its variance that is added to every column, for directions that hardly vary.
_RIDGE = 0.01
_STD_PER_MAD = 1.4826  # standard deviation per median absolute deviation, for a normal distribution


class RobustGaussian(NamedTuple):
    """Mean and covariance of the closest three quarters of the rows."""

    mean: np.ndarray  # of shape (n_columns,)
    covariance: np.ndarray  # of shape (n_columns, n_columns)


def fit_robust_gaussian(
    rows: np.ndarray,
    weight: np.ndarray,
    start: RobustGaussian | None = None,
    n_steps: int = _N_STEPS,
) -> RobustGaussian:
    """Fit mean and covariance by the steps of the minimum covariance determinant.

    Unlike :class:`~sklearn.covariance.MinCovDet`, it takes weights. A column of which most entries
    are equal has no robust scale: it keeps its standard deviation, if it varies at all.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_columns)
        The rows.
    weight : ndarray of shape (n_rows,)
        Their weights.
    start : RobustGaussian or None, default=None
        Where to start. None: at median and median absolute deviation.
    n_steps : int, default=10
        Number of steps.

    References
    ----------
    Rousseeuw and Van Driessen, "A fast algorithm for the minimum covariance determinant
    estimator", Technometrics 41, 1999.
    """
    median = _column_quantile(rows, weight)
    deviation = np.abs(rows - median)
    spread = _STD_PER_MAD * _column_quantile(deviation, weight)
    std = np.sqrt(np.average(np.square(deviation), axis=0, weights=weight))
    is_degenerate = (spread <= 1e-6 * std) & (std > 0)
    scale = np.where(is_degenerate, std, spread)
    scale[scale == 0] = 1.0
    z = (rows - median) / scale
    if start is None:
        mean, covariance = np.zeros(z.shape[1]), np.eye(z.shape[1])
    else:
        mean = (start.mean - median) / scale
        covariance = start.covariance / np.outer(scale, scale)
    for _ in range(n_steps):
        root = cholesky(covariance, lower=True)
        distance = np.square(solve_triangular(root, (z - mean).T, lower=True)).sum(axis=0)
        is_close = distance <= weighted_quantile(distance, weight, _SUPPORT)
        mean, covariance = _mean_and_covariance(z[is_close], weight[is_close])
        own = np.flatnonzero(is_degenerate)
        covariance[own, own] = np.maximum(covariance[own, own], 1.0)
    return RobustGaussian(mean * scale + median, covariance * np.outer(scale, scale))


def _column_quantile(rows: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.array([weighted_quantile(column, weight, 0.5) for column in rows.T])


def _mean_and_covariance(z: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = np.average(z, axis=0, weights=weight)
    centred = z - mean
    covariance = (centred * (weight / weight.sum())[:, None]).T @ centred
    own = np.diag_indices_from(covariance)
    # In its own units: one column may vary far more than its closest three quarters.
    covariance[own] += _RIDGE * np.where(covariance[own] > 0, covariance[own], 1.0)
    return mean, covariance

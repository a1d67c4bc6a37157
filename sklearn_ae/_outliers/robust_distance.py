"""Mahalanobis distance that outliers among the points do not change."""

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from sklearn_ae._data.quantiles import weighted_quantile

# Share of the points that give mean and covariance: the others may all be outliers.
_SUPPORT = 0.75
_N_STEPS = 10  # no step enlarges the determinant, and the first few lower it most
# Share of the mean variance that is added to every direction, for directions that hardly vary.
_RIDGE = 0.01
_WHISKER = 1.5  # interquartile ranges from the upper quartile to the edge
_STD_PER_MAD = 1.4826  # standard deviation per median absolute deviation, for a normal distribution
_LARGEST = 1e100  # its square is finite


def clip_to_finite(values: np.ndarray) -> np.ndarray:
    """Clip to +-1e100 in float64, so that squares are finite; NaN becomes 1e100."""
    return np.nan_to_num(values.astype(np.float64), nan=_LARGEST).clip(-_LARGEST, _LARGEST)


class RobustDistance:
    """Mahalanobis distance by mean and covariance of the closest three quarters of points.

    `center` is their mean, and `edge` the largest usual distance: the upper whisker of a box plot
    of the logarithms. Unlike :class:`~sklearn.covariance.MinCovDet`, it takes weights.
    """

    # The steps are those of the minimum covariance determinant: Rousseeuw and Van Driessen, "A fast
    # algorithm for the minimum covariance determinant estimator", Technometrics 41, 1999. The
    # start is median and median absolute deviation, which outliers do not change.

    def __init__(self, points: np.ndarray, weight: np.ndarray) -> None:
        points = clip_to_finite(points)
        self._median = np.array([weighted_quantile(column, weight, 0.5) for column in points.T])
        deviation = np.abs(points - self._median)
        spread = np.array([weighted_quantile(column, weight, 0.5) for column in deviation.T])
        spread *= _STD_PER_MAD
        # The median is 0 if most entries of a column are equal.
        mean_deviation = np.average(deviation, axis=0, weights=weight)
        spread = np.where(spread > 1e-3 * mean_deviation, spread, mean_deviation)
        self._scale = np.where(spread > 0, spread, 1.0)
        z = (points - self._median) / self._scale
        self._mean, self._root = np.zeros(z.shape[1]), np.eye(z.shape[1])
        for _ in range(_N_STEPS):
            distance = self._distance(z)
            is_close = distance <= weighted_quantile(distance, weight, _SUPPORT)
            self._mean, self._root = _mean_and_root(z[is_close], weight[is_close])
        self.center = self._mean * self._scale + self._median
        lower, upper = (weighted_quantile(self._distance(z), weight, q) for q in (0.25, 0.75))
        self.edge = upper * (upper / lower) ** _WHISKER if lower > 0 else upper

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Compute the distances, each divided by the square root of the number of dimensions."""
        return self._distance((clip_to_finite(points) - self._median) / self._scale)

    def move_to_edge(self, points: np.ndarray) -> np.ndarray:
        """Move points beyond the edge straight towards the center, as far as the edge."""
        points = clip_to_finite(points)
        share = np.minimum(1, self.edge / np.maximum(self(points), 1e-300))[:, None]
        return np.where(share < 1, self.center + share * (points - self.center), points)

    def _distance(self, z: np.ndarray) -> np.ndarray:
        solved = solve_triangular(self._root, (z - self._mean).T, lower=True)
        return np.sqrt(np.square(solved).mean(axis=0))


def _mean_and_root(z: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the mean and the Cholesky factor of the covariance."""
    mean = np.average(z, axis=0, weights=weight)
    centred = z - mean
    covariance = (centred * (weight / weight.sum())[:, None]).T @ centred
    ridge = _RIDGE * np.trace(covariance) / len(covariance)
    # Where all points are equal, the covariance is the identity: it keeps the start's scale.
    covariance[np.diag_indices_from(covariance)] += ridge if ridge > 0 else 1.0
    return mean, cholesky(covariance, lower=True)

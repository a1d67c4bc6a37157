"""Distance from the bulk of some points, whatever the others are."""

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from sklearn_ae._data.quantiles import weighted_quantile

# Share of the points that mean and covariance are made of: any of the others may be outliers.
_SUPPORT = 0.75
_N_STEPS = 10  # a step never enlarges the determinant; the first few do all there is to do
# Share of the mean variance that is added to every direction, for those that hardly vary.
_RIDGE = 0.01
_WHISKER = 1.5  # interquartile ranges beyond the upper quartile
_NORMAL = 1.4826  # of a normal distribution, standard deviation by median absolute deviation
_LARGEST = 1e100  # whose square is a number


def bounded(values: np.ndarray) -> np.ndarray:
    """Give numbers whose squares are numbers: codes and errors far out may be none.

    Parameters
    ----------
    values : ndarray
        Any numbers, infinite and undefined ones included.

    Returns
    -------
    bounded : ndarray, float64
        Numbers of at most 1e100, that stand for the former.
    """
    return np.nan_to_num(values.astype(np.float64), nan=_LARGEST).clip(-_LARGEST, _LARGEST)


class RobustDistance:
    """Mahalanobis distance by mean and covariance of the closest three quarters of points.

    The steps are those of the minimum covariance determinant [1]_, from a start that is not
    random, as medians and absolute deviations are outlier-proof a column at a time.
    Unlike :class:`~sklearn.covariance.MinCovDet` it takes weights.

    Parameters
    ----------
    points : ndarray of shape (n_points, n_dimensions), float64
        The points.
    weight : ndarray of shape (n_points,)
        Their weights.

    Attributes
    ----------
    center : ndarray of shape (n_dimensions,)
        Mean of the bulk.
    edge : float
        Distance where the bulk ends: the upper whisker of a box plot of its logarithms.

    References
    ----------
    .. [1] Rousseeuw and Van Driessen, "A fast algorithm for the minimum covariance
       determinant estimator", Technometrics 41, 1999.
    """

    def __init__(self, points: np.ndarray, weight: np.ndarray) -> None:
        points = bounded(points)
        median = np.array([weighted_quantile(column, weight, 0.5) for column in points.T])
        deviation = np.abs(points - median)
        spread = np.array([weighted_quantile(column, weight, 0.5) for column in deviation.T])
        spread *= _NORMAL
        # Most entries of a column may be equal.
        mean_deviation = np.average(deviation, axis=0, weights=weight)
        spread = np.where(spread > 1e-3 * mean_deviation, spread, mean_deviation)
        self._unit = np.where(spread > 0, spread, 1.0)
        self._origin = median
        z = (points - median) / self._unit
        self._mean = np.zeros(len(median))
        self._root = np.eye(len(median))
        for _ in range(_N_STEPS):
            distance = self._distance(z)
            inside = distance <= weighted_quantile(distance, weight, _SUPPORT)
            self._estimate(z[inside], weight[inside])
        self.center = self._mean * self._unit + self._origin
        lower, upper = (weighted_quantile(self._distance(z), weight, q) for q in (0.25, 0.75))
        self.edge = upper * (upper / lower) ** _WHISKER if lower > 0 else upper

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Compute the distance of points from the bulk.

        Parameters
        ----------
        points : ndarray of shape (n_points, n_dimensions)
            The points.

        Returns
        -------
        distance : ndarray of shape (n_points,)
            Each divided by the root of the number of dimensions: about 1 in the bulk.
        """
        return self._distance((bounded(points) - self._origin) / self._unit)

    def pull(self, points: np.ndarray) -> np.ndarray:
        """Move points that are farther than the edge straight to it.

        Parameters
        ----------
        points : ndarray of shape (n_points, n_dimensions)
            The points.

        Returns
        -------
        points : ndarray of shape (n_points, n_dimensions)
            Those inside as they are.
        """
        points = bounded(points)
        share = np.minimum(1, self.edge / np.maximum(self(points), 1e-300))[:, None]
        return np.where(share < 1, self.center + share * (points - self.center), points)

    def _estimate(self, z: np.ndarray, weight: np.ndarray) -> None:
        self._mean = np.average(z, axis=0, weights=weight)
        centred = z - self._mean
        covariance = (centred * (weight / weight.sum())[:, None]).T @ centred
        ridge = _RIDGE * np.trace(covariance) / len(covariance)
        # Where the bulk is a single point, any other is as far as its spread says.
        covariance[np.diag_indices_from(covariance)] += ridge if ridge > 0 else 1.0
        self._root = cholesky(covariance, lower=True)

    def _distance(self, z: np.ndarray) -> np.ndarray:
        solved = solve_triangular(self._root, (z - self._mean).T, lower=True)
        return np.sqrt(np.square(solved).mean(axis=0))

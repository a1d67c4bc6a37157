"""The score of the outlier detector, from three views of each row."""

from typing import NamedTuple

import numpy as np

from sklearn_ae._data.quantiles import weighted_quantile
from sklearn_ae._outliers.robust_distance import RobustDistance, clip_to_finite

# Weight of the gap to the nearest training row, relative to the robust distance.
_GAP_WEIGHT = 10.0
# The scores of known and of new rows have the same median and the same quantile of this order,
# which is still one of inliers.
_TAIL = 0.9
# Columns are divided by their usual error: a mean error below this one is rounding.
_LEAST_ERROR = 1e-4


class Views(NamedTuple):
    """What the score knows of some rows."""

    standard: np.ndarray  # the rows in standard units
    projection: np.ndarray  # their principal components
    error: np.ndarray  # of shape (n_rows,): their reconstruction errors


class _LogScaler(NamedTuple):
    """Logarithms, less their median, divided by their interquartile range."""

    median: float
    spread: float
    floor: float

    @classmethod
    def fit(
        cls,
        values: np.ndarray,
        weight: np.ndarray,
        least: float = 1e-12,
        least_spread: float = 0.01,
    ) -> "_LogScaler":
        # Far below the median, differences are rounding.
        floor = max(1e-3 * weighted_quantile(values, weight, 0.5), least)
        logarithms = np.log(np.maximum(values, floor))
        lower, median, upper = (weighted_quantile(logarithms, weight, q) for q in (0.25, 0.5, 0.75))
        return cls(median, max(upper - lower, least_spread), floor)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return (np.log(np.maximum(values, self.floor)) - self.median) / self.spread


class OutlierScore:
    """How abnormal rows are, compared with weighted training rows that are all different."""

    # The score combines two quantities, each as a logarithm in interquartile ranges:
    # - The robust distance of a row's projection and error from those of most training rows is
    #   coarse, but outliers among the training rows hardly change it.
    # - The gap between a row and the nearest training row, if it is larger than usual, is fine: it
    #   finds new rows between and beside the training rows.
    # A training row has no gap, so its distance alone is its score. The gap of a new row counts in
    # proportion to its size, and in full from the usual gap on.

    def __init__(self, views: Views, weight: np.ndarray) -> None:
        # At the top, this import would make `import sklearn_ae` a tenth slower.
        from sklearn.neighbors import NearestNeighbors

        self._scale_error = _LogScaler.fit(clip_to_finite(views.error), weight, _LEAST_ERROR)
        points = self._points(views)
        self._distance = RobustDistance(points, weight)
        distance = self._distance(points)
        self._scale_distance = _LogScaler.fit(distance, weight)
        self._rows = _searchable(views.standard)
        self._neighbors = NearestNeighbors(n_neighbors=min(2, len(weight))).fit(self._rows)
        gap = self._gap_to_others()
        self._usual_gap = weighted_quantile(gap, weight, 0.5)
        # Where rows are whole numbers, most gaps are equal.
        self._scale_gap = _LogScaler.fit(gap, weight, least_spread=0.25)
        # One threshold has to fit known and new rows: scale the scores of the latter.
        self._slope, self._intercept = 1.0, 0.0
        known = self._scale_distance(distance)
        new = self._of_new_rows(known, gap)
        known_median, known_tail, new_median, new_tail = (
            weighted_quantile(values, weight, q) for values in (known, new) for q in (0.5, _TAIL)
        )
        if new_tail > new_median and known_tail > known_median:
            self._slope = (known_tail - known_median) / (new_tail - new_median)
        self._intercept = known_median - self._slope * new_median

    def __call__(self, views: Views) -> np.ndarray:
        """Compute how abnormal rows are: higher is more abnormal."""
        known = self._scale_distance(self._distance(self._points(views)))
        gap = self._gap(views.standard)
        new = self._of_new_rows(known, gap)
        share = np.minimum(gap / self._usual_gap, 1) if self._usual_gap > 0 else (gap > 0) * 1.0
        return known + share * (new - known)

    def _of_new_rows(self, known: np.ndarray, gap: np.ndarray) -> np.ndarray:
        excess = np.maximum(self._scale_gap(gap), 0)
        return self._slope * (known + _GAP_WEIGHT * excess) + self._intercept

    def _points(self, views: Views) -> np.ndarray:
        # A very small error is not abnormal.
        error = np.maximum(self._scale_error(clip_to_finite(views.error)), -1)
        return np.column_stack([clip_to_finite(views.projection), error])

    def _gap(self, rows: np.ndarray) -> np.ndarray:
        """Compute the distance to the nearest training row."""
        nearest = self._neighbors.kneighbors(_searchable(rows), 1, return_distance=False)[:, 0]
        return _lengths(rows - self._rows[nearest])

    def _gap_to_others(self) -> np.ndarray:
        """Compute the distance of each training row to the nearest other one."""
        rows = self._rows
        if len(rows) == 1:
            return np.zeros(1)
        nearest = self._neighbors.kneighbors(rows, return_distance=False)
        is_itself = nearest[:, 0] == np.arange(len(rows))
        return _lengths(rows - rows[np.where(is_itself, nearest[:, 1], nearest[:, 0])])


def _lengths(differences: np.ndarray) -> np.ndarray:
    # kneighbors computes distances by matrix products, in which equal rows differ by rounding.
    return np.linalg.norm(clip_to_finite(differences), axis=1)


def _searchable(rows: np.ndarray) -> np.ndarray:
    """Clip rows so that the squared distances of the search are finite."""
    largest = np.sqrt(np.finfo(rows.dtype).max) / (1e3 * rows.shape[1])
    return np.nan_to_num(rows, nan=largest).clip(-largest, largest)

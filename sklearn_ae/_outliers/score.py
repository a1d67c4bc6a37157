"""The score of the outlier detector: one number for what a row looks like to a network."""

from typing import NamedTuple

import numpy as np

from sklearn_ae._data.quantiles import weighted_quantile
from sklearn_ae._outliers.robust_distance import RobustDistance, bounded

# What a gap that no training row has counts, relative to the distance from the bulk.
_SURPRISE = 10.0
# Both scores agree in their medians and in this quantile, which is still one of inliers.
_TAIL = 0.9
# An error that all columns have but for rounding, see Abnormality.
_LEAST_ERROR = 1e-4


class Views(NamedTuple):
    """What some rows look like to a network.

    Attributes
    ----------
    standard : ndarray of shape (n_rows, n_features)
        The rows in standard units.
    projection : ndarray of shape (n_rows, n_components)
        The rows on principal components, the stiff end of an autoencoder.
    error : ndarray of shape (n_rows,)
        How badly they are reconstructed.
    """

    standard: np.ndarray
    projection: np.ndarray
    error: np.ndarray


class _LogUnits(NamedTuple):
    """Logarithms in units of what is usual: 0 is the median, 1 the interquartile range."""

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
    ) -> "_LogUnits":
        # Far below what is usual, differences are rounding.
        floor = max(1e-3 * weighted_quantile(values, weight, 0.5), least)
        logarithms = np.log(np.maximum(values, floor))
        lower, median, upper = (weighted_quantile(logarithms, weight, q) for q in (0.25, 0.5, 0.75))
        return cls(median, max(upper - lower, least_spread), floor)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return (np.log(np.maximum(values, self.floor)) - self.median) / self.spread


class OutlierScore:
    """How abnormal rows are, beside those that the network was trained on.

    Two things are looked at, as logarithms in units of what is usual:

    - the distance of projection and error from the bulk of those of the training rows,
    - the gap between a row and the nearest training row, where it is larger than usual.

    The distance is coarse. Outliers among the training rows hardly move it, and do not
    vouch for each other. The gap is fine: it finds new rows between and beside those that
    are known. A row that the network was trained on has no gap, and is judged by its
    distance alone; the more a row is new, up to the usual gap, the more the second counts.

    Parameters
    ----------
    views : Views
        Of training rows, all of which differ.
    weight : ndarray of shape (n_rows,)
        Their weights.
    """

    def __init__(self, views: Views, weight: np.ndarray) -> None:
        # Here, since it takes a tenth of the time of importing PyTorch with it.
        from sklearn.neighbors import NearestNeighbors

        self._error_units = _LogUnits.fit(bounded(views.error), weight, _LEAST_ERROR)
        points = self._points(views)
        self._distance = RobustDistance(points, weight)
        distance = self._distance(points)
        self._distance_units = _LogUnits.fit(distance, weight)
        self._rows = _searchable(views.standard)
        self._neighbors = NearestNeighbors(n_neighbors=min(2, len(weight))).fit(self._rows)
        gap = self._gap_to_others()
        self._usual_gap = weighted_quantile(gap, weight, 0.5)
        # Where rows are whole numbers, most gaps are equal.
        self._gap_units = _LogUnits.fit(gap, weight, least_spread=0.25)
        # In the same units for rows that were trained on and for those that were not, so that one
        # threshold fits both.
        self._slope, self._intercept = 1.0, 0.0
        known = self._distance_units(distance)
        new = self._of_new_rows(known, gap)
        known_median, known_tail, new_median, new_tail = (
            weighted_quantile(values, weight, q) for values in (known, new) for q in (0.5, _TAIL)
        )
        if new_tail > new_median and known_tail > known_median:
            self._slope = (known_tail - known_median) / (new_tail - new_median)
        self._intercept = known_median - self._slope * new_median

    def __call__(self, views: Views) -> np.ndarray:
        """Compute the abnormality of rows.

        Parameters
        ----------
        views : Views
            Of the rows.

        Returns
        -------
        abnormality : ndarray of shape (n_rows,)
            The higher, the more abnormal.
        """
        known = self._distance_units(self._distance(self._points(views)))
        gap = self._gap(views.standard)
        new = self._of_new_rows(known, gap)
        share = np.minimum(gap / self._usual_gap, 1) if self._usual_gap > 0 else (gap > 0) * 1.0
        return known + share * (new - known)

    def _of_new_rows(self, known: np.ndarray, gap: np.ndarray) -> np.ndarray:
        surprise = np.maximum(self._gap_units(gap), 0)
        return self._slope * (known + _SURPRISE * surprise) + self._intercept

    def _points(self, views: Views) -> np.ndarray:
        # That a row is reconstructed very well is nothing abnormal.
        error = np.maximum(self._error_units(bounded(views.error)), -1)
        return np.column_stack([bounded(views.projection), error])

    def _gap(self, rows: np.ndarray) -> np.ndarray:
        """Compute the distance to the nearest training row."""
        nearest = self._neighbors.kneighbors(_searchable(rows), 1, return_distance=False)[:, 0]
        return self._length(rows - self._rows[nearest])

    def _gap_to_others(self) -> np.ndarray:
        """Compute the distance of each training row to the nearest other one."""
        rows = self._rows
        if len(rows) == 1:
            return np.zeros(1)
        nearest = self._neighbors.kneighbors(rows, return_distance=False)
        itself = nearest[:, 0] == np.arange(len(rows))
        return self._length(rows - rows[np.where(itself, nearest[:, 1], nearest[:, 0])])

    def _length(self, difference: np.ndarray) -> np.ndarray:
        # Of the difference itself: in products of matrices, equal rows are not quite equal.
        return np.linalg.norm(bounded(difference), axis=1)


def _searchable(rows: np.ndarray) -> np.ndarray:
    # Of rows beyond all numbers, the nearest is as good as any.
    largest = np.sqrt(np.finfo(rows.dtype).max) / (1e3 * rows.shape[1])
    return np.nan_to_num(rows, nan=largest).clip(-largest, largest)

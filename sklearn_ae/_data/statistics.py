"""What a network starts from: statistics of the training rows."""

from functools import cached_property
from typing import Any

import numpy as np

from sklearn_ae._data.bounds import column_bounds
from sklearn_ae._data.principal_components import StandardizedMatrix, principal_components
from sklearn_ae._data.rows import Rows
from sklearn_ae._data.units import column_extremes, column_mean_and_std


class Statistics:
    """Statistics of rows in memory. Each is computed when it is first asked for, and kept.

    Parameters
    ----------
    rows : Rows
        The rows.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._components: dict[Any, np.ndarray] = {}

    @property
    def dtype(self) -> np.dtype:
        """Type of the rows."""
        return self.rows.X.dtype

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return self.rows.X.shape[1]

    @property
    def example(self) -> Any:
        """Rows with the smallest and largest values of all columns."""
        return self.rows.X

    @cached_property
    def extremes(self) -> np.ndarray:
        """The smallest and the largest value of every column, see `column_extremes`."""
        return column_extremes(self.rows.X)

    @cached_property
    def mean_and_std(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of every column, see `column_mean_and_std`."""
        return column_mean_and_std(self.rows.X, self.rows.sample_weight)

    @cached_property
    def bounds(self) -> np.ndarray | None:
        """Bounds of the columns, see `column_bounds`."""
        return column_bounds(self.rows)

    def principal_components(
        self, scale: np.ndarray, n_components: int | float, random_state: np.random.RandomState
    ) -> np.ndarray:
        """Compute the principal components of the rows divided by a scale.

        See the function of this name. What it draws from the random state is drawn once.
        """
        key = n_components, scale.tobytes(), random_state.get_state()[1].tobytes()  # type: ignore[index]
        if key not in self._components:
            self._components[key] = self._principal_components(scale, n_components, random_state)
        return self._components[key]

    def _principal_components(
        self, scale: np.ndarray, n_components: int | float, random_state: np.random.RandomState
    ) -> np.ndarray:
        X, weight = self.rows.X, self.rows.sample_weight
        matrix = StandardizedMatrix(X, self.mean_and_std[0], scale, weight)
        return principal_components(matrix, n_components, random_state)

"""The nearest neighbours of rows among each other."""

from typing import Any

import numpy as np

from sklearn_ae._data.principal_components import StandardizedMatrix, principal_components
from sklearn_ae._data.units import column_mean_and_std, one_scale

# Distances are those of the leading principal components of wider rows. Noise is left out, and the
# search takes a tenth of the time for images.
_MAX_COLUMNS = 50
# Rows whose distances give the median distance.
_MEDIAN_ROWS = 500
# With more rows, an approximate search takes the place of the exact one.
_MAX_EXACT = 100_000


def project(X: Any, n_components: int, random_state: np.random.RandomState) -> np.ndarray:
    """Give the leading principal components of rows, dense or CSR, as float32.

    They are 50, or `n_components` if that is more, or as many as there are columns.
    """
    mean, std = column_mean_and_std(X, None)
    matrix = StandardizedMatrix(X, mean, one_scale(std), None)
    size = min(max(_MAX_COLUMNS, n_components), X.shape[1])
    axes = principal_components(matrix, size, random_state).T.astype(X.dtype)
    return np.concatenate([block @ axes for block in matrix.row_blocks()]).astype(np.float32)


def distance_to_neighbor(X: Any, n_neighbors: int) -> float:
    """Give the median distance of a row, dense or CSR, to its `n_neighbors`-th nearest other row.

    With fewer rows, the distance is that to the furthest. A sample of rows tells the median.
    """
    from sklearn.neighbors import NearestNeighbors  # slow to import

    sample = X[np.random.default_rng(0).permutation(X.shape[0])[:_MEDIAN_ROWS]]
    # Each row is the nearest of itself.
    search = NearestNeighbors(n_neighbors=min(n_neighbors + 1, X.shape[0]), algorithm="brute")
    return float(np.median(search.fit(X).kneighbors(sample)[0][:, -1]))


def nearest_neighbors(
    X: np.ndarray, n_neighbors: int, random_state: np.random.RandomState
) -> np.ndarray:
    """Find the nearest neighbours of each row, without itself.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        Rows.
    n_neighbors : int
        Number of neighbours, fewer than rows.
    random_state : RandomState
        Source of randomness of the approximate search.

    Returns
    -------
    neighbors : ndarray of shape (n_samples, n_neighbors)
        Their places.

    Raises
    ------
    ImportError
        If there are more than 100,000 rows, and pynndescent is not installed.
    """
    if len(X) > _MAX_EXACT:
        places = _approximate(X, n_neighbors + 1, random_state)
    else:
        from sklearn.neighbors import NearestNeighbors  # slow to import

        search = NearestNeighbors(n_neighbors=n_neighbors + 1).fit(X)
        places = search.kneighbors(X, return_distance=False)
    # A row is not always the first of its own neighbours: others may be equal.
    is_itself = places == np.arange(len(X))[:, None]
    is_itself[~is_itself.any(1), -1] = True
    return places[~is_itself].reshape(len(X), n_neighbors)


def _approximate(X: np.ndarray, n: int, random_state: np.random.RandomState) -> np.ndarray:
    try:
        from pynndescent import NNDescent
    except ImportError:
        raise ImportError(
            f"The neighbours of more than {_MAX_EXACT:,} rows are found by pynndescent, which is "
            'not installed. Install it with `pip install "sklearn-ae[maps]"`.'
        ) from None
    return NNDescent(X, n_neighbors=n, random_state=random_state).neighbor_graph[0]

"""Mean and spread of the columns: the units in which the network sees the data."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.utils import gen_batches

from sklearn_ae._data.single_thread import one_blas_thread

_BLOCK_ENTRIES = 2**19  # of a block that is made dense: 4 MiB in float64, which a cache holds
# Sparse matrices of so many entries get the same arithmetic as dense ones, and the same bits.
_SMALL = 2**22


def blocks(length: int, width: int) -> Iterator[slice]:
    """Cut the rows (or columns) of a matrix into blocks of bounded size."""
    return gen_batches(length, max(1, _BLOCK_ENTRIES // width))


def dense(block: Any) -> np.ndarray:
    """Give a block of an array, or of a sparse matrix, as an array."""
    return block if isinstance(block, np.ndarray) else block.toarray()


def column_mean_and_std(X: Any, sample_weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Compute mean and standard deviation of every column, in float64.

    The standard deviation of a constant column is exactly 0.
    """
    weight = np.ones(X.shape[0]) if sample_weight is None else sample_weight.astype(np.float64)
    share = weight / weight.sum()
    is_small = isinstance(X, np.ndarray) or X.shape[0] * X.shape[1] <= _SMALL
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        mean, square = _moments(X, share) if is_small else _sparse_moments(X, share)
    return mean_and_std_of(mean, square, column_extremes(X))


def mean_and_std_of(
    mean: np.ndarray, square: np.ndarray, extremes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give `column_mean_and_std` from means, mean squared deviations and extremes."""
    if not np.isfinite(square).all():
        raise ValueError(
            "X has values that are too large: their squares are beyond the largest "
            f"{square.dtype} number. Divide X by a constant."
        )
    smallest, largest = extremes
    is_constant = smallest == largest
    return np.where(is_constant, smallest, mean), np.where(is_constant, 0.0, np.sqrt(square))


def column_extremes(X: Any) -> np.ndarray:
    """Give the smallest and the largest value of every column, in shape (2, n_features)."""
    return np.stack([dense(end).ravel() for end in (X.min(axis=0), X.max(axis=0))])


def _moments(X: Any, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute weighted means and mean squared deviations of the columns."""
    mean: Any = sum(share[rows] @ dense(X[rows]) for rows in blocks(*X.shape))
    square: Any = sum(share[rows] @ np.square(dense(X[rows]) - mean) for rows in blocks(*X.shape))
    return mean, square


def _sparse_moments(X: Any, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give weighted means and mean squared deviations of the columns of a sparse matrix."""
    n_features = X.shape[1]
    of_entries = np.repeat(share, np.diff(X.indptr))
    values = X.data.astype(np.float64)
    mean = np.bincount(X.indices, of_entries * values, minlength=n_features)
    stored = np.bincount(X.indices, of_entries, minlength=n_features)
    deviations = of_entries * np.square(values - mean[X.indices])
    square = np.bincount(X.indices, deviations, minlength=n_features)
    return mean, square + np.maximum(1 - stored, 0) * np.square(mean)


def one_scale(std: np.ndarray) -> np.ndarray:
    """Give the one scale at which the columns have a mean variance of 1; 1 where none varies."""
    largest = std.max()
    if largest == 0:
        return np.array(1.0)
    # Divided by the largest, so that the squares do not overflow.
    return np.asarray(largest * np.sqrt(np.mean((std / largest) ** 2)))


def scale_per_column(std: np.ndarray) -> np.ndarray:
    """Give the scales at which every column has a variance of 1.

    A column that does not vary has no scale of its own; it gets the median scale of those that do,
    so that a deviation of it is neither ignored nor blown up. 1 where no column varies.
    """
    varies = std > 0
    return np.where(varies, std, np.median(std[varies]) if varies.any() else 1.0)

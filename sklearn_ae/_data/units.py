"""Mean and spread of the columns: the units in which the network sees the data."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches

_BLOCK_ENTRIES = 2**19  # of a block that is made dense: 4 MiB in float64, which a cache holds


def blocks(length: int, width: int) -> Iterator[slice]:
    """Cut the rows (or columns) of a matrix into blocks of bounded size.

    Parameters
    ----------
    length : int
        Number of rows.
    width : int
        Number of entries in a row.

    Returns
    -------
    slices : iterator of slice
        The blocks.
    """
    return gen_batches(length, max(1, _BLOCK_ENTRIES // width))


def dense(block: Any) -> np.ndarray:
    """Make a block dense.

    Parameters
    ----------
    block : ndarray or sparse matrix or array
        A part of a matrix.

    Returns
    -------
    block : ndarray
        The same, or itself.
    """
    return block if isinstance(block, np.ndarray) else block.toarray()


def column_mean_and_std(X: Any, sample_weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Compute mean and standard deviation of every column, in float64.

    Parameters
    ----------
    X : ndarray or CSR matrix or array of shape (n_samples, n_features)
        The data.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights of the rows.

    Returns
    -------
    mean, std : ndarray of shape (n_features,)
        Where a column varies by no more than the rounding of its mean, its standard
        deviation is exactly 0.
    """
    scaler = StandardScaler()
    for rows in blocks(*X.shape):
        # Dense also where X is sparse: the same arithmetic, the same bits.
        scaler.partial_fit(
            dense(X[rows]), sample_weight=None if sample_weight is None else sample_weight[rows]
        )
    mean, std = np.asarray(scaler.mean_, float), np.sqrt(np.asarray(scaler.var_, float))
    rounding = 10 * np.finfo(float).eps * np.abs(mean)
    return mean, np.where(std <= rounding, 0.0, std)


def one_scale(std: np.ndarray) -> np.ndarray:
    """Give the one scale at which the columns have a mean variance of 1.

    Parameters
    ----------
    std : ndarray of shape (n_features,)
        Standard deviations of the columns.

    Returns
    -------
    scale : ndarray of shape ()
        1 where no column varies.
    """
    largest = std.max()
    if largest == 0:
        return np.array(1.0)
    # Divided by the largest, so that the squares do not overflow.
    return np.asarray(largest * np.sqrt(np.mean((std / largest) ** 2)))


def scale_per_column(std: np.ndarray) -> np.ndarray:
    """Give the scales at which every column has a variance of 1.

    Parameters
    ----------
    std : ndarray of shape (n_features,)
        Standard deviations of the columns.

    Returns
    -------
    scale : ndarray of shape (n_features,)
        A column that does not vary has no scale of its own; it gets the median scale of
        those that do, so that a deviation of it is neither ignored nor blown up. 1
        where no column varies.
    """
    varies = std > 0
    return np.where(varies, std, np.median(std[varies]) if varies.any() else 1.0)

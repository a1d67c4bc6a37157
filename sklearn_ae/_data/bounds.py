"""Bounds of the columns that the data themselves show, such as the 0 of counts."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_ae._data.rows import Rows
from sklearn_ae._data.units import blocks, column_extremes

# A bound is where values pile up: where so many different rows are at the smallest or largest
# value, and such a share of all. The extremes of a column that ends gradually are no bounds: new
# rows go beyond.
_MIN_ROWS, _MIN_SHARE = 5, 0.01
_ENOUGH_ROWS = 2**14  # to tell the share by
_LARGE = 2**24  # entries of a sparse matrix of which only the zeros are counted
_FEW_ROWS = 1000  # of which equal ones count once; among more, that makes no difference


def column_bounds(rows: Rows) -> np.ndarray | None:
    """Find the values that columns reach again and again, and never go beyond.

    Of shape (2, n_features): the smallest and the largest values, where a column has no bound the
    limits of its type. None where no column has one.
    """
    rows = rows.extract()
    bounds = column_extremes(rows.X)
    is_bound = _are_reached_often(bounds, rows)
    if is_bound.any() and len(rows) <= _FEW_ROWS:
        is_bound = _are_reached_often(bounds, Rows(*rows.distinct()))
    if not is_bound.any():
        return None
    is_bound = _with_shared_ends(bounds, is_bound)
    limits = np.finfo(bounds.dtype)
    return np.where(is_bound, bounds, [[limits.min], [limits.max]])


def _with_shared_ends(bounds: np.ndarray, is_bound: np.ndarray) -> np.ndarray:
    """Bound the other side too, where all columns that end there end at one value, as pixels do."""
    bounds_both = is_bound.copy()
    for end, other, extreme in ((0, 1, np.min), (1, 0, np.max)):
        if is_bound[end].any():
            ends = bounds[end, is_bound[end]]
            if ends.min() == ends.max() == extreme(bounds[end]):
                added = is_bound[other] & ~is_bound[end]
                bounds_both[end] |= added
                bounds[end, added] = ends[0]
    return bounds_both


def _are_reached_often(bounds: np.ndarray, rows: Rows) -> np.ndarray:
    if not isinstance(rows.X, np.ndarray) and rows.X.shape[0] * rows.X.shape[1] > _LARGE:
        return _are_zeros_frequent(bounds, rows.X)
    some = rows.subsample(_ENOUGH_ROWS)
    count, share, total = np.zeros(bounds.shape, int), np.zeros(bounds.shape), 0.0
    for part in blocks(len(some), rows.X.shape[1]):
        block, weight = some[part]
        is_there = block == bounds[:, None]
        n_there = np.count_nonzero(is_there, axis=1)
        count += n_there
        share += n_there if weight is None else weight @ is_there
        total += len(block) if weight is None else weight.sum()
    return (count >= _MIN_ROWS) & (share >= _MIN_SHARE * total)


def _are_zeros_frequent(bounds: np.ndarray, X: Any) -> np.ndarray:
    """Tell which bounds are the zeros of a large sparse matrix, without making it dense."""
    n_zeros = X.shape[0] - np.bincount(X.indices, minlength=X.shape[1])
    is_frequent = (n_zeros >= _MIN_ROWS) & (n_zeros >= _MIN_SHARE * X.shape[0])
    return (bounds == 0) & is_frequent


def forget_broken_bounds(bounds: Tensor | None, X: Any) -> None:
    """Take away, in place, the bounds of `column_bounds` that further rows go beyond."""
    if bounds is not None:
        limits = torch.finfo(bounds.dtype)
        smallest, largest = torch.from_numpy(column_extremes(X)).to(bounds)
        bounds[0].masked_fill_(smallest < bounds[0], limits.min)
        bounds[1].masked_fill_(largest > bounds[1], limits.max)

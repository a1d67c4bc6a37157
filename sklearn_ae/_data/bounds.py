"""Bounds of the columns that the data themselves show, such as the 0 of counts."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_ae._data.rows import Rows
from sklearn_ae._data.units import blocks, column_extremes

# A bound is where values pile up: so many different rows, and such a share of all, have the
# smallest or largest value. If a column ends gradually, its extremes are no bounds: new rows go
# beyond.
_MIN_ROWS, _MIN_SHARE = 5, 0.01
_ENOUGH_ROWS = 2**14  # to tell the share by
_LARGE = 2**24  # entries of a sparse matrix of which only the zeros are counted
_FEW_ROWS = 1000  # of which equal ones count once; among more, that makes no difference


def column_bounds(rows: Rows, extremes: np.ndarray | None = None) -> np.ndarray | None:
    """Find the values that columns reach again and again, and never go beyond.

    The result has the shape (2, n_features): the smallest and the largest values, or the limits of
    the type where a column has no bound. It is None if no column has one. If the rows are a sample,
    `extremes` are those of all rows.
    """
    bounds = column_extremes(rows.X) if extremes is None else extremes.copy()
    is_bound = _are_reached_often(bounds, rows)
    if is_bound.any() and len(rows) <= _FEW_ROWS:
        is_bound = _are_reached_often(bounds, Rows(*rows.distinct()))
    if not is_bound.any():
        return None
    for end, extreme in enumerate((bounds[0].min(), bounds[1].max())):
        # If all columns with this end have it at one value, as pixels do, it also bounds the
        # columns that have only the other end.
        ends = bounds[end, is_bound[end]]
        if len(ends) > 0 and (ends == extreme).all():
            added = is_bound[1 - end] & ~is_bound[end]
            bounds[end, added] = ends[0]
            is_bound[end] |= added
    limits = np.finfo(bounds.dtype)
    return np.where(is_bound, bounds, [[limits.min], [limits.max]])


def _are_reached_often(bounds: np.ndarray, rows: Rows) -> np.ndarray:
    n_rows, n_features = rows.X.shape
    if not isinstance(rows.X, np.ndarray) and n_rows * n_features > _LARGE:
        n_zeros = n_rows - np.bincount(rows.X.indices, minlength=n_features)
        return (bounds == 0) & (n_zeros >= max(_MIN_ROWS, _MIN_SHARE * n_rows))
    some = rows.subsample(_ENOUGH_ROWS)
    count, share, total = np.zeros(bounds.shape, int), np.zeros(bounds.shape), 0.0
    for part in blocks(len(some), n_features):
        block, weight = some[part]
        is_there = block == bounds[:, None]
        n_there = np.count_nonzero(is_there, axis=1)
        count += n_there
        share += n_there if weight is None else weight @ is_there
        total += len(block) if weight is None else weight.sum()
    return (count >= _MIN_ROWS) & (share >= _MIN_SHARE * total)


def forget_broken_bounds(bounds: Tensor | None, X: Any) -> None:
    """Take away, in place, the bounds of `column_bounds` that further rows go beyond."""
    if bounds is not None:
        limits = torch.finfo(bounds.dtype)
        smallest, largest = torch.from_numpy(column_extremes(X)).to(bounds)
        bounds[0].masked_fill_(smallest < bounds[0], limits.min)
        bounds[1].masked_fill_(largest > bounds[1], limits.max)

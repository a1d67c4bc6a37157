"""Compute results block by block, and write them into an array in memory or on disk."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from sklearn_ae._data.streams.arrays import rows_of_memmap
from sklearn_ae._data.streams.opening import open_source
from sklearn_ae._data.streams.source import Source
from sklearn_ae._data.units import blocks


def compute(
    function: Callable[[Any], Any], check: Callable[[Any], Any], X: Any, out: Any = None
) -> Any:
    """Apply a function to checked rows: block by block if X is on disk, or if there is `out`.

    Parameters
    ----------
    function : callable
        Maps checked rows to an array of as many rows.
    check : callable
        Checks rows, and gives them as an array or a matrix.
    X : array-like or Source
        The rows, or anything that `open_source` takes.
    out : array or None, default=None
        Where to write, see `write`.
    """
    opened = open_source(X)
    if isinstance(opened, Source):
        filled = (block for block in opened.blocks() if block.shape[0] > 0)
        return write((function(check(block)) for block in filled), opened.n_rows, out)
    checked = check(opened)
    if out is None:
        return function(checked)
    parts = (function(checked[rows]) for rows in blocks(*checked.shape))
    return write(parts, checked.shape[0], out)


def write(parts: Iterable[Any], n_rows: int | None, out: Any = None) -> Any:
    """Write the rows of results one below the other.

    Parameters
    ----------
    parts : iterable of array
        The results of blocks of rows.
    n_rows : int or None
        Number of all rows; None: not known.
    out : array or None, default=None
        Where to write: anything with a shape that takes slices. None: into a new array.

    Returns
    -------
    out : array
    """
    if out is None and n_rows is None:
        return np.concatenate(list(parts))
    start = 0
    for part in parts:
        if out is None:
            out = np.empty((n_rows, *part.shape[1:]), part.dtype)
        stop = start + len(part)
        _check(out, part, stop if n_rows is None else n_rows)
        if isinstance(out, np.memmap) and out.mode != "r":
            # The pages of one large map would stay in memory.
            rows_of_memmap(out, "r+")(start, stop)[...] = part
        else:
            out[start:stop] = part
        start = stop
    if start != out.shape[0]:
        raise ValueError(f"out has the shape {tuple(out.shape)}, but X has {start} rows.")
    return out


def _check(out: Any, part: Any, n_rows: int) -> None:
    shape = (n_rows, *part.shape[1:])
    if tuple(out.shape[1:]) != shape[1:] or out.shape[0] < n_rows:
        raise ValueError(f"out has the shape {tuple(out.shape)}, expected {shape}.")
    is_numpy = isinstance(out.dtype, np.dtype) and isinstance(part, np.ndarray)
    if is_numpy and not np.can_cast(part.dtype, out.dtype, "same_kind"):
        raise ValueError(f"out has the type {out.dtype}, expected {part.dtype}.")

"""Write results block by block into an array that exists already, in memory or on disk."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from sklearn_ae._data.streams.arrays import rows_of_memmap


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

"""Arrays on disk as sources: NumPy's memmap, zarr, HDF5 and dask."""

import mmap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sklearn_ae._data.streams.source import Source, n_open_pieces, rows_of_block, rows_of_run

Read = Callable[[int, int], Any]


def array_source(X: Any) -> Source:
    """Give a memmap, or an array of zarr or h5py, as a source.

    Its pieces are runs of rows, of whole chunks where the array has some.
    """
    n_rows, n_features = X.shape
    run = rows_of_run(n_features)
    chunks = getattr(X, "chunks", None)
    if chunks is not None:
        run = -(-run // chunks[0]) * chunks[0]
    read = rows_of_memmap(X) if isinstance(X, np.memmap) else lambda start, stop: X[start:stop]
    step = run * max(1, rows_of_block(n_features) // run)

    def blocks() -> Iterator[Any]:
        return (read(start, min(start + step, n_rows)) for start in range(0, n_rows, step))

    def piece(number: int) -> Iterator[Any]:
        yield read(number * run, min((number + 1) * run, n_rows))

    n_open = n_open_pieces(run * n_features * X.dtype.itemsize)
    return Source(blocks, n_rows, n_features, piece, np.arange(0, n_rows, run), n_open)


def dask_source(X: Any) -> Source:
    """Give an array of dask as a source, whose pieces are its blocks of rows."""
    n_blocks, n_features = X.numblocks[0], X.shape[1]

    def piece(number: int) -> Iterator[Any]:
        yield X.blocks[number].compute()

    def blocks() -> Iterator[Any]:
        return (block for number in range(n_blocks) for block in piece(number))

    if any(np.isnan(size) for size in X.chunks[0]):  # not known before they are computed
        return Source(blocks, None, n_features)
    ends = np.cumsum(X.chunks[0])
    n_open = n_open_pieces(max(X.chunks[0]) * n_features * X.dtype.itemsize)
    return Source(blocks, int(ends[-1]), n_features, piece, ends - X.chunks[0], n_open)


def rows_of_memmap(X: np.memmap, mode: str = "r") -> Read:
    """Give a function from first and last row to these rows of a memmap.

    The rows are a map of their own, in the mode "r" or "r+": the pages of one large map would stay
    in memory.
    """
    offset = _offset_in_file(X)
    if offset is None:
        return lambda start, stop: X[start:stop]
    name, dtype, width = X.filename, X.dtype, X.shape[1:]
    size = X[:1].nbytes

    def rows(start: int, stop: int) -> np.ndarray:
        shape = stop - start, *width
        return np.asarray(np.memmap(name, dtype, mode, offset + start * size, shape))  # type: ignore[call-overload]

    return rows


def _offset_in_file(X: np.memmap) -> int | None:
    """Give where the entries of a memmap begin in its file; None where that can not be said."""
    memory = getattr(X, "_mmap", None)
    if memory is None or X.filename is None or X.mode == "c" or not X.flags.c_contiguous:
        return None
    # A view has the offset of the memmap that it was taken from.
    first = np.frombuffer(memory, np.uint8).ctypes.data
    return X.offset - X.offset % mmap.ALLOCATIONGRANULARITY + X.ctypes.data - first

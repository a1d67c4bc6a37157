"""A source of rows: what is read a block at a time, since it may be larger than memory."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn import get_config

# Entries of a block that is read in order, and of one that is read from a random place: short
# enough that a buffer holds many from all over a file, long enough for a disk. And at most one for
# so many bytes of the working memory.
_BLOCK_ENTRIES, _RUN_ENTRIES = 2**20, 2**16
_BYTES_PER_BLOCK_ENTRY, _BYTES_PER_RUN_ENTRY = 64, 512
# Pieces that are open together take this share of the working memory.
_OPEN_SHARE, _MAX_OPEN = 1 / 4, 16


@dataclass(frozen=True)
class Source:
    """Rows that are read a block at a time, as often as one likes.

    Attributes
    ----------
    blocks : callable
        ``() -> iterator`` of all rows in order, as arrays or tables.
    n_rows : int or None
        Number of rows; None: not known before they are read.
    n_features : int or None
        Number of columns, likewise.
    piece : callable or None
        ``(number) -> iterator`` of the rows of a piece, likewise; None: the rows can be read in
        order only.
    starts : ndarray of shape (n_pieces,) or None
        Number of the first row of each piece.
    n_open : int
        Number of pieces that are read at once, by turns, so that their rows mix.
    head : array-like or None
        The first rows, at least two if there are as many.
    """

    blocks: Callable[[], Iterator[Any]]
    n_rows: int | None = None
    n_features: int | None = None
    piece: Callable[[int], Iterator[Any]] | None = None
    starts: np.ndarray | None = None
    n_open: int = 1
    head: Any = None


def working_memory() -> int:
    """Give scikit-learn's working memory, in bytes."""
    return int(get_config()["working_memory"] * 2**20)


def rows_of_block(n_features: int) -> int:
    """Give the number of rows that are read in order at once."""
    entries = min(_BLOCK_ENTRIES, working_memory() // _BYTES_PER_BLOCK_ENTRY)
    return max(1, entries // max(1, n_features))


def rows_of_run(n_features: int) -> int:
    """Give the number of rows that are read from a random place."""
    entries = min(_RUN_ENTRIES, working_memory() // _BYTES_PER_RUN_ENTRY)
    return max(1, entries // max(1, n_features))


def n_open_pieces(n_bytes: float) -> int:
    """Give the number of pieces that are open together if each takes so many bytes."""
    return int(np.clip(_OPEN_SHARE * working_memory() / max(1, n_bytes), 1, _MAX_OPEN))


def to_array(block: Any, dtype: np.dtype | None, n_features: int | None = None) -> np.ndarray:
    """Give a block as an array, having checked that it is one of so many columns."""
    if hasattr(block, "to_batches"):  # a table of pyarrow
        array = np.empty(block.shape, dtype or np.float64)
        for number, column in enumerate(block.columns):
            array[:, number] = column.to_numpy()
    else:
        array = np.asarray(block.toarray() if sparse.issparse(block) else block, dtype)
    if array.ndim != 2:
        raise ValueError(
            "Expected 2D array: each block of X must be an array of shape (n_rows, n_features), "
            f"got an array of shape {array.shape} instead."
        )
    if n_features is not None and array.shape[1] != n_features:
        raise ValueError(
            f"A block of X has {array.shape[1]} features, but the blocks before have {n_features}."
        )
    return array


def arrays(
    blocks: Iterable[Any], dtype: np.dtype, n_features: int, n_rows: int | None = None
) -> Iterator[np.ndarray]:
    """Give blocks as arrays of a bounded size, without empty ones.

    Each has `n_rows` rows, but for the last, and is overwritten when the next is asked for;
    None: the blocks stay as they are, but for large ones.
    """
    most = rows_of_block(n_features)
    memory = None if n_rows is None else np.empty((n_rows, n_features), dtype)
    n_filled = 0
    for block in blocks:
        whole = block.shape[0]
        for start in range(0, whole, most):
            part = to_array(_rows(block, start, start + most), dtype, n_features)
            if memory is None:
                yield part
                continue
            while len(part) > 0:
                taken = part[: len(memory) - n_filled]
                memory[n_filled : n_filled + len(taken)] = taken
                n_filled += len(taken)
                part = part[len(taken) :]
                if n_filled == len(memory):
                    yield memory
                    n_filled = 0
    if memory is not None and n_filled > 0:
        yield memory[:n_filled]


def join(blocks: list[Any]) -> Any:
    """Join blocks: tables to a table, all else to an array."""
    if len(blocks) == 1:
        return blocks[0]
    if hasattr(blocks[0], "to_batches"):
        import pyarrow as pa

        return pa.concat_tables(blocks)
    return np.concatenate([to_array(block, None) for block in blocks])


def _rows(block: Any, start: int, stop: int) -> Any:
    if start == 0 and stop >= block.shape[0]:
        return block
    if hasattr(block, "to_batches"):
        return block.slice(start, stop - start)
    return block.iloc[start:stop] if hasattr(block, "iloc") else block[start:stop]

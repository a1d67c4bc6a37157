"""What X is: rows in memory, or a source of rows on disk."""

import sys
from dataclasses import replace
from typing import Any

import numpy as np

from sklearn_ae._data.streams.arrays import array_source, dask_source
from sklearn_ae._data.streams.arrow import dataset_source, factory_source
from sklearn_ae._data.streams.source import Source, join, working_memory

# What takes no more than this share of the working memory is read as a whole.
_SMALL = 1 / 8
_FLOAT_BYTES = 8


def open_source(X: Any) -> Any:
    """Give X as a source if it is on disk and too large to be read as a whole.

    What is small is read, and what is in memory stays as it is. A memmap is small as long as the
    working memory holds it, since it is used where it is.
    """
    source = _find_source(X)
    if source is None:
        return X
    most = _SMALL * working_memory()
    is_large = False
    if source.n_rows is not None and source.n_features is not None:
        is_large = source.n_rows * source.n_features * _FLOAT_BYTES > most
    blocks: list[Any] = []
    n_bytes = n_rows = 0
    for block in source.blocks():
        if block.shape[0] > 0 or not blocks:
            blocks.append(block)
        n_rows += block.shape[0]
        n_bytes += int(np.prod(block.shape)) * _FLOAT_BYTES
        is_large = is_large or n_bytes > most
        if is_large and n_rows > 1:
            return replace(source, head=join(blocks))
    if not blocks:
        raise ValueError("Found array with 0 sample(s): X gave no block of rows.")
    return join(blocks)


def _find_source(X: Any) -> Source | None:
    """Give the source that X is, however small; None if X is in memory."""
    if isinstance(X, np.ndarray):
        is_large = isinstance(X, np.memmap) and X.ndim == 2 and X.nbytes > working_memory()
        return array_source(X) if is_large else None
    dataset = sys.modules.get("pyarrow.dataset")
    if dataset is not None and isinstance(X, dataset.Dataset):
        return dataset_source(X)
    if hasattr(X, "__next__"):
        raise ValueError(
            f"X is an iterator ({type(X).__name__}), which can be read only once, but X is read "
            "several times. Give a function that returns a new iterator each time it is called."
        )
    if hasattr(X, "__array__"):
        if len(getattr(X, "shape", None) or ()) != 2 or not hasattr(X, "chunks"):
            return None
        return dask_source(X) if hasattr(X, "numblocks") else array_source(X)
    if callable(X) and not isinstance(X, type):
        return factory_source(X)
    if hasattr(X, "__arrow_c_stream__"):
        return factory_source(lambda: X)  # such as a relation of DuckDB, which is a query
    return None

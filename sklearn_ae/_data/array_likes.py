"""Tensors and tables as scikit-learn's validation takes them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from sklearn_ae._data.array_api import as_tensor, is_dispatched

# Names of types in pandas (NumPy's, nullable, of Arrow), in polars and in pyarrow.
_FLOAT32 = {"float32", "Float32", "float[pyarrow]", "float"}
_NUMBER = re.compile(r"u?int|float|double|halffloat|bool|decimal|sparse\[", re.IGNORECASE)
# What NumPy and pandas say of a value that is no number.
_NOT_CONVERTED = re.compile(
    r"could not (convert|be promoted)|cannot cast|float\(\) arg", re.IGNORECASE
)

# Entries from which on threads pay for a sum.
_LARGE = 2**20


def as_array_like(X: Any) -> Any:
    """Give a tensor as an array, of float32 if it has half the precision; all else as it is.

    Where scikit-learn dispatches to other libraries, their arrays and tensors become tensors.
    """
    if type(X).__name__ == "LazyFrame":
        raise ValueError("X is a LazyFrame, which has no rows yet: give X.collect() instead.")
    if is_dispatched(X):
        X = as_tensor(X)
    if not isinstance(X, torch.Tensor):
        return X
    if X.layout != torch.strided or X.is_quantized:
        raise ValueError("X is a sparse or quantized tensor: give X.to_dense() or a SciPy matrix.")
    if X.is_complex():
        raise ValueError("Complex data not supported: X is a complex tensor.")
    X = X.detach().resolve_neg()
    # NumPy has no bfloat16 and no float8.
    X = X.float() if X.is_floating_point() and X.itemsize < 4 else X
    return X if is_dispatched(X) else X.numpy()


def float_types(X: Any) -> list[Any]:
    """Give the types of an array of X: the first one, unless X itself is of another."""
    if isinstance(X, torch.Tensor):
        return [torch.float64, torch.float32]
    # scikit-learn knows only NumPy's types: it would make float64 of all others.
    types = {str(each) for each in _column_types(X)}
    is_float32 = bool(types) and types <= _FLOAT32
    return [np.float32, np.float64] if is_float32 else [np.float64, np.float32]


@contextmanager
def naming_columns(X: Any) -> Iterator[None]:
    """Say in errors which columns of a table are not numbers."""
    try:
        yield
    except (TypeError, ValueError) as error:
        types = zip(column_names(X), _column_types(X), strict=False)
        names = [name for name, kind in types if not _NUMBER.match(str(kind))]
        if not names or not _NOT_CONVERTED.search(str(error)):
            raise
        raise ValueError(
            f"Columns {names} of X are not numbers ({error}): leave them out, or encode them, for "
            "example by OneHotEncoder in a ColumnTransformer."
        ) from error


def column_names(X: Any) -> list[Any]:
    """Give the names of the columns of a table; none of anything else."""
    # The attribute "columns" of a pyarrow table holds data.
    return list(getattr(X, "column_names", getattr(X, "columns", ())))


def _column_types(X: Any) -> list[Any]:
    if getattr(X, "ndim", 2) != 2:
        return []  # a series of pandas has one type
    return list(getattr(X, "dtypes", getattr(getattr(X, "schema", None), "types", ())))


def has_finite_sum(X: Any) -> bool:
    """Tell whether X is a large array without infinities and NaNs; False if in doubt."""
    return (
        isinstance(X, np.ndarray)
        and X.dtype in (np.float32, np.float64)
        and X.size > _LARGE
        # PyTorch does not take others, or warns of them.
        and X.flags.c_contiguous
        and X.flags.writeable
        and bool(torch.from_numpy(X).sum().isfinite())
    )

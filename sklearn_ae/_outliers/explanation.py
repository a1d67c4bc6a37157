"""Which columns make a row abnormal: observed and expected values."""

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils._optional_dependencies import check_pandas_support
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _num_samples

from sklearn_ae._data.rows import Rows
from sklearn_ae._data.single_thread import one_blas_thread
from sklearn_ae._data.units import dense
from sklearn_ae._outliers.robust_distance import RobustDistance
from sklearn_ae.training import AutoencoderNet

_MAX_ROWS = 1000  # more training rows would hardly change what is usual


class Usual(NamedTuple):
    """What is usual for training rows: figures, no rows."""

    code_distance: RobustDistance  # of a code from the codes of most training rows
    deviation: np.ndarray  # root mean square of observed minus expected values, in input units


def make_usual(net: AutoencoderNet, rows: Rows) -> Usual:
    """Compute what is usual for training rows, from a random subsample of 1,000."""
    some = rows.subsample(_MAX_ROWS)
    X, weight = some[:][0], some.weight().astype(np.float64)
    codes = net.compute(net.module_.encode, X)
    with one_blas_thread():
        code_distance = RobustDistance(codes, weight)
    difference = X - expected_values(net, code_distance, X).astype(np.float64)
    deviation = np.sqrt(np.average(np.square(difference), axis=0, weights=weight))
    # A column that is reconstructed almost exactly deviates by rounding only.
    scale = net.module_.scale.cpu().numpy().astype(np.float64)
    return Usual(code_distance, np.maximum(deviation, 1e-3 * scale))


def expected_values(net: AutoencoderNet, code_distance: RobustDistance, X: Any) -> np.ndarray:
    """Decode the codes of rows, after moving those that are too far out to the edge."""
    codes = net.compute(net.module_.encode, X)
    with one_blas_thread():
        codes = code_distance.move_to_edge(codes).astype(codes.dtype)
    return net.compute(net.module_.decode, codes)


def squared_errors(net: AutoencoderNet, X: Any) -> np.ndarray:
    """Compute the squared error of each column of each row, in standard units."""
    # A row so far out that the network overflows has an infinite error, not an undefined one.
    return net.compute(
        lambda x: net.module_.residual(x).square().nan_to_num(torch.inf, torch.inf), X
    )


def explain(
    net: AutoencoderNet, usual: Usual, X: Any, given: Any, *, names: np.ndarray | None, top: int
) -> Any:
    """Make a table of the columns that deviate most, `top` lines for each row.

    X are the rows as an array, `given` as the user gave them, and `names` the fitted columns.
    """
    if isinstance(top, bool) or not Interval(Integral, 1, None, closed="left").is_satisfied_by(top):
        raise ValueError(f"top must be an int in the range [1, inf), got {top!r}.")
    pandas = check_pandas_support("explain")
    observed = dense(X)
    expected = expected_values(net, usual.code_distance, X)
    deviation = (observed.astype(np.float64) - expected) / usual.deviation
    top = min(top, observed.shape[1])
    order = np.argsort(-np.abs(deviation), axis=1, kind="stable")[:, :top]
    ranks = np.tile(np.arange(1, top + 1), len(observed))
    labels = _row_labels(given).repeat(top)
    index = pandas.MultiIndex.from_arrays([labels, ranks], names=["row", "rank"])
    figures = {"observed": observed, "expected": expected, "deviation": deviation}
    picked = {
        name: np.take_along_axis(values, order, axis=1).ravel() for name, values in figures.items()
    }
    features = _column_names(given, observed.shape[1]) if names is None else names
    return pandas.DataFrame({"feature": features[order].ravel(), **picked}, index=index)


def _column_names(X: Any, n_features: int) -> np.ndarray:
    """Give the names of the columns of X, or ``x0``, ``x1``, ..."""
    # The attribute "columns" of a pyarrow table holds data.
    names = getattr(X, "column_names", getattr(X, "columns", None))
    if names is None:
        names = [f"x{i}" for i in range(n_features)]
    return np.fromiter(names, dtype=object, count=n_features)  # a name may be a tuple


def _row_labels(X: Any) -> Any:
    """Give the labels of the rows of a pandas table, or else their numbers."""
    if not hasattr(X, "iloc"):
        return np.arange(_num_samples(X))
    return X.index.to_flat_index() if X.index.nlevels > 1 else X.index

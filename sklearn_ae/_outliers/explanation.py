"""Which columns make a row abnormal: observed and expected values, and shares of the score."""

from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.utils._optional_dependencies import check_pandas_support
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _num_samples
from torch import Tensor

from sklearn_ae._data.array_likes import column_names
from sklearn_ae._data.rows import Rows
from sklearn_ae._data.units import dense
from sklearn_ae._outliers.abnormality import Abnormality
from sklearn_ae.nn import DenoisingAutoencoder
from sklearn_ae.training import AutoencoderNet

_MAX_ROWS = 1000  # more training rows would hardly change what is usual


def usual_deviation(net: AutoencoderNet, rows: Rows) -> Tensor:
    """Give the root mean squared deviation from expected values, in each view and column."""
    some = rows.subsample(_MAX_ROWS)
    X, weight = some[:][0], some.weight().astype(np.float64)
    difference = X[:, None] - expected_values(net, X).astype(np.float64)
    deviation = np.sqrt(np.average(np.square(difference), axis=0, weights=weight))
    # A column that is expected almost exactly deviates by rounding only.
    scale = net.module_.scale.cpu().numpy().astype(np.float64)
    return torch.from_numpy(np.maximum(deviation, 1e-3 * scale))


def expected_values(net: AutoencoderNet, X: Any) -> np.ndarray:
    """Give the values ``(n_rows, n_views, n_features)`` that each view expects."""
    module = net.module_
    if not isinstance(module, DenoisingAutoencoder):
        return net.compute(module.reconstruct, X)[:, None]
    return net.compute(lambda x: module.to_input_units(module.expected(x)), X)


def squared_errors(net: AutoencoderNet, X: Any) -> np.ndarray:
    """Compute the squared error of each column of each row, in standard units."""
    # A row so far out that the network overflows has an infinite error, not an undefined one.
    return net.compute(
        lambda x: net.module_.residual(x).square().nan_to_num(torch.inf, torch.inf), X
    )


def explain(
    net: AutoencoderNet,
    abnormality: Abnormality,
    usual: Tensor,
    X: Any,
    given: Any,
    *,
    names: np.ndarray | None,
    top: int,
) -> Any:
    """Make a table of the columns with the largest shares, `top` lines for each row.

    X are the rows as an array, `given` as the user gave them, and `names` the fitted columns.
    """
    if isinstance(top, bool) or not Interval(Integral, 1, None, closed="left").is_satisfied_by(top):
        raise ValueError(f"top must be an int in the range [1, inf), got {top!r}.")
    pandas = check_pandas_support("explain")
    observed = dense(X)
    shares, view = abnormality.shares(net, X)
    expected = expected_values(net, X)[np.arange(len(view)), view]
    deviation = (observed.astype(np.float64) - expected) / usual.numpy()[view]
    top = min(top, observed.shape[1])
    order = np.argsort(-shares, axis=1, kind="stable")[:, :top]
    ranks = np.tile(np.arange(1, top + 1), len(observed))
    labels = _row_labels(given).repeat(top)
    index = pandas.MultiIndex.from_arrays([labels, ranks], names=["row", "rank"])
    figures = {
        "observed": observed,
        "expected": expected,
        "deviation": deviation,
        "share": shares,
    }
    picked = {
        name: np.take_along_axis(values, order, axis=1).ravel() for name, values in figures.items()
    }
    features = _column_names(given, observed.shape[1]) if names is None else names
    return pandas.DataFrame({"feature": features[order].ravel(), **picked}, index=index)


def _column_names(X: Any, n_features: int) -> np.ndarray:
    """Give the names of the columns of X, or ``x0``, ``x1``, ..."""
    names = column_names(X) or [f"x{i}" for i in range(n_features)]
    return np.fromiter(names, dtype=object, count=n_features)  # a name may be a tuple


def _row_labels(X: Any) -> Any:
    """Give the labels of the rows of a pandas table, or else their numbers."""
    if not hasattr(X, "iloc"):
        return np.arange(_num_samples(X))
    return X.index.to_flat_index() if X.index.nlevels > 1 else X.index

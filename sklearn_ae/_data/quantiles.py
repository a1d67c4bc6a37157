"""Quantiles of weighted numbers."""

import numpy as np

_ROUNDING = 1e-9


def weighted_quantile(values: np.ndarray, weight: np.ndarray | None, q: float) -> float:
    """Compute a quantile: the averaged inverted CDF.

    With it, weights do exactly what repeated rows do. `q` is the share of the weight below the
    quantile, in [0, 1].
    """
    order = np.argsort(values, kind="stable")
    weight = np.ones(len(values)) if weight is None else weight[order]
    share = np.cumsum(weight)
    share /= share[-1]
    # Sums of weights are rounded: q is met where it all but is.
    lower, upper = np.searchsorted(share, [q - _ROUNDING, q + _ROUNDING])
    last = np.flatnonzero(weight > 0)[-1]
    return float(values[order[lower]] + values[order[min(upper, last)]]) / 2

"""Metrics of reconstructions, for any transformer with ``inverse_transform``."""

from typing import Any

import numpy as np
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.utils import check_array

from sklearn_ae._data.array_api import as_numpy
from sklearn_ae._data.units import dense
from sklearn_ae.metrics._scorer import MetricScorer


def reconstruction_error(estimator: Any, X: Any, *, sample_weight: Any = None) -> float:
    """Compute the mean squared error of the reconstruction of X.

    Parameters
    ----------
    estimator : fitted transformer with ``inverse_transform``
        For example PCA, an autoencoder or a Pipeline of transformers.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights.

    Returns
    -------
    error : float
        Mean over rows and columns, in squared units of X. 0 is best.

    Raises
    ------
    TypeError
        If the estimator has no ``transform`` or no ``inverse_transform``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_ae.metrics import reconstruction_error
    >>> X = load_iris().data
    >>> round(reconstruction_error(PCA(n_components=2).fit(X), X), 4)
    0.0253
    """
    return float(mean_squared_error(*_pair(estimator, X), sample_weight=sample_weight))


def reconstruction_r2(estimator: Any, X: Any, *, sample_weight: Any = None) -> float:
    """Compute the share of the variance of X that its reconstruction explains.

    Parameters
    ----------
    estimator : fitted transformer with ``inverse_transform``
        For example PCA, an autoencoder or a Pipeline of transformers.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows, at least two.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights.

    Returns
    -------
    r2 : float
        1 minus the sum of squared errors over the sum of squared deviations from the column
        means. 1 is best. The column means as reconstruction have 0.

    Raises
    ------
    TypeError
        If the estimator has no ``transform`` or no ``inverse_transform``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_ae.metrics import reconstruction_r2
    >>> X = load_iris().data
    >>> round(reconstruction_r2(PCA(n_components=2).fit(X), X), 4)
    0.9777
    """
    X, reconstruction = _pair(estimator, X)
    return float(
        r2_score(X, reconstruction, sample_weight=sample_weight, multioutput="variance_weighted")
    )


def _pair(estimator: Any, X: Any) -> tuple[np.ndarray, np.ndarray]:
    """Compute X and its reconstruction as dense arrays."""
    for method in ("transform", "inverse_transform"):
        if not hasattr(estimator, method):
            raise TypeError(
                f"The metric needs a transformer with inverse_transform; {estimator!r} has no "
                f"{method}."
            )
    reconstruction = as_numpy(estimator.inverse_transform(estimator.transform(X)))
    # Squares of large float32 numbers overflow in float32.
    checks: dict[str, Any] = {"accept_sparse": True, "dtype": np.float64}
    return dense(check_array(as_numpy(X), **checks)), dense(check_array(reconstruction, **checks))


neg_reconstruction_error_scorer = MetricScorer(reconstruction_error, "transform", sign=-1)
reconstruction_r2_scorer = MetricScorer(reconstruction_r2, "transform")

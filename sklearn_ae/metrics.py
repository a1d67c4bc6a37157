"""How well a transformer can be undone, and a detector tell rows from broken ones.

The first are for any transformer with ``inverse_transform``.

PCA, NMF, :class:`~sklearn_ae.AutoencoderTransformer` or a Pipeline of transformers: each is
judged in the units of X, so that they can be compared, and searched over together.

``neg_reconstruction_error_scorer`` and ``reconstruction_r2_scorer`` are the two metrics as
scorers, higher being better, for ``scoring=`` of :class:`~sklearn.model_selection.GridSearchCV`
or :class:`~sklearn.callback.ScoringMonitor`:

>>> from sklearn.datasets import load_iris
>>> from sklearn.decomposition import PCA
>>> from sklearn.model_selection import GridSearchCV
>>> from sklearn_ae.metrics import neg_reconstruction_error_scorer
>>> search = GridSearchCV(
...     PCA(), {"n_components": [1, 2, 3]}, scoring=neg_reconstruction_error_scorer
... )
>>> search.fit(load_iris().data).best_params_
{'n_components': 3}

``broken_rows_auc`` judges outlier detectors where nobody knows the outliers, and can be given as
``scoring=`` as it is.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import mean_squared_error, r2_score, roc_auc_score
from sklearn.metrics._scorer import _BaseScorer
from sklearn.utils import check_array
from sklearn.utils.validation import _num_samples

__all__ = [
    "broken_rows_auc",
    "neg_reconstruction_error_scorer",
    "reconstruction_error",
    "reconstruction_r2",
    "reconstruction_r2_scorer",
]


def reconstruction_error(estimator: Any, X: Any, *, sample_weight: Any = None) -> float:
    """Compute the mean squared error of the reconstruction of X.

    Parameters
    ----------
    estimator : fitted transformer with ``inverse_transform``
        PCA, an autoencoder, a Pipeline of transformers, ...
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    error : float
        Mean over rows and columns, in squared units of X; 0 is best.

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
        PCA, an autoencoder, a Pipeline of transformers, ...
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows, at least two.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    r2 : float
        1 minus the summed squared error over the summed squared deviation from the
        column means; 1 is best, 0 is what the means achieve.

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


def broken_rows_auc(estimator: Any, X: Any, y: Any = None) -> float:  # noqa: ARG001
    """Compute how well a detector tells rows from rows that were put together of several.

    A measure without labels, for searches over parameters of outlier detectors: each broken
    row has every value from any row, so that all columns are as they should be, but
    their dependencies are lost [1]_ [2]_.

    Parameters
    ----------
    estimator : fitted outlier detector
        Anything with ``score_samples`` or ``decision_function``, higher for inliers.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        Rows, at best not those that it was fitted on, as in cross-validation. A few outliers
        among them do no harm.
    y : None
        Ignored.

    Returns
    -------
    auc : float
        Area under the ROC curve: 1 where all rows have higher scores than all broken ones, 0.5
        by chance. The same for the same X: nothing is random.

    Notes
    -----
    Outliers that differ in a single column, far out, have no part in it.

    References
    ----------
    .. [1] Hastie, Tibshirani and Friedman, "The elements of statistical learning", 2nd
       edition, section 14.2.4, 2009.
    .. [2] Shi and Horvath, "Unsupervised learning with random forest predictors", Journal of
       Computational and Graphical Statistics 15, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.ensemble import IsolationForest
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn_ae.metrics import broken_rows_auc
    >>> search = GridSearchCV(
    ...     IsolationForest(random_state=0), {"max_features": [0.3, 1.0]}, scoring=broken_rows_auc
    ... )
    >>> search.fit(load_wine().data).best_params_
    {'max_features': 1.0}
    """
    score = getattr(estimator, "score_samples", None) or estimator.decision_function
    n_rows = _num_samples(X)
    is_whole = np.repeat([1, 0], n_rows)
    # Every column in an order of its own: at random, but always the same.
    random = np.random.default_rng(0)
    if hasattr(X, "iloc"):
        broken = X.copy()
        for place in range(X.shape[1]):
            column = X.iloc[random.permutation(n_rows), place]
            broken.isetitem(place, column.set_axis(X.index))
    else:
        X = check_array(X, accept_sparse="csr", dtype=None, ensure_all_finite=False)
        X = X if isinstance(X, np.ndarray) else X.toarray()
        broken = np.column_stack([column[random.permutation(n_rows)] for column in X.T])
    return float(roc_auc_score(is_whole, np.concatenate([score(X), score(broken)])))


class _ReconstructionScorer(_BaseScorer):
    """A metric of this module as a scorer: no y is needed, sample weights can be routed."""

    def __init__(self, metric: Callable[..., float], sign: int) -> None:
        super().__init__(metric, sign, {}, response_method="transform")

    def __call__(self, estimator: Any, X: Any, y_true: Any = None, **kwargs: Any) -> float:
        return self._score(None, estimator, X, y_true, **kwargs)

    def _score(
        self,
        method_caller: Any,
        estimator: Any,
        X: Any,
        y_true: Any = None,
        sample_weight: Any = None,
    ) -> float:
        return self._sign * self._score_func(estimator, X, sample_weight=sample_weight)


neg_reconstruction_error_scorer = _ReconstructionScorer(reconstruction_error, -1)
reconstruction_r2_scorer = _ReconstructionScorer(reconstruction_r2, 1)


def _pair(estimator: Any, X: Any) -> tuple[np.ndarray, np.ndarray]:
    """Give X and its reconstruction as dense arrays."""
    for method in ("transform", "inverse_transform"):
        if not hasattr(estimator, method):
            raise TypeError(
                f"A transformer with inverse_transform is expected, got {estimator!r}, which has "
                f"no {method}."
            )
    reconstruction = estimator.inverse_transform(estimator.transform(X))
    return _dense(X), _dense(reconstruction)


def _dense(X: Any) -> np.ndarray:
    # In float64: the squares of what float32 holds may be beyond it.
    X = check_array(X, accept_sparse=True, dtype=np.float64)
    return X if isinstance(X, np.ndarray) else X.toarray()

"""Metrics of reconstructions and, without labels, of outlier detectors.

The metrics of reconstructions take any transformer with ``inverse_transform``: PCA, NMF,
:class:`~sklearn_ae.AutoencoderTransformer` or a Pipeline of transformers. They are in the units of
X, so you can compare different transformers and search over them together.

``neg_reconstruction_error_scorer`` and ``reconstruction_r2_scorer`` are scorers (higher is better)
for :class:`~sklearn.model_selection.GridSearchCV` and :class:`~sklearn.callback.ScoringMonitor`:

>>> from sklearn.datasets import load_iris
>>> from sklearn.decomposition import PCA
>>> from sklearn.model_selection import GridSearchCV
>>> from sklearn_ae.metrics import neg_reconstruction_error_scorer
>>> search = GridSearchCV(
...     PCA(), {"n_components": [1, 2, 3]}, scoring=neg_reconstruction_error_scorer
... )
>>> search.fit(load_iris().data).best_params_
{'n_components': 3}

``broken_rows_auc`` rates outlier detectors without labels. It is a scorer itself, and
``broken_rows_auc_scorer`` is another name for it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import mean_squared_error, r2_score, roc_auc_score
from sklearn.metrics._scorer import _BaseScorer
from sklearn.utils import check_array
from sklearn.utils.validation import _num_samples

from sklearn_ae._data.array_api import as_numpy, is_dispatched, like
from sklearn_ae._data.units import dense

__all__ = [
    "broken_rows_auc",
    "broken_rows_auc_scorer",
    "neg_reconstruction_error_scorer",
    "reconstruction_error",
    "reconstruction_r2",
    "reconstruction_r2_scorer",
]


class _Scorer(_BaseScorer):
    """A metric of a fitted estimator and rows as a scorer: y is optional, weights can be routed."""

    def __init__(self, metric: Callable[..., float], *methods: str, sign: int = 1) -> None:
        super().__init__(metric, sign, {}, response_method=methods)
        self.__doc__ = metric.__doc__

    def __call__(self, estimator: Any, X: Any, y: Any = None, **kwargs: Any) -> float:
        return self._score(None, estimator, X, y, **kwargs)

    def _score(
        self, method_caller: Any, estimator: Any, X: Any, y_true: Any = None, **kwargs: Any
    ) -> float:
        return self._sign * self._score_func(estimator, X, **kwargs)


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


def _broken_rows_auc(estimator: Any, X: Any) -> float:
    """Compute how well an outlier detector tells rows from broken rows.

    The metric needs no labels, so you can use it to tune the parameters of a detector. A
    broken row takes the value of each column from another row. Each column then keeps its
    distribution, but the dependencies between the columns are lost [1]_ [2]_.

    It is a scorer: pass it as ``scoring=``, or call ``broken_rows_auc(estimator, X)``.

    Parameters
    ----------
    estimator : fitted outlier detector
        Any estimator with ``score_samples`` or ``decision_function``, higher for inliers.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        Rows, preferably not those of the training, as in cross-validation. A few outliers
        among them do no harm.

    Returns
    -------
    auc : float
        Area under the ROC curve. 1 is best: all rows have higher scores than all broken
        rows. 0.5 is chance level. The same X always gives the same value.

    Notes
    -----
    The metric ignores the detection of outliers that are extreme in a single column.

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
    random = np.random.default_rng(0)  # the same broken rows in each call
    if hasattr(X, "iloc"):
        broken = X.copy()
        for place in range(X.shape[1]):
            column = X.iloc[random.permutation(n_rows), place]
            broken.isetitem(place, column.set_axis(X.index))
    else:
        own = check_array(as_numpy(X), accept_sparse="csr", dtype=None, ensure_all_finite=False)
        broken = np.column_stack([column[random.permutation(n_rows)] for column in dense(own).T])
        X, broken = (X, like(broken, X)) if is_dispatched(X) else (dense(own), broken)
    is_whole = np.repeat([1, 0], n_rows)
    scores = np.concatenate([as_numpy(score(each)) for each in (X, broken)])
    return float(roc_auc_score(is_whole, scores))


# ScoringMonitor takes a single metric only as a scorer, so the metric is one.
broken_rows_auc = _Scorer(_broken_rows_auc, "score_samples", "decision_function")
broken_rows_auc_scorer = broken_rows_auc
neg_reconstruction_error_scorer = _Scorer(reconstruction_error, "transform", sign=-1)
reconstruction_r2_scorer = _Scorer(reconstruction_r2, "transform")


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

"""A metric of outlier detectors that needs no labels."""

from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.utils import check_array
from sklearn.utils.validation import _num_samples

from sklearn_ae._data.array_api import as_numpy, is_dispatched, like
from sklearn_ae._data.units import dense
from sklearn_ae.metrics._scorer import MetricScorer


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
broken_rows_auc = MetricScorer(_broken_rows_auc, "score_samples", "decision_function")
broken_rows_auc_scorer = broken_rows_auc

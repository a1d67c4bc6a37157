"""Metrics of fitted estimators as scorers."""

from collections.abc import Callable
from typing import Any

from sklearn.metrics._scorer import _BaseScorer


class MetricScorer(_BaseScorer):
    """A metric of a fitted estimator and rows as a scorer: y is optional, weights can be routed."""

    def __init__(self, metric: Callable[..., float], *methods: str, sign: int = 1) -> None:
        super().__init__(metric, sign, {}, response_method=methods)
        self.__doc__ = metric.__doc__

    def __call__(self, estimator: Any, X: Any, y: Any = None, **kwargs: Any) -> float:
        """Compute the score of a fitted estimator on X."""
        return self._score(None, estimator, X, y, **kwargs)

    def _score(
        self, method_caller: Any, estimator: Any, X: Any, y_true: Any = None, **kwargs: Any
    ) -> float:
        return self._sign * self._score_func(estimator, X, **kwargs)

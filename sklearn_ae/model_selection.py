"""Hyper-parameter searches that train their candidates together.

Autoencoders of one shape that differ in learning rate, weight decay, seed or rows are trained as
one network. Everything else is scikit-learn's: a search gives the results that
:class:`~sklearn.model_selection.GridSearchCV` or
:class:`~sklearn.model_selection.RandomizedSearchCV` gives.
"""

from contextlib import ExitStack
from typing import Any

import numpy as np
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV

from sklearn_ae._search.backend import AllAtOnce
from sklearn_ae._search.run import run_together

__all__ = ["BatchedGridSearchCV", "BatchedRandomizedSearchCV"]


class BatchedGridSearchCV(GridSearchCV):
    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch="all",
            error_score=error_score,
            return_train_score=return_train_score,
        )

    def fit(self, X, y=None, **params):
        with ExitStack() as stack:

            def run(tasks):
                return run_together(tasks, n_jobs=self.n_jobs, halving=None, verbose=self.verbose)

            stack.enter_context(parallel_config(backend=AllAtOnce(run), n_jobs=2))
            self._leave = stack.close
            return super().fit(X, y, **params)

    def _run_search(self, evaluate_candidates, callback_ctx=None):
        self._leave()
        del self._leave
        kwargs = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
        super()._run_search(evaluate_candidates, **kwargs)

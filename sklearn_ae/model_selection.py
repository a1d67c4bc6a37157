"""Hyper-parameter searches that train their candidates together.

Autoencoders of one shape are trained as one network if they differ in learning rate, weight decay,
seed or rows. All else is scikit-learn's: a search gives what
:class:`~sklearn.model_selection.GridSearchCV` and
:class:`~sklearn.model_selection.RandomizedSearchCV` give.
"""

from contextlib import ExitStack
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils._param_validation import Interval

from sklearn_ae._search.backend import AllAtOnce
from sklearn_ae._search.run import Halving, run_together

__all__ = ["BatchedGridSearchCV", "BatchedRandomizedSearchCV"]

_FACTOR = [Interval(Real, 1, None, closed="neither"), None]


class _BatchedSearchCV(BaseSearchCV):
    """Has one of scikit-learn's searches fit its candidates together."""

    factor: float | None
    _leave: Any = None
    _halving: Halving | None = None

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Run fit with all sets of parameters.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training data.
        y : array-like of shape (n_samples,), default=None
            Targets for the steps of a pipeline and for scores.
        **params : dict of str to object
            Parameters of ``fit`` of the estimator, of the scorer and of the splitter, as in
            :class:`~sklearn.model_selection.GridSearchCV`.

        Returns
        -------
        self : object
            The fitted search.

        Raises
        ------
        ValueError
            If `factor` and several scores are given, and `refit` does not name one of them.
        """
        self._halving = _make_halving(self.factor, self.scoring, self.refit)
        run = partial(run_together, n_jobs=self.n_jobs, halving=self._halving, verbose=self.verbose)
        try:
            with ExitStack() as stack:
                # scikit-learn hands all fits to joblib, which hands them to this backend.
                stack.enter_context(parallel_config(backend=AllAtOnce(run), n_jobs=2))
                self._leave = stack.close
                return super().fit(X, y, **params)
        finally:
            self._leave = self._halving = None

    def _run_search(self, evaluate_candidates: Any, callback_ctx: Any = None) -> None:
        self._leave()  # joblib's other calls are the user's own
        contexts = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
        if self._halving is not None:
            more = {"iter": self._halving.iterations, "n_resources": self._halving.n_resources}
            evaluate_candidates = partial(evaluate_candidates, more_results=more)
        super()._run_search(evaluate_candidates, **contexts)

    @staticmethod
    def _select_best_index(refit: Any, refit_metric: str, results: dict[str, Any]) -> Any:
        if callable(refit) or "iter" not in results:
            return BaseSearchCV._select_best_index(refit, refit_metric, results)
        # A score from the middle of a training does not compare with those from the end.
        scores = np.asarray(results[f"mean_test_{refit_metric}"], dtype=float)
        is_last = results["iter"] == results["iter"].max()
        return int(np.where(is_last & ~np.isnan(scores), scores, -np.inf).argmax())


def _make_halving(factor: float | None, scoring: Any, refit: Any) -> Halving | None:
    if factor is None:
        return None
    is_single = scoring is None or isinstance(scoring, str) or callable(scoring)
    if not is_single and not isinstance(refit, str):
        raise ValueError(
            "With factor and several scores, refit must name the score that decides which "
            f"candidates go on. Got refit={refit!r}."
        )
    return Halving(factor, refit if isinstance(refit, str) else None)


class BatchedGridSearchCV(_BatchedSearchCV, GridSearchCV):
    """Try all combinations of parameters, and train the autoencoders together.

    Parameters
    ----------
    estimator : estimator
        An autoencoder, or a pipeline with one.
    param_grid : dict or list of dict
        Values to try for each parameter.
    scoring : str, callable, list, tuple or dict, default=None
        The scores, as in scikit-learn. None: ``score`` of the estimator.
    n_jobs : int or None, default=None
        Number of processes. None: one.
    refit : bool, str or callable, default=True
        Whether the best candidate is fitted to all rows, or the name of the score that decides
        which one is the best, or a function of ``cv_results_`` that gives its index.
    cv : int, cross-validation generator or iterable, default=None
        The folds, as in scikit-learn. None: five.
    verbose : int, default=0
        From 1 on, the search says how many fits are trained together, and why others are not. From
        2 on, scikit-learn prints a line for each fit.
    error_score : "raise" or float, default=np.nan
        Score of a fit that fails; "raise": the error is raised.
    return_train_score : bool, default=False
        Whether training rows are scored, too.
    factor : float or None, default=None
        Successive halving: candidates are scored in the middle of their training, and one in
        `factor` goes on. With 3, that is after 1/27, 1/9 and 1/3 of the epochs, or after the last
        of these if candidates are few. Those that are dropped keep the score that they had then.
        None: all candidates are trained to the end.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray
        Scores and times of the candidates, as in scikit-learn. The time of a training in a batch is
        the batch's, divided by its number of fits. With `factor`, ``iter`` is the number of times
        that a candidate went on, and ``n_resources`` its mean number of epochs; NaN if it was
        trained by itself.
    best_estimator_, best_params_, best_score_, best_index_ : object, dict, float, int
        The best candidate. With `factor`, it is one of those that were trained to the end.

    See Also
    --------
    sklearn.model_selection.GridSearchCV : The same search, one fit after the other.

    Notes
    -----
    The estimator may be an autoencoder, or a pipeline with one. Steps before the autoencoder are
    fitted once in each fold, for all candidates that agree on them. Steps after it are fitted for
    each.

    Plain networks, the transformer's default, are trained together with the weights that each would
    have by itself. Networks of other widths or code sizes come in other batches. These fits are
    made one by one: the default detector, convolutions, other latents, noise, callbacks, and
    parameters of ``fit`` other than ``sample_weight`` of an autoencoder.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.model_selection import BatchedGridSearchCV
    >>> X = load_digits().data[:600]
    >>> search = BatchedGridSearchCV(
    ...     AutoencoderTransformer(8, max_iter=5, random_state=0),
    ...     {"learning_rate": [0.001, 0.01], "weight_decay": [0.0, 0.1]},
    ...     cv=3,
    ... )
    >>> search.fit(X).best_params_["learning_rate"]
    0.01
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **GridSearchCV._parameter_constraints,
        "factor": _FACTOR,
    }

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
        factor: float | None = None,
    ) -> None:
        GridSearchCV.__init__(
            self,
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
            pre_dispatch="all",  # not a parameter here
        )
        self.factor = factor


class BatchedRandomizedSearchCV(_BatchedSearchCV, RandomizedSearchCV):
    """Try random combinations of parameters, and train the autoencoders together.

    Parameters
    ----------
    estimator : estimator
        An autoencoder, or a pipeline with one.
    param_distributions : dict or list of dict
        Distributions or lists of values of each parameter.
    n_iter : int, default=10
        Number of candidates.
    scoring : str, callable, list, tuple or dict, default=None
        The scores, as in scikit-learn. None: ``score`` of the estimator.
    n_jobs : int or None, default=None
        Number of processes. None: one.
    refit : bool, str or callable, default=True
        Whether the best candidate is fitted to all rows, or the name of the score that decides
        which one is the best, or a function of ``cv_results_`` that gives its index.
    cv : int, cross-validation generator or iterable, default=None
        The folds, as in scikit-learn. None: five.
    verbose : int, default=0
        From 1 on, the search says how many fits are trained together, and why others are not. From
        2 on, scikit-learn prints a line for each fit.
    random_state : int, RandomState instance or None, default=None
        Determines the draw of the candidates.
    error_score : "raise" or float, default=np.nan
        Score of a fit that fails; "raise": the error is raised.
    return_train_score : bool, default=False
        Whether training rows are scored, too.
    factor : float or None, default=None
        Successive halving: candidates are scored in the middle of their training, and one in
        `factor` goes on. With 3, that is after 1/27, 1/9 and 1/3 of the epochs, or after the last
        of these if candidates are few. Those that are dropped keep the score that they had then.
        None: all candidates are trained to the end.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray
        Scores and times of the candidates, as in scikit-learn. The time of a training in a batch is
        the batch's, divided by its number of fits. With `factor`, ``iter`` is the number of times
        that a candidate went on, and ``n_resources`` its mean number of epochs; NaN if it was
        trained by itself.
    best_estimator_, best_params_, best_score_, best_index_ : object, dict, float, int
        The best candidate. With `factor`, it is one of those that were trained to the end.

    See Also
    --------
    sklearn.model_selection.RandomizedSearchCV : The same search, one fit after the other.

    Notes
    -----
    The estimator may be an autoencoder, or a pipeline with one. Steps before the autoencoder are
    fitted once in each fold, for all candidates that agree on them. Steps after it are fitted for
    each.

    Plain networks, the transformer's default, are trained together with the weights that each would
    have by itself. Networks of other widths or code sizes come in other batches. These fits are
    made one by one: the default detector, convolutions, other latents, noise, callbacks, and
    parameters of ``fit`` other than ``sample_weight`` of an autoencoder.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.model_selection import BatchedRandomizedSearchCV
    >>> X = load_digits().data[:600]
    >>> search = BatchedRandomizedSearchCV(
    ...     AutoencoderTransformer(8, max_iter=5, random_state=0),
    ...     {"learning_rate": [0.001, 0.01], "weight_decay": [0.0, 0.1]},
    ...     cv=3,
    ...     n_iter=3,
    ...     random_state=0,
    ... )
    >>> search.fit(X).best_params_["learning_rate"]
    0.01
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **RandomizedSearchCV._parameter_constraints,
        "factor": _FACTOR,
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        factor: float | None = None,
    ) -> None:
        RandomizedSearchCV.__init__(
            self,
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
            pre_dispatch="all",  # not a parameter here
        )
        self.factor = factor

"""The fits of a search: which can be trained together, and what they are made of."""

import copy
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from sklearn.base import clone
from sklearn.metrics._scorer import _BaseScorer, _MultimetricScorer, _PassthroughScorer
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params

from sklearn_ae._base import BaseAutoencoder
from sklearn_ae._data.random import draw_seed
from sklearn_ae._data.rows import Rows
from sklearn_ae._fitting.fit import Fit
from sklearn_ae._fitting.together import Order, why_not_together
from sklearn_ae._search.backend import Task
from sklearn_ae._search.shared_steps import SharedSteps


@dataclass
class Candidate:
    """A fit of a search, to the training rows of a fold.

    Attributes
    ----------
    task : Task
        What scikit-learn calls to fit and score it.
    autoencoder : BaseAutoencoder
        The autoencoder in it.
    steps : SharedSteps or None
        The memory of its pipeline, if it is one.
    order : Order
        The fit of the autoencoder.
    """

    task: Task
    autoencoder: BaseAutoencoder
    steps: SharedSteps | None
    order: Order

    def fit_and_score(self, trained: Fit) -> Any:
        """Have scikit-learn fit and score it, with an autoencoder that has been trained."""
        function, args, kwargs = self.task
        if self.steps is None:
            self.autoencoder._trained = trained
        else:
            self.steps.trained = self.autoencoder._trained = trained
        try:
            return function(*args, **kwargs)
        finally:
            self.autoencoder.__dict__.pop("_trained", None)


class NotTogetherError(Exception):
    """Says why a fit has to be made by itself."""


def make_candidate(
    task: Task, store: dict[Hashable, Any], rows_of: dict[Hashable, Rows]
) -> Candidate:
    """Make a candidate of a task.

    Parameters
    ----------
    task : Task
        A call of scikit-learn's `_fit_and_score`.
    store : dict
        The fitted steps of pipelines.
    rows_of : dict
        The rows that autoencoders are trained on.

    Raises
    ------
    NotTogetherError
        If the fit has to be made by itself.
    Exception
        If the fit will fail.
    """
    _, (estimator, X, y), kwargs = task
    parameters, fit_params = kwargs["parameters"] or {}, dict(kwargs["fit_params"] or {})
    estimator.set_params(**clone(parameters, safe=False))
    autoencoder, name = find_autoencoder(estimator)
    if autoencoder is None:
        raise NotTogetherError("it is neither an autoencoder nor a pipeline with one")
    if name in parameters or "steps" in parameters:
        raise NotTogetherError("the autoencoder is a parameter of the search")
    weight = fit_params.get("sample_weight")
    if fit_params and (name is not None or set(fit_params) != {"sample_weight"}):
        raise NotTogetherError("fit has parameters")
    train = kwargs["train"]
    fold: Hashable = id(train)
    if fold not in store:
        store[fold] = _safe_split(estimator, X, y, train)
    X, y = store[fold]
    steps = None
    if isinstance(estimator, Pipeline):
        if "memory" in parameters:  # scikit-learn sets the parameters again
            raise NotTogetherError("memory is a parameter of the search")
        steps = SharedSteps(store, fold)
        place = [each for each, _ in estimator.steps].index(name)
        heads = Pipeline([*estimator.steps[:place], ("last", "passthrough")], memory=steps)
        X = heads.fit_transform(X, y)
        fold = fold, id(X)
    elif weight is not None:
        weight = _check_method_params(task[1][1], {"w": weight}, train)["w"]
    autoencoder._validate_params()
    rows = autoencoder._check_rows(X, weight, first=True, minimum=2)
    rows = rows_of.setdefault((fold, autoencoder.loss), rows)
    plan = autoencoder._plan(rows.total_weight, rows.X.shape[1])
    order = Order(autoencoder, rows, plan, 0)
    reason = why_not_together(order)
    if getattr(autoencoder, "_skl_callbacks", ()):
        reason = "it has callbacks"
    if autoencoder.warm_start:
        reason = "warm_start=True"
    if reason:
        raise NotTogetherError(reason)
    # A copy: a fit by itself draws from the same state.
    if steps is not None:
        estimator.memory = steps
    seed = draw_seed(copy.deepcopy(autoencoder.random_state))
    return Candidate(task, autoencoder, steps, order._replace(seed=seed))


def find_autoencoder(estimator: Any) -> tuple[BaseAutoencoder | None, str | None]:
    """Find the autoencoder that an estimator is, or the step of a pipeline that is one."""
    if isinstance(estimator, BaseAutoencoder):
        return estimator, None
    if isinstance(estimator, Pipeline):
        found = [step for step in estimator.steps if isinstance(step[1], BaseAutoencoder)]
        if len(found) == 1:
            return found[0][1], found[0][0]
    return None, None


def only_scores(scorer: Any) -> bool:
    """Tell whether a scorer is one of scikit-learn's, which only call methods that compute."""
    if isinstance(scorer, _MultimetricScorer):
        return all(only_scores(each) for each in scorer._scorers.values())
    return isinstance(scorer, (_BaseScorer, _PassthroughScorer))

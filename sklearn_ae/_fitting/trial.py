"""The trial: a short training that tells whether training helps, before all rows are trained on."""

from typing import Any

import numpy as np
import torch
from scipy import sparse

from sklearn_ae._data.principal_components import StandardizedMatrix, principal_components
from sklearn_ae._data.progress import Progress
from sklearn_ae._data.rows import Rows, to_tensor
from sklearn_ae._fitting.members import (
    learning_rate,
    make_members,
    n_refinement_steps,
    record_epoch,
    rows_in_batch,
    standardize_in_place,
)
from sklearn_ae._fitting.plan import FitPlan
from sklearn_ae.nn import LinearPath
from sklearn_ae.training import (
    AutoencoderNet,
    Epoch,
    Judge,
    Validation,
    count_operations,
    plan_course,
    threads_by_size,
    train,
)

# With fewer distinct rows, the result is PCA.
_MIN_ROWS = 10


def run_trial(
    net: AutoencoderNet,
    parameters: Any,
    rows: Rows,
    plan: FitPlan,
    seed: int,
    progress: Progress,
) -> Judge:
    """Tell by a short training whether training lowers the loss of rows that it has not seen.

    Each network of the trial starts at the PCA of its training rows and is judged by the others.

    Returns
    -------
    judge : Judge
        Its best loss is the initial one, that of PCA, if training does not lower it. The history
        of the net then shows the epochs of the trial.
    """
    judge = Judge(0.0, None)
    judge.begin(_mean_error(net, rows), net.weights())
    group, weight = rows.groups()
    if len(weight) < _MIN_ROWS:
        return judge
    # Equal rows stay together.
    fold = (np.random.RandomState(seed).permutation(len(weight)) % plan.n_folds)[group]
    net.batch_size = rows_in_batch(parameters, plan, rows)
    seen: list[Epoch] = []
    try:
        with threads_by_size(count_operations(net.module_, plan.batch_size)):
            members = make_members(net, parameters, plan, _paths(net, rows, fold))
            course = plan_course(
                net.get_iterator(_weigh(rows, fold), training=True),
                standardize_in_place(net),
                _validation(net, rows, fold, n_refinement_steps(net, plan.n_judging_steps)),
                judge,
                members.weights(0),
                learning_rate=learning_rate(plan, parameters.learning_rate_schedule),
                max_epochs=plan.n_trial_epochs,
                judge_every=plan.n_trial_epochs,
                min_certainty=plan.min_certainty,
                progress=progress,
            )
            progress.begin(f"trial, {plan.n_folds} folds", len(rows), plan.n_trial_epochs)
            seen.extend(epoch for epoch, _ in train(members, course))
    except KeyboardInterrupt:
        net.interrupted_ = True
        judge.reject()
    finally:
        progress.end()
    if not judge.best_loss < judge.initial_loss:
        for epoch in seen:
            record_epoch(net, epoch)
    return judge


def _mean_error(net: AutoencoderNet, rows: Rows) -> float:
    """Compute the mean squared error of the rows in standard units."""
    x, weight = rows.take(slice(None))
    with torch.no_grad():
        residual = net.module_.residual(to_tensor(x, net.device, net.data_dtype))
    return float(np.average(residual.square().mean(-1).cpu().numpy(), weights=weight))


def _paths(net: AutoencoderNet, rows: Rows, fold: np.ndarray) -> list[LinearPath]:
    """Give a linear path for each network, which starts at the PCA of its training rows."""
    shift, scale = (unit.double().cpu().numpy() for unit in (net.module_.shift, net.module_.scale))
    weight = rows.weight()
    paths = []
    for i in range(int(fold.max()) + 1):
        matrix = StandardizedMatrix(rows.X[fold != i], shift, scale, weight[fold != i])
        components = principal_components(matrix, net.n_components, np.random.RandomState(0))
        path = LinearPath(
            torch.tensor(components.copy()), net.n_components, generator=net.generator
        )
        paths.append(path.to(net.device, net.dtype))
    return paths


def _weigh(rows: Rows, fold: np.ndarray) -> Rows:
    """Give rows with a weight for each network: zero for its validation rows."""
    weights = rows.weight().astype(float)[:, None] * (fold[:, None] != np.arange(fold.max() + 1))
    return Rows(rows.X, (weights / weights.mean(axis=0)).astype(rows.X.dtype))


def _validation(net: AutoencoderNet, rows: Rows, fold: np.ndarray, n_steps: int) -> Validation:
    """Give the validation rows of each network in standard units, filled up to the largest."""
    parts = [np.flatnonzero(fold == i) for i in range(int(fold.max()) + 1)]
    size = max(map(len, parts))
    index = np.array([np.resize(part, size) for part in parts])
    is_own = np.array([np.arange(size) < len(part) for part in parts])
    X = rows.X[index.ravel()]
    X = X.toarray() if sparse.issparse(X) else X
    x = net.module_.standardize(to_tensor(X, net.device, net.data_dtype))
    weights = to_tensor(rows.weight()[index] * is_own * rows.mean_weight, net.device, net.dtype)
    return Validation(x.unflatten(0, index.shape), weights, n_steps)

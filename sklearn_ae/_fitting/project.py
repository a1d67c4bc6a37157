"""Wide data: train a network on the leading principal components, behind the projection on them.

For the squared error, a network behind an orthogonal projection loses nothing on rows that lie in
its span. The cost is that of the decomposition and of a small network.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from sklearn_ae._data.random import make_generators
from sklearn_ae._data.rows import Rows
from sklearn_ae._data.spread import make_statistics
from sklearn_ae._data.statistics import Statistics
from sklearn_ae._data.units import blocks
from sklearn_ae._fitting.fit import Fit, Hooks, fit
from sklearn_ae._fitting.plan import FitPlan
from sklearn_ae.training import AutoencoderNet, Checkpoint


class Projection(NamedTuple):
    """An orthogonal projection.

    Attributes
    ----------
    axes : ndarray of shape (n_projected, n_features)
        Orthonormal axes.
    shift : ndarray of shape (n_features,)
        What is subtracted before.
    explained : float
        Share of the variance of the rows in its span.
    """

    axes: np.ndarray
    shift: np.ndarray
    explained: float


def fit_projected(
    parameters: Any,
    rows: Rows,
    plan: FitPlan,
    seed: int,
    *,
    hooks: Hooks | None = None,
    checkpoint: Checkpoint | None = None,
) -> Fit:
    """Fit a network to rows on their leading principal components.

    Parameters
    ----------
    parameters : BaseAutoencoder
        The estimator, of which only the parameters are read.
    rows : Rows
        The training data.
    plan : FitPlan
        The plan, with the number of components to project on.
    seed : int
        Source of all randomness.
    hooks : Hooks or None, default=None
        What to call around each epoch.
    checkpoint : Checkpoint or None, default=None
        What the training resumes from, and where it is saved.

    Returns
    -------
    fit : Fit
        With a network of all columns, and the fit on the components as `projected`.
    """
    statistics = make_statistics(rows)
    n_projected = min(plan.n_projected or statistics.n_features, len(rows))
    projection, projected = _project(statistics, n_projected, seed)
    bounds = None if parameters.output_activation == "identity" else statistics.bounds

    def lift(done: Fit) -> Fit:
        validation = done.validation
        return replace(
            done,
            net=_lift(done.net, projection, bounds),
            rows=rows,
            training=replace(done.training, X=rows.X),
            validation=None if validation is None else replace(validation, X=rows.X),
            projected=done,
        )

    if hooks is not None:
        end = hooks.end
        hooks = Hooks(hooks.begin, lambda make_fit: end(lambda: lift(make_fit())))
    return lift(fit(parameters, projected, plan, seed, hooks=hooks, checkpoint=checkpoint))


def _project(statistics: Statistics, n_projected: int, seed: int) -> tuple[Projection, Rows]:
    X = statistics.rows.X
    shift, std = statistics.mean_and_std
    random_state = make_generators(seed)[1]
    axes = statistics.principal_components(np.array(1.0), n_projected, random_state)
    projected = np.empty((X.shape[0], len(axes)), X.dtype)
    back = np.ascontiguousarray(axes.T, dtype=X.dtype)
    if isinstance(X, np.ndarray):
        for part in blocks(*X.shape):
            projected[part] = (X[part] - shift).astype(X.dtype) @ back
    else:
        projected[:] = X @ back - shift.astype(X.dtype) @ back
    rows = replace(statistics.rows, X=projected)
    _, projected_std = make_statistics(rows).mean_and_std
    total = np.square(std).sum()
    explained = min(1.0, float(np.square(projected_std).sum() / total)) if total > 0 else 1.0
    return Projection(axes, shift, explained), rows


def _lift(net: AutoencoderNet, projection: Projection, bounds: np.ndarray | None) -> AutoencoderNet:
    """Give a net of all columns that does what a net does on the projections of the rows.

    `bounds` are the smallest and largest values of reconstructions, of shape (2, n_features).
    """
    lifted = net.snapshot()
    module = lifted.module_
    # The projections have a mean of zero but for rounding.
    module.shift = torch.from_numpy(projection.shift).to(module.shift)
    module.axes = torch.from_numpy(projection.axes.copy()).to(module.shift)
    module.bounds = None if bounds is None else torch.from_numpy(bounds).to(module.shift)
    lifted.explained = projection.explained
    return lifted

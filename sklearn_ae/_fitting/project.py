"""Wide data: train on the leading principal components, and lift the network to all columns.

For the squared error a network behind an orthogonal projection loses nothing on rows that lie in
its span. The cost is that of the decomposition and of a small network.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from sklearn_ae._data.bounds import column_bounds
from sklearn_ae._data.principal_components import StandardizedMatrix, principal_components
from sklearn_ae._data.random import make_generators
from sklearn_ae._data.rows import Rows
from sklearn_ae._data.units import blocks, column_mean_and_std
from sklearn_ae._fitting.fit import Fit, Hooks, fit
from sklearn_ae._fitting.plan import FitPlan
from sklearn_ae.nn import Autoencoder, LinearPath
from sklearn_ae.training import AutoencoderNet


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
    parameters: Any, rows: Rows, plan: FitPlan, seed: int, *, hooks: Hooks | None = None
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

    Returns
    -------
    fit : Fit
        With a network of all columns, and the fit on the components as `projected`.
    """
    projection, projected = _project(rows, plan.n_projected or rows.X.shape[1], seed)
    bounds = None if parameters.output_activation == "identity" else column_bounds(rows)

    def lift(done: Fit) -> Fit:
        validation = done.validation
        return replace(
            done,
            net=lift_net(done.net, projection, bounds),
            rows=rows,
            training=replace(done.training, X=rows.X),
            validation=None if validation is None else replace(validation, X=rows.X),
            projected=done,
            explained=projection.explained,
        )

    if hooks is not None:
        end = hooks.end
        hooks = Hooks(hooks.begin, lambda make_fit: end(lambda: lift(make_fit())))
    return lift(fit(parameters, projected, plan, seed, hooks=hooks))


def _project(rows: Rows, n_projected: int, seed: int) -> tuple[Projection, Rows]:
    X = rows.X
    shift, std = column_mean_and_std(X, rows.sample_weight)
    matrix = StandardizedMatrix(X, shift, np.array(1.0), rows.sample_weight)
    n_projected = min(n_projected, X.shape[0])
    axes = principal_components(matrix, n_projected, make_generators(seed)[1])
    projected = np.empty((X.shape[0], len(axes)), X.dtype)
    back = np.ascontiguousarray(axes.T, dtype=X.dtype)
    if isinstance(X, np.ndarray):
        for part in blocks(*X.shape):
            projected[part] = (X[part] - shift).astype(X.dtype) @ back
    else:
        projected[:] = X @ back - shift.astype(X.dtype) @ back
    _, projected_std = column_mean_and_std(projected, rows.sample_weight)
    total = np.square(std).sum()
    explained = min(1.0, float(np.square(projected_std).sum() / total)) if total > 0 else 1.0
    return Projection(axes, shift, explained), replace(rows, X=projected)


def lift_net(
    net: AutoencoderNet, projection: Projection, bounds: np.ndarray | None
) -> AutoencoderNet:
    """Give a net of all columns that does what a net does on the projection of the rows.

    Parameters
    ----------
    net : AutoencoderNet
        A plain net on projected rows.
    projection : Projection
        The projection.
    bounds : ndarray of shape (2, n_features) or None
        Smallest and largest values of the reconstructions.
    """
    small = net.snapshot().module_
    axes = torch.as_tensor(projection.axes.copy()).to(net.device, net.dtype)
    # The projected rows have a mean of zero but for rounding.
    first, last = small.encoder.layers[0], small.decoder.layers[-1]
    first.weight = nn.Parameter(axes.T @ first.weight)
    last.weight = nn.Parameter(last.weight @ axes)
    last.bias = nn.Parameter(last.bias @ axes)
    path = None
    if small.linear_path is not None:
        path = LinearPath(axes[: net.n_components], net.n_components)
        path.encoder_weight = nn.Parameter(axes.T @ small.linear_path.encoder_weight)
        path.decoder_weight = nn.Parameter(small.linear_path.decoder_weight @ axes)
    module = Autoencoder(
        small.encoder,
        small.decoder,
        shift=torch.from_numpy(projection.shift).to(small.shift),
        scale=small.scale,
        dtype=small.dtype,
        linear_path=path,
        latent=small.latent,
        basis=small.basis,
        bounds=None if bounds is None else torch.from_numpy(bounds).to(small.shift),
        likelihood=small.likelihood,
    )
    lifted = net.snapshot()
    lifted.__dict__.update(module=module.eval(), module_=module, principal_axes=None)
    lifted.initialize_optimizer()
    return lifted

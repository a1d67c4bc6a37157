"""The record of a training: the figures that `diagnose` reads. It holds no rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_ae._data.principal_components import StandardizedMatrix, principal_components
from sklearn_ae._data.rows import Rows, to_tensor
from sklearn_ae._fitting.fit import Fit
from sklearn_ae.nn import ACTIVATIONS
from sklearn_ae.training import AutoencoderNet, count_operations, threads_by_size

# Training rows that are looked at.
_N_ROWS = 512
# A unit that varies less than this share of the liveliest unit of its layer is idle, and an entry
# of the code unused. Fewer rows do not tell.
_IDLE, _MIN_ROWS = 1e-3, 10
# Nats below which an entry of the code equals the prior.
_COLLAPSED = 0.01


@dataclass(frozen=True)
class Record:
    """Figures of a training.

    Attributes
    ----------
    curve, validation_curve : list of float
        Training loss, and loss of the validation rows if there are some, of each epoch.
    gradients : dict of str to list of float
        Root mean square of the gradient of each layer in the course of the training.
    initial_loss, best_loss : float
        Loss before the first epoch, and of the weights that are kept, of the rows that judged
        this training.
    ended_early, diverged : bool
        Whether training stopped before `max_iter`, and whether a loss was not finite.
    idle_units : dict of str to float
        Share of the units of each hidden layer that do not vary from row to row.
    n_components, n_unused : int
        Size of the code, and the number of entries that do not vary or equal the prior.
    divergence : float or None
        Mean divergence of the code from the prior in nats; None where codes are points.
    error, pca_error : float
        Mean squared error of the judged rows in standard units, and that of PCA.
    is_comparable : bool
        Whether the error should be below that of PCA.
    has_linear_path, is_pca : bool
        Whether the network has a linear path, and whether it still is the PCA that it started at.
    input_range, output_range : tuple of float
        Smallest and largest value of the rows, and of the output's activation.
    """

    curve: list[float]
    validation_curve: list[float]
    gradients: dict[str, list[float]]
    initial_loss: float
    best_loss: float
    ended_early: bool
    diverged: bool
    idle_units: dict[str, float]
    n_components: int
    n_unused: int
    divergence: float | None
    error: float
    pca_error: float
    is_comparable: bool
    has_linear_path: bool
    is_pca: bool
    input_range: tuple[float, float]
    output_range: tuple[float, float]


def make_record(done: Fit) -> Record:
    """Make the record at the end of a fit.

    Parameters
    ----------
    done : Fit
        The fit.
    """
    inner = done.projected or done
    net, rows, judge = inner.net, inner.training, done.judge
    module = net.module_
    with threads_by_size(count_operations(module, _N_ROWS)):
        X = draw_rows(rows, _N_ROWS)
        judged = X if inner.validation is None else draw_rows(inner.validation, _N_ROWS)
        idle, hidden = _idle_units(net, X)
        with torch.inference_mode():
            divergences = module.latent.divergence(hidden)
            if divergences is None:
                spread = module.latent(hidden).std(dim=0, correction=0)
                n_unused = int((spread <= _IDLE * spread.max()).sum())
            else:
                n_unused = int((divergences.mean(dim=0) < _COLLAPSED).sum())
        # A training that goes on from another one starts elsewhere.
        is_first = len(done.curve) == sum("train_loss" in epoch for epoch in net.history)
        starts_at_pca = module.linear_path is not None and is_first
        is_pca = starts_at_pca and done.is_initial
        is_plain = module.latent.is_identity and module.corruption is None
        if starts_at_pca and is_plain and net.criterion_.is_squared_error:
            error, pca_error = done.best_loss, done.initial_loss  # of the same rows
        else:
            residuals = net.compute(module.residual, judged)
            error = float(np.mean(np.square(residuals, dtype=np.float64)))
            pca_error = error if is_pca else _pca_error(net, X, judged)
    output_range = (-np.inf, np.inf)
    if module.output_activation is not None:
        output_range = (0.0 if isinstance(module.output_activation, nn.Sigmoid) else -1.0, 1.0)
    return Record(
        curve=done.curve,
        validation_curve=done.validation_curve,
        gradients=done.net.gradients_,
        initial_loss=judge.initial_loss,
        best_loss=judge.best_loss,
        ended_early=done.ended_early,
        diverged=judge.diverged,
        idle_units=idle if len(X) >= _MIN_ROWS else {},
        n_components=net.n_components,
        n_unused=n_unused,
        divergence=None if divergences is None else float(divergences.mean(dim=0).sum()),
        error=error,
        pca_error=pca_error,
        # A code as wide as the rows could be the row; some latents ask for more than the error.
        is_comparable=net.n_components < min(len(rows), rows.X.shape[1])
        and not module.latent.trades_reconstruction,
        has_linear_path=module.linear_path is not None,
        is_pca=is_pca,
        input_range=(float(X.min()), float(X.max())),
        output_range=output_range,
    )


def draw_rows(rows: Rows, n_rows: int) -> np.ndarray:
    """Draw at most so many rows at random, each as often as its weight asks for.

    Parameters
    ----------
    rows : Rows
        The rows.
    n_rows : int
        Their number.
    """
    if rows.sample_weight is None:
        return rows.subsample(n_rows).take(slice(None))[0]
    order = np.random.default_rng(0).permutation(len(rows))
    total = np.cumsum(rows.weight()[order], dtype=np.float64)
    n_rows = min(n_rows, len(rows))
    # At equal distances, so that equal weights give each row once.
    places = (np.arange(n_rows) + 0.5) / n_rows * total[-1]
    return rows.take(np.sort(order[np.searchsorted(total, places)]))[0]


def _idle_units(net: AutoencoderNet, X: Any) -> tuple[dict[str, float], Tensor]:
    """Give the share of idle units in each layer, and what the encoder gives."""
    module = net.module_
    shares: dict[str, float] = {}
    activations = tuple(kind for kind in ACTIVATIONS.values() if kind is not nn.Identity)

    def watch(name: str) -> Any:
        def note(_: nn.Module, __: Any, output: Tensor) -> None:
            # The units of a convolution are its channels.
            units = output.movedim(1, -1) if output.dim() == 4 else output
            spread = units.flatten(0, -2).std(dim=0, correction=0)
            shares[name] = float((spread <= _IDLE * spread.max()).double().mean())

        return note

    hooks = [
        part.register_forward_hook(watch(f"{side}.{name}"))
        for side, network in (("encoder", module.encoder), ("decoder", module.decoder))
        for name, part in network.named_modules()
        if isinstance(part, activations)
    ]
    try:
        with torch.inference_mode():
            hidden = module.hidden(module.standardize(to_tensor(X, net.device, net.data_dtype)))
            module.decode_raw(module.latent(hidden))
    finally:
        for hook in hooks:
            hook.remove()
    return shares, hidden


def _pca_error(net: AutoencoderNet, X: Any, judged: Any) -> float:
    scale = net.module_.scale.double().cpu().numpy()
    shift = X.mean(axis=0, dtype=np.float64)
    matrix = StandardizedMatrix(X, shift, scale, None)
    components = principal_components(matrix, net.n_components, np.random.RandomState(0))
    standard = (judged - shift) / scale
    return float(np.mean((standard - standard @ components.T @ components) ** 2))

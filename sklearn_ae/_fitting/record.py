"""The record of a training: the figures that `diagnose` reads. It holds no rows."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_ae._data.principal_components import StandardizedMatrix, principal_components
from sklearn_ae._data.rows import Rows, to_tensor
from sklearn_ae._fitting.fit import Fit
from sklearn_ae.nn import ACTIVATIONS
from sklearn_ae.training import AutoencoderNet, count_operations, threads_by_size

_N_ROWS = 512  # rows that are looked at
# A unit that varies less than this share of the liveliest unit of its layer is idle, and an entry
# of the code unused. Fewer rows do not tell.
_IDLE, _MIN_ROWS = 1e-3, 10
_COLLAPSED = 0.01  # nats below which an entry of the code equals the prior


@dataclass(frozen=True)
class Record:
    """Figures of a training."""

    # Of each epoch: the training loss, and the loss of the validation rows if there are some.
    curve: list[float]
    validation_curve: list[float]
    gradients: dict[str, list[float]]  # of each layer, root mean square, in the course of training
    # Of the rows that judged this training: before the first epoch, and of the weights kept.
    initial_loss: float
    best_loss: float
    ended_early: bool  # before `max_iter`
    diverged: bool  # to a loss that is not finite
    joined: bool  # all rows were trained on in the end: no loss of unseen rows tells of the result
    idle_units: dict[str, float]  # share of the units of each hidden layer
    n_components: int
    n_unused: int  # entries of the code that do not vary or equal the prior
    divergence: float | None  # of the code from the prior, mean in nats; None: codes are points
    # Mean squared error of the judged rows in standard units, and that of PCA.
    error: float
    pca_error: float
    is_comparable: bool  # the error should be below that of PCA
    has_linear_path: bool
    is_pca: bool  # the network still is the PCA that it started at
    # Smallest and largest value of the rows, and of the output's activation.
    input_range: tuple[float, float]
    output_range: tuple[float, float]


def make_record(done: Fit) -> Record:
    """Make the record at the end of a fit."""
    inner = done.projected or done  # of wide data, the fit on the principal components
    net, module, rows = inner.net, inner.net.module_, inner.training
    with threads_by_size(count_operations(module, _N_ROWS)):
        X = draw_rows(rows, _N_ROWS)
        judged = X if inner.validation is None else draw_rows(inner.validation, _N_ROWS)
        idle_units, hidden = _idle_units(net, X)
        with torch.inference_mode():
            divergences = module.latent.divergence(hidden)
            if divergences is None:
                divergence, is_unused = None, _is_idle(module.latent(hidden))
            else:
                divergences = divergences.mean(dim=0)
                divergence, is_unused = float(divergences.sum()), divergences < _COLLAPSED
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
    ends = torch.tensor([-torch.inf, torch.inf])
    low, high = ends if module.output_activation is None else module.output_activation(ends)
    return Record(
        curve=done.curve,
        validation_curve=done.validation_curve,
        gradients=done.net.gradients_,
        initial_loss=done.judge.initial_loss,
        best_loss=done.judge.best_loss,
        ended_early=done.ended_early,
        diverged=done.judge.diverged,
        joined=done.trial is not None or 0 < len(done.validation_curve) < len(done.curve),
        idle_units=idle_units if len(X) >= _MIN_ROWS else {},
        n_components=net.n_components,
        n_unused=int(is_unused.sum()),
        divergence=divergence,
        error=error,
        pca_error=pca_error,
        # A code as wide as the rows could be the row; some latents ask for more than the error, and
        # denoisers have prototypes beside the code.
        is_comparable=net.n_components < min(len(rows), rows.X.shape[1])
        and not done.plan.denoises
        and not module.latent.trades_reconstruction,
        has_linear_path=module.linear_path is not None,
        is_pca=is_pca,
        input_range=(float(X.min()), float(X.max())),
        output_range=(float(low), float(high)),
    )


def draw_rows(rows: Rows, n_rows: int) -> np.ndarray:
    """Draw at most so many rows at random, each as often as its weight asks for."""
    if rows.sample_weight is None:
        return rows.subsample(n_rows)[:][0]
    order = np.random.default_rng(0).permutation(len(rows))
    total = np.cumsum(rows.weight()[order], dtype=np.float64)
    n_rows = min(n_rows, len(rows))
    # At equal distances, so that equal weights give each row once.
    places = (np.arange(n_rows) + 0.5) / n_rows * total[-1]
    return rows.select(np.sort(order[np.searchsorted(total, places)])).gathered()[:][0]


def _idle_units(net: AutoencoderNet, X: np.ndarray) -> tuple[dict[str, float], Tensor]:
    """Give the share of idle units in each hidden layer, and the output of the encoder."""
    module, shares = net.module_, {}
    activations = tuple(kind for kind in ACTIVATIONS.values() if kind is not nn.Identity)

    def note(name: str, _: nn.Module, __: Any, output: Tensor) -> None:
        # The units of a convolution are its channels.
        units = output.movedim(1, -1) if output.dim() == 4 else output
        shares[name] = float(_is_idle(units.flatten(0, -2)).double().mean())

    with ExitStack() as hooks, torch.inference_mode():
        for side in ("encoder", "decoder"):
            for name, part in module.get_submodule(side).named_modules():
                if isinstance(part, activations):
                    hook = partial(note, f"{side}.{name}")
                    hooks.enter_context(part.register_forward_hook(hook))
        hidden = module.hidden(module.standardize(to_tensor(X, net.device, net.data_dtype)))
        module.decode_raw(module.latent(hidden))
    return shares, hidden


def _is_idle(units: Tensor) -> Tensor:
    """Tell which columns hardly vary beside the one that varies most."""
    spread = units.std(dim=0, correction=0)
    return spread <= _IDLE * spread.max()


def _pca_error(net: AutoencoderNet, X: np.ndarray, judged: np.ndarray) -> float:
    scale = net.module_.scale.double().cpu().numpy()
    shift = X.mean(axis=0, dtype=np.float64)
    matrix = StandardizedMatrix(X, shift, scale, None)
    components = principal_components(matrix, net.n_components, np.random.RandomState(0))
    standard = (judged - shift) / scale
    return float(np.mean((standard - standard @ components.T @ components) ** 2))

"""What is noted at the end of a fit, for `diagnose` to read."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_ae._principal_components import StandardizedMatrix, principal_components
from sklearn_ae.nn import ACTIVATIONS, Autoencoder
from sklearn_ae.training import AutoencoderNet, Rows

_N_EXAMPLES = 256
# Principal components of more rows would hardly differ, and take long where the data are large.
_N_PCA = 2000
# A unit that varies less than this share of the liveliest of its layer says nothing.
_IDLE = 1e-3


@dataclass
class Evidence:
    """What a training left behind.

    Attributes
    ----------
    curve : list of float
        Training loss of each epoch of this training.
    held_out_curve : list of float
        That of the held-out rows; empty if there are none.
    ended_early : bool
        Whether it stopped before `max_iter`.
    diverged : bool
        Whether its loss stopped being finite.
    gradients : dict of str to list of float
        Root mean square of the gradient of each layer's weights, at the end of each epoch.
    idle : dict of str to float
        Share of the units of each hidden layer that do not vary from row to row.
    error, pca_error : float
        Mean squared error of some rows, held-out ones if there are, in standard units: of
        the autoencoder, and of as many principal components.
    input_range, output_range : tuple of float
        Smallest and largest value of the training rows, and of what the output's
        activation can give; infinite where there is none.
    """

    curve: list[float]
    held_out_curve: list[float]
    ended_early: bool
    diverged: bool
    gradients: dict[str, list[float]]
    idle: dict[str, float]
    error: float
    pca_error: float
    input_range: tuple[float, float]
    output_range: tuple[float, float]

    @property
    def watched_curve(self) -> list[float]:
        """Give the loss by which the training was judged.

        Returns
        -------
        curve : list of float
            Of the held-out rows, if there are some.
        """
        return self.held_out_curve or self.curve


def gather(
    net: AutoencoderNet,
    rows: Rows,
    trained: Rows,
    held_out: Rows | None,
    *,
    history: list[dict[str, Any]],
    max_epochs: int,
    diverged: bool,
) -> Evidence:
    """Gather the evidence.

    Parameters
    ----------
    net : AutoencoderNet
        The net, trained.
    rows : Rows
        All rows that were given, of which the linear path has the principal components.
    trained : Rows
        Those that it was trained on.
    held_out : Rows or None
        The held-out rows.
    history : list of dict
        What was noted of each epoch of this training.
    max_epochs : int
        How many there might have been.
    diverged : bool
        Whether the loss stopped being finite.

    Returns
    -------
    evidence : Evidence
    """
    module = net.module_
    judged = trained if held_out is None else held_out
    some, _ = judged[:: -(-len(judged) // _N_EXAMPLES)]
    x = torch.from_numpy(np.array(some)).to(net.device, net.data_dtype)
    error, idle = _run(module, x)
    output_range, input_range = (-np.inf, np.inf), (np.nan, np.nan)
    if module.output_activation is not None:
        output_range = (0.0 if isinstance(module.output_activation, nn.Sigmoid) else -1.0, 1.0)
        input_range = (float(trained.X.min()), float(trained.X.max()))
    return Evidence(
        curve=[epoch["train_loss"] for epoch in history if "train_loss" in epoch],
        held_out_curve=[epoch["valid_loss"] for epoch in history if "valid_loss" in epoch],
        ended_early=len(history) < max_epochs,
        diverged=diverged,
        gradients=net.gradient_norms_.collect(),
        idle=idle,
        error=error,
        pca_error=_pca_error(
            module, trained if module.linear_path is None else rows, x, net.n_components
        ),
        input_range=input_range,
        output_range=output_range,
    )


def _run(module: Autoencoder, x: Tensor) -> tuple[float, dict[str, float]]:
    """Give the error of some rows, and the share of idle units in each layer."""
    idle: dict[str, float] = {}
    activations = tuple(kind for kind in ACTIVATIONS.values() if kind is not nn.Identity)

    def watch(name: str) -> Any:
        def note(_: nn.Module, __: Any, output: Tensor) -> None:
            # The units of a convolution are its channels.
            units = output.movedim(1, -1) if output.dim() == 4 else output
            spread = units.flatten(0, -2).std(dim=0, correction=0)
            idle[name] = float((spread <= _IDLE * spread.max()).double().mean())

        return note

    hooks = [
        part.register_forward_hook(watch(f"{side}.{name}"))
        for side, network in (("encoder", module.encoder), ("decoder", module.decoder))
        for name, part in network.named_modules()
        if isinstance(part, activations)
    ]
    try:
        with torch.inference_mode():
            error = module.residual(x).double().square().mean()
    finally:
        for hook in hooks:
            hook.remove()
    return float(error), idle


def _pca_error(module: Autoencoder, rows: Rows, x: Tensor, n_components: int) -> float:
    some, weight = rows[:: -(-len(rows) // _N_PCA)]
    scale = module.scale.double().cpu().numpy()
    shift = np.average(some, axis=0, weights=weight)
    matrix = StandardizedMatrix(some, shift, scale, weight)
    components = principal_components(matrix, n_components, np.random.RandomState(0))
    standard = (x.double().cpu().numpy() - shift) / scale
    return float(np.mean((standard - standard @ components.T @ components) ** 2))

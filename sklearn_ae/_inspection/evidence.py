"""How a trained network does on the rows that the record of its training has."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from sklearn_ae._data.principal_components import StandardizedMatrix, principal_components
from sklearn_ae._data.units import column_mean_and_std, dense
from sklearn_ae._fitting.record import Record
from sklearn_ae.nn import ACTIVATIONS, Autoencoder
from sklearn_ae.training import AutoencoderNet

# A unit that varies less than this share of the liveliest of its layer says nothing.
_IDLE = 1e-3
_MIN_ROWS = 10  # to tell


@dataclass
class Evidence:
    """What a network does with some rows.

    Attributes
    ----------
    idle : dict of str to float
        Share of the units of each hidden layer that do not vary from row to row.
    hidden : Tensor of shape (n_rows, n_hidden)
        What the encoder gives for rows that were trained on.
    error, pca_error : float
        Mean squared error of held-out rows, if there are some, in standard units: of the
        autoencoder, and of as many principal components.
    input_range, output_range : tuple of float
        Smallest and largest value of the rows, and of what the output's activation can
        give; infinite where there is none.
    """

    idle: dict[str, float]
    hidden: Tensor
    error: float
    pca_error: float
    input_range: tuple[float, float]
    output_range: tuple[float, float]


def gather(net: AutoencoderNet, record: Record, residual: Callable[[Tensor], Tensor]) -> Evidence:
    """Gather the evidence.

    Parameters
    ----------
    net : AutoencoderNet
        The net, trained.
    record : Record
        The record of its training.
    residual : callable
        Gives rows minus their reconstructions, in standard units.

    Returns
    -------
    evidence : Evidence
    """
    module = net.module_
    judged = record.rows if record.held_out is None else record.held_out
    error = float(np.mean(np.square(net.compute(residual, judged), dtype=np.float64)))
    output_range = (-np.inf, np.inf)
    if module.output_activation is not None:
        output_range = (0.0 if isinstance(module.output_activation, nn.Sigmoid) else -1.0, 1.0)
    hidden = net.compute(lambda x: module.hidden(module.standardize(x)), record.rows)
    return Evidence(
        idle=_idle_units(net, record.rows) if record.rows.shape[0] >= _MIN_ROWS else {},
        hidden=torch.from_numpy(hidden).to(net.device),
        error=error,
        pca_error=_pca_error(module, record, judged, net.n_components),
        input_range=(float(record.rows.min()), float(record.rows.max())),
        output_range=output_range,
    )


def _idle_units(net: AutoencoderNet, rows: Any) -> dict[str, float]:
    """Give the share of idle units in each layer."""
    spreads: dict[str, Tensor] = {}
    activations = tuple(kind for kind in ACTIVATIONS.values() if kind is not nn.Identity)

    def watch(name: str) -> Any:
        def note(_: nn.Module, __: Any, output: Tensor) -> None:
            # The units of a convolution are its channels.
            units = output.movedim(1, -1) if output.dim() == 4 else output
            spread = units.flatten(0, -2).std(dim=0, correction=0)
            # Of all batches, the largest.
            spreads[name] = spread if name not in spreads else spread.maximum(spreads[name])

        return note

    module = net.module_
    hooks = [
        part.register_forward_hook(watch(f"{side}.{name}"))
        for side, network in (("encoder", module.encoder), ("decoder", module.decoder))
        for name, part in network.named_modules()
        if isinstance(part, activations)
    ]
    try:
        net.compute(module.residual, rows)
    finally:
        for hook in hooks:
            hook.remove()
    return {
        name: float((spread <= _IDLE * spread.max()).double().mean())
        for name, spread in spreads.items()
    }


def _pca_error(module: Autoencoder, record: Record, judged: Any, n_components: int) -> float:
    rows = record.rows
    if module.linear_path is not None and record.held_out is not None:
        # The linear path has the principal components of all rows.
        both = [rows, record.held_out]
        stack = np.concatenate if isinstance(rows, np.ndarray) else sparse.vstack
        rows = stack(both)
        rows = rows if isinstance(rows, np.ndarray) else sparse.csr_array(rows)
    scale = module.scale.double().cpu().numpy()
    shift, _ = column_mean_and_std(rows, None)
    matrix = StandardizedMatrix(rows, shift, scale, None)
    components = principal_components(matrix, n_components, np.random.RandomState(0))
    standard = (dense(judged) - shift) / scale
    return float(np.mean((standard - standard @ components.T @ components) ** 2))

"""The entries of the code as components: in which coordinates, and what each explains."""

import numpy as np
import torch
from torch import Tensor

from sklearn_ae.nn import Autoencoder
from sklearn_ae.training import AutoencoderNet, Rows

# By so many rows, or of wide ones by so many numbers, codes are judged.
_N_ROWS = 4096
_N_ENTRIES = 2**20
# Codes that are decoded on the way, for each of two looks: a row takes one for every component.
_N_DECODED = 2**13


def divide_explained_variance(
    net: AutoencoderNet, rows: Rows, *, arrange: bool, n_steps: int = 0
) -> np.ndarray:
    """Divide what the autoencoder explains among the components.

    Parameters
    ----------
    net : AutoencoderNet
        The net, trained.
    rows : Rows
        What it was trained on.
    arrange : bool
        Whether to choose the coordinates first in which codes are given away, where the
        latent leaves a choice.
    n_steps : int, default=0
        How many steps of the code towards the row follow the encoder.

    Returns
    -------
    ratio : ndarray of shape (n_components,)
        In proportion to what the error would gain if the component was always at its mean.
        Their sum is the share of the variance that the autoencoder reconstructs.
    """
    module = net.module_
    basis = module.basis
    with torch.no_grad():
        is_arranged = arrange and basis is not None and _arrange(net, rows, n_steps)
        x, weight = _some(net, rows, max(16, _N_DECODED // net.n_components))
        error, lost = _errors(module, x, weight, n_steps)
        if is_arranged:
            order = lost.argsort(descending=True, stable=True)
            basis.reorder(order)
            lost = lost[order]
        variance = _mean(module.standardize(x).double().square().sum(1), weight)
    explained = max(0.0, 1 - float(error / variance)) if variance > 0 else 0.0
    shares = lost.clamp(min=0).cpu().numpy()
    total = shares.sum()
    return shares * (explained / total) if total > 0 else shares


def _arrange(net: AutoencoderNet, rows: Rows, n_steps: int) -> bool:
    """Choose coordinates; False where codes stay as they are."""
    module = net.module_
    x, weight = _some(net, rows, max(_N_ENTRIES // rows.X.shape[1], 2 * net.n_components))
    code = module.encode_standard(module.standardize(x))
    is_arranged = _arrange_by(net, code, weight)
    if is_arranged and n_steps:
        # In coordinates in which steps have the right length; then these codes decide.
        code = module.basis.decode(module.encode_nearest(x, n_steps))
        is_arranged = _arrange_by(net, code, weight)
    return is_arranged


def _arrange_by(net: AutoencoderNet, code: Tensor, weight: Tensor | None) -> bool:
    module = net.module_
    return module.basis.arrange(
        code,
        # Before clipping, so that the codes of principal components are those of PCA.
        module.decode_raw
        if module.output_activation is None
        else lambda code: module.to_standard_units(module.decode_raw(code)),
        weight,
        n_slopes=max(1, _N_DECODED // net.n_components),
    )


def _some(net: AutoencoderNet, rows: Rows, n_rows: int) -> tuple[Tensor, Tensor | None]:
    """Give some rows, evenly spread, and their weights."""
    batches = net.get_iterator(rows.thin_out(min(n_rows, _N_ROWS)))
    batches.batch_size = len(batches.rows)
    (batch,) = batches
    return batch


def _errors(
    module: Autoencoder, x: Tensor, weight: Tensor | None, n_steps: int
) -> tuple[Tensor, Tensor]:
    """Give the error, and what it would gain for each component at its mean."""
    code = module.encode_nearest(x, n_steps)
    error = _mean_error(module, x, code, weight)
    lost = code.new_empty(code.shape[1], dtype=torch.float64)
    for j, mean in enumerate(_mean(code, weight)):
        without = code.clone()
        without[:, j] = mean
        lost[j] = _mean_error(module, x, without, weight) - error
    return error, lost


def _mean_error(module: Autoencoder, x: Tensor, code: Tensor, weight: Tensor | None) -> Tensor:
    residual = module.standardize(module.decode(code)) - module.standardize(x)
    return _mean(residual.double().square().sum(1), weight)


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    if weight is None:
        return values.mean(0)
    weight = weight.to(values.dtype)
    return weight @ values / weight.sum()

"""The entries of the code as components: in which coordinates, and what each explains."""

import numpy as np
import torch
from torch import Tensor

from sklearn_ae._data.rows import Rows, to_tensor
from sklearn_ae.nn import Autoencoder, encode_refined, weighted_mean
from sklearn_ae.training import AutoencoderNet, count_operations, threads_by_size

_N_ROWS, _N_ENTRIES = 2048, 2**20  # rows, or of wide rows entries, that are looked at
# Codes that are decoded to choose coordinates, and again to see what each explains: a row takes one
# for every component.
_N_DECODED = 2**13
_N_ROUGHLY = 32  # rows for the coordinates in which codes are refined
_N_AT_ONCE = 2**18  # entries of the reconstructions that are held at once


def divide_explained_variance(
    net: AutoencoderNet, rows: Rows, *, arrange: bool, n_steps: int
) -> np.ndarray:
    """Divide what the autoencoder explains of training rows among the components.

    The shares, of shape (n_components,), are in proportion to what the error would gain if the
    component was always at its mean. Their sum is the share of the variance that the autoencoder
    reconstructs. With `arrange`, the coordinates in which codes are given away are chosen first, if
    the latent leaves a choice. `n_steps` is the number of refinement steps of the codes.
    """
    module = net.module_
    n_rows = min(_N_ROWS, max(_N_ENTRIES // rows.X.shape[1], 2 * net.n_components))
    some = rows.subsample(n_rows)
    # In random order, so that any part of them is like the others, of periodic rows too.
    X, weights = some[np.random.default_rng(0).permutation(len(some))]
    x = to_tensor(X, net.device, net.data_dtype)
    weight = None if weights is None else to_tensor(weights, net.device, net.dtype)
    with torch.no_grad(), threads_by_size(count_operations(module, len(x))):
        code, is_arranged = _arranged_codes(net, x, weight, arrange, n_steps)
        few = slice(max(16, _N_DECODED // net.n_components))
        x, code, weight = x[few], code[few], None if weight is None else weight[few]
        standard = module.standardize(x)
        error, lost = _errors(module, standard, code, weight)
        if is_arranged and module.basis is not None:
            order = lost.argsort(descending=True, stable=True)
            module.basis.reorder(order)
            lost = lost[order]
        variance = weighted_mean(standard.double().square().sum(1), weight)
    explained = max(0.0, 1 - float(error / variance)) if variance > 0 else 0.0
    shares = lost.clamp(min=0).cpu().numpy()
    total = shares.sum()
    return shares * (explained / total) if total > 0 else shares


def _arranged_codes(
    net: AutoencoderNet, x: Tensor, weight: Tensor | None, arrange: bool, n_steps: int
) -> tuple[Tensor, bool]:
    """Give the codes of rows, and whether their coordinates were chosen anew."""
    module, basis = net.module_, net.module_.basis
    n_slopes = max(1, _N_DECODED // net.n_components)

    def decode(code: Tensor) -> Tensor:
        # Without clipping, so that the codes of principal components are those of PCA.
        raw = module.decode_raw(code)
        return raw if module.output_activation is None else module.to_standard_units(raw)

    if arrange and basis is not None:
        code = module.encode_standard(module.standardize(x))
        is_arranged = basis.arrange(code, decode, weight, _N_ROUGHLY if n_steps else n_slopes)
        if not n_steps:
            return basis.encode(code), is_arranged
        if is_arranged:
            # In coordinates in which steps have the right length; then these codes decide.
            code = basis.decode(encode_refined(module, x, n_steps))
            is_arranged = basis.arrange(code, decode, weight, n_slopes)
            return basis.encode(code), is_arranged
    return encode_refined(module, x, n_steps), False


def _errors(
    module: Autoencoder, standard: Tensor, code: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Give the error, and what it would gain for each component at its mean."""
    n_rows, n_components = code.shape
    without = torch.cat([code.new_zeros(1, n_components), torch.eye(n_components).to(code)])
    codes = torch.where(without[:, None] > 0, weighted_mean(code, weight), code)
    errors = []
    for part in codes.split(max(1, _N_AT_ONCE // standard.numel())):
        decoded = module.decode_to_standard(part.flatten(0, 1)).unflatten(0, (-1, n_rows))
        errors.append(weighted_mean((decoded - standard).double().square().sum(-1).T, weight))
    error, *lost = torch.cat(errors)
    return error, torch.stack(lost) - error

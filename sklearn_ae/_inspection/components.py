"""The entries of the code as components: in which coordinates, and what each explains."""

import numpy as np
import torch
from torch import Tensor

from sklearn_ae._data.rows import Rows, to_tensor
from sklearn_ae.nn import Autoencoder, encode_refined, weighted_mean
from sklearn_ae.training import AutoencoderNet, count_operations, threads_by_size

# Rows, or of wide rows entries, that are looked at.
_N_ROWS, _N_ENTRIES = 2048, 2**20
# Codes that are decoded to choose coordinates, and again to see what each explains: a row takes one
# for every component.
_N_DECODED = 2**13
# Rows for the coordinates in which codes are refined.
_N_ROUGHLY = 32
# Entries of the reconstructions that are held at once.
_N_AT_ONCE = 2**18


def divide_explained_variance(
    net: AutoencoderNet, rows: Rows, *, arrange: bool, n_steps: int = 0
) -> np.ndarray:
    """Divide what the autoencoder explains among the components, of shape (n_components,).

    In proportion to what the error would gain if the component was always at its mean. The sum is
    the share of the variance that the autoencoder reconstructs. `rows` are those of the training.
    With `arrange`, the coordinates in which codes are given away are chosen first, where the latent
    leaves a choice.
    """
    module = net.module_
    n_rows = min(_N_ROWS, max(_N_ENTRIES // rows.X.shape[1], 2 * net.n_components))
    some = rows.subsample(n_rows)
    # In random order, so that any part of them is like the others, of periodic rows too.
    X, weights = some.take(np.random.default_rng(0).permutation(len(some)))
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
    """Give the codes of rows, in coordinates that are chosen first where the latent allows it."""
    module, basis = net.module_, net.module_.basis
    if basis is None or not arrange:
        return encode_refined(module, x, n_steps), False
    code = module.encode_standard(module.standardize(x))
    n_slopes = max(1, _N_DECODED // net.n_components)
    is_arranged = _arrange(net, code, weight, _N_ROUGHLY if n_steps else n_slopes)
    if is_arranged and n_steps:
        # In coordinates in which steps have the right length; then these codes decide.
        code = basis.decode(encode_refined(module, x, n_steps))
        is_arranged = _arrange(net, code, weight, n_slopes)
    elif n_steps:
        return encode_refined(module, x, n_steps), False
    return basis.encode(code), is_arranged


def _arrange(net: AutoencoderNet, code: Tensor, weight: Tensor | None, n_slopes: int) -> bool:
    """Choose coordinates; False where codes stay as they are."""
    module = net.module_
    assert module.basis is not None, "there are coordinates to choose"
    return module.basis.arrange(
        code,
        # Before clipping, so that the codes of principal components are those of PCA.
        module.decode_raw
        if module.output_activation is None
        else lambda code: module.to_standard_units(module.decode_raw(code)),
        weight,
        n_slopes,
    )


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

"""Refine codes: move them to where the reconstructions are nearest to the rows."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sklearn_ae.nn.autoencoder import Autoencoder
from sklearn_ae.nn.backprop import Backprop, is_plain
from sklearn_ae.nn.latent import Output

# After a step that raises the error, the next step is shortened to this share.
_SHORTENED = 0.25
# Length of the longest step, if that of the first is 1.
_LONGEST = 1e4
# A row is done when the next step promises less than this share of its error.
_TOLERANCE = 0.03

# Maps codes, and an index of their rows, to the error of each row and its gradient by the code.
ErrorsAndGradients = Callable[[Tensor, Any], tuple[Tensor, Tensor]]


def refine_codes(
    errors_and_gradients: ErrorsAndGradients, code: Tensor, n_steps: int, *, as_graph: bool = False
) -> Tensor:
    """Refine codes ``(..., n_rows, n_components)`` by at most `n_steps` steps of gradient descent.

    `errors_and_gradients` gives errors ``(..., n_codes)`` and their gradients by the codes. A step
    of one unit of the code should move the reconstruction by about one unit.

    The lengths of the steps are those of Barzilai and Borwein, "Two-point step size gradient
    methods", IMA Journal of Numerical Analysis 8, 1988. Each row has its own, and is done when the
    next step, from the second on, promises too little. A code moves only to where its error is
    lower. So the refined code of a row never reconstructs it worse than the given one.

    With `as_graph`, rows that are done stay in the batch, and every step is made, so that the
    operations do not depend on the rows and can be traced. The codes are the same.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.nn import refine_codes
    >>> axis, row = torch.tensor([[0.6, 0.8]]), torch.tensor([[3.0, 4.0]])
    >>> def errors_and_gradients(code, rows):
    ...     residual = code @ axis - row[rows]
    ...     return residual.square().sum(-1) / 2, residual @ axis.T
    >>> refine_codes(errors_and_gradients, torch.zeros(1, 1), 3)
    tensor([[5.]])
    """
    if n_steps == 0:
        return code
    refined = code.clone()
    rows: Any = ...  # rows that go on
    error, gradient = errors_and_gradients(code, rows)
    length = torch.ones_like(error)
    for number in range(n_steps):
        # Each row decides for itself: its code must not depend on the rows beside it. Every row
        # makes a first step, since the first length says nothing about the row.
        tolerance = _TOLERANCE if number > 0 else 0.0
        goes_on = length * gradient.square().sum(-1) > tolerance * error
        if as_graph:
            pass
        elif error.dim() > 1:  # several members keep all their rows
            if not goes_on.any():
                break
        # Asking whether all rows go on, or none, would wait for the device each time.
        elif len(kept := goes_on.nonzero()[:, 0]) < len(error):
            if len(kept) == 0:
                break
            refined[rows] = code
            rows = kept if rows is ... else rows[kept]
            code, error, gradient, length = (each[kept] for each in (code, error, gradient, length))
            goes_on = goes_on[kept]
        step = -length[..., None] * gradient
        new_code = code + step
        new_error, new_gradient = errors_and_gradients(new_code, rows)
        better = (new_error < error) & goes_on
        change = new_gradient - gradient
        along = (step * change).sum(-1)
        longer = torch.where(along > 0, along / change.square().sum(-1), 2 * length)
        length = torch.where(better, longer.clamp_(max=_LONGEST), _SHORTENED * length)
        error = torch.where(better, new_error, error)
        code = torch.where(better[..., None], new_code, code)
        gradient = torch.where(better[..., None], new_gradient, gradient)
    if rows is ...:
        return code
    refined[rows] = code
    return refined


def encode_refined(
    autoencoder: Autoencoder, x: Tensor, n_steps: int, *, as_graph: bool = False
) -> Tensor:
    """Encode rows ``(n_rows, n_features)`` in input units, and refine their codes.

    The codes ``(n_rows, n_components)`` are in the coordinates of ``autoencoder.encode``. See
    `refine_codes` for `as_graph`.
    """
    if n_steps == 0:
        return autoencoder.encode(x)
    basis = autoencoder.basis
    if as_graph or basis is None or not is_plain(autoencoder):
        # Autograd can not differentiate tensors from inference mode.
        with torch.inference_mode(False):
            target = autoencoder.standardize(x).clone()
            code = autoencoder.encode(x).detach().clone()
            by_autograd = _by_autograd(autoencoder.decode_to_standard, target)
            return refine_codes(by_autograd, code, n_steps, as_graph=as_graph)
    standard = autoencoder.standardize(x)
    network = Backprop(autoencoder)
    code = basis.encode(network.encode(standard))

    def in_basis(code: Tensor, rows: Any) -> tuple[Tensor, Tensor]:
        errors, gradients = network.errors_and_gradients(standard[rows], basis.decode(code))
        return errors, gradients @ basis.decoder_matrix

    return refine_codes(in_basis, code, n_steps)


def refine_output(autoencoder: Autoencoder, output: Output, n_steps: int) -> Output:
    """Refine the codes of the network's output for a batch, and decode them."""

    def decode(code: Tensor) -> Tensor:
        return autoencoder.to_standard_units(autoencoder.decode_raw(code))

    code = refine_codes(_by_autograd(decode, output.standard_input), output.code, n_steps)
    return output._replace(code=code, raw=autoencoder.decode_raw(code))


def _by_autograd(decode: Callable[[Tensor], Tensor], target: Tensor) -> ErrorsAndGradients:
    def errors_and_gradients(code: Tensor, rows: Any) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            code = code.detach().requires_grad_()
            errors = 0.5 * (decode(code) - target[rows]).square().sum(-1)
            (gradients,) = torch.autograd.grad(errors.sum(), code)
        return errors.detach(), gradients

    return errors_and_gradients

"""Refine codes: move them to where their reconstructions are nearest to the rows."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sklearn_ae.nn.autoencoder import Autoencoder, Output
from sklearn_ae.nn.backprop import Backprop, is_plain

# After a step that raises the error, the next step has this share of its length.
_SHORTENED = 0.25
# The longest step, in units of the first.
_LONGEST = 1e4
# After its first step, a row is done when the next step promises less than this share of its error.
_TOLERANCE = 0.03

# Maps codes, and the places of their rows, to the error of each row and its gradient by the code.
ErrorsAndGradients = Callable[[Tensor, Any], tuple[Tensor, Tensor]]


def refine_codes(errors_and_gradients: ErrorsAndGradients, code: Tensor, n_steps: int) -> Tensor:
    """Refine codes by gradient descent with the step lengths of Barzilai and Borwein [1]_.

    Each row has steps of its own, and is done when the next one, from the second on, promises too
    little. A code
    moves only to where its error is lower, so the refined code of a row never reconstructs it
    worse than the given one.

    Parameters
    ----------
    errors_and_gradients : callable
        Maps codes, and an index of the rows that they belong to, to the error of each row, of
        shape (..., n_codes), and its gradient by the code. A step of one unit of the code should
        move the reconstruction by about one unit.
    code : Tensor of shape (..., n_rows, n_components)
        The codes to start from.
    n_steps : int
        Number of refinement steps, at most.

    Returns
    -------
    code : Tensor of shape (..., n_rows, n_components)
        The refined codes.

    References
    ----------
    .. [1] Barzilai and Borwein, "Two-point step size gradient methods", IMA Journal of
       Numerical Analysis 8, 1988.

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
    rows: Any = ...  # those that go on
    error, gradient = errors_and_gradients(code, rows)
    length = torch.ones_like(error)
    for number in range(n_steps):
        # Row by row: the code of a row must not depend on the rows beside it. Every row makes a
        # first step: before it, the length says nothing about the row.
        tolerance = _TOLERANCE if number > 0 else 0.0
        goes_on = length * gradient.square().sum(-1) > tolerance * error
        if not goes_on.any():
            break
        if error.dim() == 1 and not goes_on.all():  # of members, all rows go on together
            refined[rows] = code
            kept = goes_on.nonzero()[:, 0]
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
    refined[rows] = code
    return refined


def encode_refined(autoencoder: Autoencoder, x: Tensor, n_steps: int) -> Tensor:
    """Encode rows and refine their codes.

    Parameters
    ----------
    autoencoder : Autoencoder
        The network.
    x : Tensor of shape (n_rows, n_features)
        Rows in input units.
    n_steps : int
        Number of refinement steps, at most; 0: the codes of the encoder.

    Returns
    -------
    code : Tensor of shape (n_rows, n_components)
        Codes as ``autoencoder.encode`` gives them.
    """
    if n_steps == 0:
        return autoencoder.encode(x)
    basis = autoencoder.basis
    if basis is None or not is_plain(autoencoder):
        # Autograd can not differentiate what inference mode made.
        with torch.inference_mode(False):
            target = autoencoder.standardize(x).clone()
            code = autoencoder.encode(x).detach().clone()
            return refine_codes(_by_autograd(autoencoder.decode_to_standard, target), code, n_steps)
    standard = autoencoder.standardize(x)
    network = Backprop(autoencoder)
    code = basis.encode(network.encode(standard))

    def in_basis(code: Tensor, rows: Any) -> tuple[Tensor, Tensor]:  # numpydoc ignore=GL08
        errors, gradients = network.errors_and_gradients(standard[rows], basis.decode(code))
        return errors, gradients @ basis.decoder_matrix

    return refine_codes(in_basis, code, n_steps)


def refine_output(autoencoder: Autoencoder, output: Output, n_steps: int) -> Output:
    """Refine the codes of an output of the network.

    Parameters
    ----------
    autoencoder : Autoencoder
        The network.
    output : Output
        Its output for a batch.
    n_steps : int
        Number of refinement steps, at most.

    Returns
    -------
    output : Output
        The same rows at their refined codes.
    """

    def decode(code: Tensor) -> Tensor:  # numpydoc ignore=GL08
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

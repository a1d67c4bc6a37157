"""The code whose reconstruction is nearest to a row."""

from collections.abc import Callable

import torch
from torch import Tensor

# A step that makes things worse is taken back, and this share of it tried next.
_SHORTENED = 0.25
# The largest step, in units of the first.
_LONGEST = 1e4
# Share of the error that the next step promises below which a row is done.
_TOLERANCE = 1e-4


def nearest_code(
    decode: Callable[[Tensor], Tensor], code: Tensor, target: Tensor, max_iter: int
) -> Tensor:
    """Move codes downhill to where their reconstructions are nearest to given rows.

    The encoder has to guess from the row alone where on the decoder's surface the nearest
    point is. From its guess, gradient descent goes there in a few steps of the length of
    Barzilai and Borwein [1]_, each row with steps of its own. A code only ever moves to where
    its error is lower, so no row is reconstructed worse than from the guess.

    Parameters
    ----------
    decode : callable
        Maps codes to reconstructions. A step of one unit of the code should move
        these by about one unit.
    code : Tensor of shape (n_rows, n_components)
        The guesses.
    target : Tensor of shape (n_rows, n_features)
        The rows.
    max_iter : int
        Number of steps, at the most.

    Returns
    -------
    code : Tensor of shape (n_rows, n_components)
        The codes.

    References
    ----------
    .. [1] Barzilai and Borwein, "Two-point step size gradient methods", IMA Journal of
       Numerical Analysis 8, 1988.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.nn import nearest_code
    >>> axis = torch.tensor([[0.6, 0.8]])
    >>> nearest_code(lambda code: code @ axis, torch.zeros(1, 1), torch.tensor([[3.0, 4.0]]), 5)
    tensor([[5.]])
    """
    # What is made in inference mode can not be differentiated.
    with torch.inference_mode(False), torch.enable_grad():
        target = target.clone()
        return descend(
            lambda code, with_slope: pull(decode, code, target, with_slope), code.clone(), max_iter
        )[0]


def descend(
    pull_codes: Callable[[Tensor, bool], tuple[Tensor, Tensor | None]], code: Tensor, max_iter: int
) -> tuple[Tensor, Tensor]:
    """Move codes downhill, each by steps of its own.

    Parameters
    ----------
    pull_codes : callable
        ``(code, with_slope) -> (error, slope)``: the error of each row, of shape (..., n_rows),
        and its gradient by the code of the row, or None where that is not asked for.
    code : Tensor of shape (..., n_rows, n_components)
        The codes to begin with.
    max_iter : int
        Number of steps, at the most.

    Returns
    -------
    code : Tensor of shape (..., n_rows, n_components)
        The codes.
    error : Tensor of shape (..., n_rows)
        The error of each row there.
    """
    error, slope = pull_codes(code, max_iter > 0)
    if slope is None:
        return code, error
    length = torch.ones_like(error)
    for n_left in range(max_iter, 0, -1):
        # Row by row, or what becomes of one would depend on its company.
        goes_on = length * slope.square().sum(-1) > _TOLERANCE * error
        if not goes_on.any():
            break
        ahead = code - length[..., None] * slope
        its_error, its_slope = pull_codes(ahead, n_left > 1)
        better = goes_on & (its_error < error)
        if its_slope is None:  # after the last step
            return torch.where(better[..., None], ahead, code), error.where(~better, its_error)
        step, change = ahead - code, its_slope - slope
        along = (step * change).sum(-1)
        following = torch.where(along > 0, along / change.square().sum(-1), 2 * length)
        length = torch.where(better, following.clamp(max=_LONGEST), _SHORTENED * length)
        error = torch.where(better, its_error, error)
        code = torch.where(better[..., None], ahead, code)
        slope = torch.where(better[..., None], its_slope, slope)
    return code, error


def pull(
    decode: Callable[[Tensor], Tensor], code: Tensor, target: Tensor, with_slope: bool
) -> tuple[Tensor, Tensor | None]:
    """Compute how codes have to change for their reconstructions to be nearer to given rows.

    Parameters
    ----------
    decode : callable
        Maps codes to reconstructions.
    code : Tensor of shape (..., n_rows, n_components)
        The codes.
    target : Tensor of shape (..., n_rows, n_features)
        The rows.
    with_slope : bool
        Whether to compute the gradient.

    Returns
    -------
    error : Tensor of shape (..., n_rows)
        Half the squared error of each row.
    slope : Tensor of shape (..., n_rows, n_components) or None
        Its gradient by the code of the row.
    """
    with torch.set_grad_enabled(with_slope):
        code = code.detach().requires_grad_(with_slope)
        error = 0.5 * (decode(code) - target).square().sum(-1)
        slope = torch.autograd.grad(error.sum(), code)[0] if with_slope else None
    return error.detach(), slope

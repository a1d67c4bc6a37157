"""Muon: momentum, orthogonalised, for matrices; Adam for all else."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

# Of the quintic that pushes all singular values towards 1, as fast as possible rather than exactly.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_EPS = 1e-8


class Muon(torch.optim.Optimizer):
    """Update matrices by their orthogonalised momentum, and everything else by Adam.

    A step turns the momentum of a weight matrix into the nearest matrix whose singular
    values are all about 1 [1]_: directions that rarely have a large gradient are learnt as
    fast as the others. Its size is that of a step of Adam [2]_, so that the learning rate
    means the same.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The parameters. The last two dimensions of weights make the matrices; leading ones
        are members of their own. Convolutions count as matrices of output channels by
        the rest.
    lr : float, default=1e-3
        Learning rate.
    momentum : float, default=0.95
        Share of the momentum that is kept from step to step.
    betas : tuple of float, default=(0.9, 0.999)
        Decay rates of Adam.
    weight_decay : float, default=0.0
        Share of `lr` by which weights shrink at each step, apart from the gradient.

    References
    ----------
    .. [1] Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
    .. [2] Liu et al., "Muon is scalable for LLM training", 2025.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        *,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "betas": betas, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        """Make one step.

        Parameters
        ----------
        closure : callable or None, default=None
            Evaluates the loss anew.

        Returns
        -------
        loss : Tensor or None
            What the closure gives.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient = parameter.grad
                if gradient is None:
                    continue
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                if _is_matrix(parameter):
                    update = self._orthogonal_update(parameter, gradient, group["momentum"])
                else:
                    update = self._adam_update(parameter, gradient, *group["betas"])
                parameter.sub_(update, alpha=group["lr"])
        return loss

    def _orthogonal_update(self, parameter: Tensor, gradient: Tensor, momentum: float) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(gradient, 1 - momentum)
        ahead = gradient.lerp(state["momentum"], momentum)  # Nesterov's
        matrix = ahead.flatten(1) if parameter.dim() == 4 else ahead
        update = 0.2 * max(matrix.shape[-2:]) ** 0.5 * orthogonalized(matrix)
        return update.view_as(parameter)

    def _adam_update(
        self, parameter: Tensor, gradient: Tensor, beta1: float, beta2: float
    ) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            state["mean"] = torch.zeros_like(parameter)
            state["mean_square"] = torch.zeros_like(parameter)
        state["step"] += 1
        state["mean"].lerp_(gradient, 1 - beta1)
        state["mean_square"].lerp_(gradient.square(), 1 - beta2)
        mean = state["mean"] / (1 - beta1 ** state["step"])
        root = (state["mean_square"] / (1 - beta2 ** state["step"])).sqrt()
        return mean / (root + _EPS)


def orthogonalized(matrix: Tensor, n_iterations: int = 5) -> Tensor:
    """Push the singular values of matrices towards 1, by Newton and Schulz's iteration.

    Parameters
    ----------
    matrix : Tensor of shape (..., n_rows, n_columns)
        The matrices.
    n_iterations : int, default=5
        Number of iterations.

    Returns
    -------
    orthogonal : Tensor of shape (..., n_rows, n_columns)
        Matrices with the same singular vectors, whose singular values are between about
        0.7 and 1.2.
    """
    wide = matrix.mT if matrix.shape[-2] > matrix.shape[-1] else matrix
    wide = wide / (torch.linalg.matrix_norm(wide, keepdim=True) + _EPS)
    for _ in range(n_iterations):
        square = wide @ wide.mT
        wide = _A * wide + (_B * square + _C * square @ square) @ wide
    return wide.mT if matrix.shape[-2] > matrix.shape[-1] else wide


def _is_matrix(parameter: Tensor) -> bool:
    # Of a bias of several members, (members, 1, out), each member's is a vector.
    return parameter.dim() >= 2 and 1 not in parameter.shape[-2:]

"""A fully connected layer of one or several members."""

import math

import torch
from torch import Tensor, nn


class Linear(nn.Module):
    """Fully connected layer whose weights have a leading member dimension.

    Several members are networks of the same shape that are trained at once, one
    ``baddbmm`` a layer: much cheaper than one network after the other, since a small
    matrix product costs little more than its dispatch.

    Parameters
    ----------
    in_features, out_features : int
        Width of the input and of the output.
    n_members : int, default=1
        Number of members.
    generator : torch.Generator or None, default=None
        Source of the initial weights; the global one if None.

    Notes
    -----
    Shapes: input ``(n_members, batch, in_features)``, output
    ``(n_members, batch, out_features)``. A single member also takes and gives
    ``(batch, features)``.

    Weights and biases start uniform in ``+-1 / sqrt(in_features)``, as in
    :class:`torch.nn.Linear`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.nn import Linear
    >>> Linear(8, 3)(torch.zeros(5, 8)).shape
    torch.Size([5, 3])
    >>> Linear(8, 3, n_members=2)(torch.zeros(2, 5, 8)).shape
    torch.Size([2, 5, 3])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        n_members: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        bound = 1 / math.sqrt(in_features)
        self.weight = nn.Parameter(torch.empty(n_members, in_features, out_features))
        self.bias = nn.Parameter(torch.empty(n_members, 1, out_features))
        for parameter in (self.weight, self.bias):
            nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 2:
            return torch.addmm(self.bias.squeeze(0), x, self.weight.squeeze(0))
        return torch.baddbmm(self.bias, x, self.weight)

    def extra_repr(self) -> str:
        n_members, in_features, out_features = self.weight.shape
        return f"{in_features}, {out_features}, n_members={n_members}"

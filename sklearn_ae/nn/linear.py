"""Fully connected layers."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Linear(nn.Module):
    """Fully connected layer with weights ``(n_in, n_out)`` and biases ``(1, n_out)``.

    Both start uniform in ``+-1 / sqrt(n_in)``, as in :class:`torch.nn.Linear`. They are drawn from
    `generator`, or from the global one.
    """

    def __init__(
        self, in_features: int, out_features: int, *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        bound = 1 / math.sqrt(in_features)
        self.weight = nn.Parameter(torch.empty(in_features, out_features))
        self.bias = nn.Parameter(torch.empty(1, out_features))
        for parameter in (self.weight, self.bias):
            nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight.mT, _bias_for(x, self.bias))

    def extra_repr(self) -> str:
        return "{}, {}".format(*self.weight.shape)


class TiedLinear(nn.Module):
    """Fully connected layer with the transposed weights of another one and biases of its own."""

    def __init__(self, layer: Linear) -> None:
        super().__init__()
        self.weight = layer.weight
        self.bias = nn.Parameter(torch.zeros(1, len(layer.weight)))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight, _bias_for(x, self.bias))


def _bias_for(x: Tensor, bias: Tensor) -> Tensor:
    # PyTorch 2.5 does not add a row to a vector.
    return bias if x.ndim > 1 else bias[0]

"""Fully connected stacks of layers."""

import copy
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from sklearn_ae.nn.gelu import GELU
from sklearn_ae.nn.linear import Linear, TiedLinear
from sklearn_ae.nn.random import Dropout

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "logistic": nn.Sigmoid,
}


class Stack(nn.Module):
    """Linear layers with an activation, and dropout if there is some, between them.

    `sizes` are the widths of the input, the hidden layers and the output, and `activation` is a
    key of ``ACTIVATIONS``. `generator` is that of :class:`Linear`.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: str = "gelu",
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            if layers:
                layers.append(ACTIVATIONS[activation]())
                if dropout > 0:
                    layers.append(Dropout(dropout))
            layers.append(Linear(n_in, n_out, generator=generator))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class TiedStack(nn.Module):
    """The layers of a stack in reverse, with its transposed weights and biases of their own.

    See Bengio, Lamblin, Popovici and Larochelle, "Greedy layer-wise training of deep networks",
    NIPS 2006.
    """

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        layers = [
            TiedLinear(layer) if isinstance(layer, Linear) else copy.deepcopy(layer)
            for layer in reversed(stack.layers)
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)

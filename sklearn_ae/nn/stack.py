"""Fully connected stacks of layers."""

import copy
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from sklearn_ae.nn.gelu import GELU
from sklearn_ae.nn.linear import Linear
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
    """Linear layers with an activation, and dropout, between them.

    Parameters
    ----------
    sizes : sequence of int
        Widths of the input, the hidden layers and the output.
    activation : str, default="gelu"
        A key of ``ACTIVATIONS``.
    dropout : float, default=0.0
        Probability that a hidden unit is dropped in training.
    n_members : int, default=1
        Number of members, as in :class:`~sklearn_ae.nn.Linear`.
    generator : torch.Generator or None, default=None
        Source of the initial weights. None: the global one.

    Notes
    -----
    Shapes: input ``(n_members, batch, sizes[0])``, output
    ``(n_members, batch, sizes[-1])``. A single member also takes and gives
    ``(batch, features)``.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.nn import Stack
    >>> Stack([8, 16, 2])(torch.zeros(5, 8)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: str = "gelu",
        dropout: float = 0.0,
        n_members: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for in_features, out_features in pairwise(sizes):
            layer = Linear(in_features, out_features, n_members=n_members, generator=generator)
            layers += [layer, ACTIVATIONS[activation]()]
            if dropout > 0:
                layers.append(Dropout(dropout))
        n_after_last = 2 if dropout > 0 else 1  # the last layer has no activation and no dropout
        self.layers = nn.Sequential(*layers[:-n_after_last])

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class TiedStack(nn.Module):
    """The layers of a stack in reverse, with its transposed weights and biases of their own.

    Parameters
    ----------
    stack : Stack
        The encoder that provides the weights.

    References
    ----------
    Bengio, Lamblin, Popovici and Larochelle, "Greedy layer-wise training of deep
    networks", NIPS 2006.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.nn import Stack, TiedStack
    >>> TiedStack(Stack([8, 16, 2]))(torch.zeros(5, 2)).shape
    torch.Size([5, 8])
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


class TiedLinear(nn.Module):
    """A linear layer with the transposed weights of another layer.

    Parameters
    ----------
    layer : Linear
        The layer that provides the weights.
    """

    def __init__(self, layer: Linear) -> None:
        super().__init__()
        n_members, in_features, _ = layer.weight.shape
        self.weight = layer.weight
        self.bias = nn.Parameter(torch.zeros(n_members, 1, in_features))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.mT
        if x.dim() == 2:
            return torch.addmm(self.bias.squeeze(0), x, weight.squeeze(0))
        return torch.baddbmm(self.bias, x, weight)

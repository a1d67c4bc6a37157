"""The fully connected stack of layers."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from sklearn_ae.nn.dropout import Dropout
from sklearn_ae.nn.linear import Linear

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "logistic": nn.Sigmoid,
}


class Stack(nn.Module):
    """Linear layers with an activation, and dropout, between them.

    Parameters
    ----------
    sizes : sequence of int
        Width of the input, of each hidden layer and of the output.
    activation : str, default="gelu"
        A key of ``ACTIVATIONS``.
    dropout : float, default=0.0
        Probability of a hidden unit to be dropped in training.
    n_members : int, default=1
        Number of members, see :class:`~sklearn_ae.nn.Linear`.
    generator : torch.Generator or None, default=None
        Source of the initial weights; the global one if None.

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
        n_after_last = 2 if dropout > 0 else 1  # the output has neither activation nor dropout
        self.layers = nn.Sequential(*layers[:-n_after_last])

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)

"""How large the gradients of the layers are, noted once an epoch."""

import copy
import math

import torch
from torch import Tensor


class GradientNorms:
    """Notes the gradients of some weights.

    Parameters
    ----------
    layers : dict of str to Tensor
        The weights of each layer, by name.
    """

    def __init__(self, layers: dict[str, Tensor]) -> None:
        self._roots = {name: math.sqrt(weights.numel()) for name, weights in layers.items()}
        self._weights = list(layers.values())
        self._norms: list[Tensor] = []

    def note(self) -> None:
        """Note the gradients of the last batch, which are still there."""
        gradients = [weights.grad for weights in self._weights if weights.grad is not None]
        if gradients and len(gradients) == len(self._weights):
            self._norms.append(torch.stack(torch._foreach_norm(gradients)))

    def collect(self) -> dict[str, list[float]]:
        """Give what was noted.

        Returns
        -------
        norms : dict of str to list of float
            For each layer the root mean square of its gradient in each epoch; empty if
            nothing was noted.
        """
        if not self._norms:
            return {}
        norms = torch.stack(self._norms).double().cpu()
        return {
            name: (column / root).tolist()
            for (name, root), column in zip(self._roots.items(), norms.T, strict=True)
        }

    def without_weights(self) -> "GradientNorms":
        """Give a copy that keeps what was noted and holds on to nothing else.

        Returns
        -------
        copy : GradientNorms
        """
        light = copy.copy(self)
        light._weights, light._norms = [], [norms.cpu() for norms in self._norms]
        return light

"""How large the gradients of the layers are, noted once an epoch."""

import math

import torch
from torch import Tensor

from sklearn_ae.nn import Autoencoder


class GradientNorms:
    """Notes the gradients of the weights of encoder and decoder.

    Parameters
    ----------
    module : Autoencoder
        The network.
    """

    def __init__(self, module: Autoencoder) -> None:
        # Biases, the linear path and what a latent learns beside are not links of the chain.
        self._layers = {
            name: weight
            for name, weight in module.named_parameters()
            if name.startswith(("encoder.", "decoder.")) and "bias" not in name and weight.dim() > 1
        }
        self._norms: list[Tensor] = []

    def note(self) -> None:
        """Note the gradients of the last batch, which are still there."""
        gradients = [w.grad for w in self._layers.values() if w.grad is not None]
        if gradients and len(gradients) == len(self._layers):
            self._norms.append(torch.stack(torch._foreach_norm(gradients)))

    def collect(self) -> dict[str, list[float]]:
        """Give what was noted.

        Returns
        -------
        norms : dict of str to list of float
            For each layer, from input to output, the root mean square of its gradient in
            each epoch; empty if nothing was noted.
        """
        if not self._norms:
            return {}
        norms = torch.stack(self._norms).double().cpu()
        return {
            name: (column / math.sqrt(weight.numel())).tolist()
            for (name, weight), column in zip(self._layers.items(), norms.T, strict=True)
        }

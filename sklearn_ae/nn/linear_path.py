"""The linear path beside the network, which starts at the principal components."""

import math

import torch
from torch import Tensor, nn

from sklearn_ae.nn.stack import Stack


class LinearPath(nn.Module):
    """A linear autoencoder beside the network. Their outputs are added, and both are trained.

    It starts at `components`, the orthonormal principal axes ``(n_principal, n_features)``, largest
    variance first. The last layers of the network start at zero, see :func:`zero_last_layer`. So
    the autoencoder *is* PCA before the first step, and training can only add to it.

    If `n_components` exceeds `n_principal`, the other entries of the code start as small random
    projections, which the decoder does not use yet. They are drawn from `generator`, or from the
    global one.
    """

    def __init__(
        self,
        components: Tensor,
        n_components: int,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        n_principal, n_features = components.shape
        encoder = torch.empty(n_features, n_components, dtype=components.dtype)
        nn.init.normal_(encoder, std=0.1 / math.sqrt(n_features), generator=generator)
        decoder = torch.zeros(n_components, n_features, dtype=components.dtype)
        # With zeros on both sides, an overcomplete code would have no gradient.
        encoder[:, :n_principal] = components.T
        decoder[:n_principal] = components
        self.encoder_weight = nn.Parameter(encoder)
        self.decoder_weight = nn.Parameter(decoder)

    def encode(self, x: Tensor) -> Tensor:
        """Project rows ``(..., n_features)`` in standard units to ``(..., n_components)``."""
        return x @ self.encoder_weight

    def decode(self, code: Tensor) -> Tensor:
        """Project codes ``(..., n_components)`` back to ``(..., n_features)``."""
        return code @ self.decoder_weight


def zero_last_layer(module: nn.Module) -> None:
    """Set the parameters of the last layer that has some to zero, in place.

    If the network ends there, its output is then zero, but the layer has a gradient. A network
    beside a linear path should start so.
    """
    for parameter in _last_parameters(module):
        nn.init.zeros_(parameter)


def starts_at_zero(module: nn.Module, n_in: int) -> bool:
    """Tell whether a network gives zero for inputs ``(..., n_in)`` after `zero_last_layer`.

    It does not if something else adds to the output, such as a last activation or another
    branch. The weights stay as they are. The network is left in evaluation mode.
    """
    module.eval()
    if type(module) is Stack:
        return True  # it ends in a linear layer, with no other branch
    parameters = _last_parameters(module)
    before = [parameter.detach().clone() for parameter in parameters]
    dtype = next((parameter.dtype for parameter in module.parameters()), torch.float32)
    with torch.no_grad():
        zero_last_layer(module)
        output = module(torch.linspace(-1, 1, 2 * n_in, dtype=dtype).reshape(2, n_in))
        for parameter, value in zip(parameters, before, strict=True):
            parameter.copy_(value)
    return bool((output == 0).all())


def _last_parameters(module: nn.Module) -> list[nn.Parameter]:
    layers = [list(layer.parameters(recurse=False)) for layer in module.modules()]
    return next((layer for layer in reversed(layers) if layer), [])

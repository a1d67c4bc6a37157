"""The linear path beside the network, which starts at the principal components."""

import math

import torch
from torch import Tensor, nn

from sklearn_ae.nn.stack import Stack


class LinearPath(nn.Module):
    """A linear autoencoder that the network adds to.

    Encoder and decoder each get a linear map from their input straight to their output,
    trained along with the network. It starts at the principal components, so that
    together with a network whose last layers are zero (see :func:`zero_last_layer`) the
    autoencoder *is* PCA before the first step, and training can only add to it.

    Parameters
    ----------
    components : Tensor of shape (n_principal, n_features)
        Orthonormal principal axes, largest variance first.
    n_components : int
        Size of the code. Where it exceeds `n_principal`, the remaining code entries
        start as small random projections that the decoder does not use yet.
    generator : torch.Generator or None, default=None
        Source of these projections; the global one if None.

    Notes
    -----
    Shapes: ``encode`` maps ``(..., n_features)`` to ``(..., n_components)``, ``decode``
    the other way round.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.nn import LinearPath
    >>> path = LinearPath(torch.eye(4)[:2], n_components=2)
    >>> path.decode(path.encode(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))).tolist()
    [[1.0, 2.0, 0.0, 0.0]]
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
        # An overcomplete code still needs a first step: zeros on both sides have no gradient.
        encoder[:, :n_principal] = components.T
        decoder[:n_principal] = components
        self.encoder_weight = nn.Parameter(encoder)
        self.decoder_weight = nn.Parameter(decoder)

    def encode(self, x: Tensor) -> Tensor:
        """Project rows.

        Parameters
        ----------
        x : Tensor of shape (..., n_features)
            Rows in standard units.

        Returns
        -------
        code : Tensor of shape (..., n_components)
            Their share of the code.
        """
        return x @ self.encoder_weight

    def decode(self, code: Tensor) -> Tensor:
        """Project back.

        Parameters
        ----------
        code : Tensor of shape (..., n_components)
            Codes.

        Returns
        -------
        raw : Tensor of shape (..., n_features)
            Their share of the decoder's output.
        """
        return code @ self.decoder_weight


def zero_last_layer(module: nn.Module) -> None:
    """Set the weights and biases of a network's last layer to zero, in place.

    Its output is then zero, yet its last layer has a gradient, which is what a network
    beside a linear path should start from.

    Parameters
    ----------
    module : nn.Module
        A network that ends in a layer with parameters, such as a linear layer or a
        convolution.
    """
    for parameter in _last_parameters(module):
        nn.init.zeros_(parameter)


def starts_at_zero(module: nn.Module, n_in: int) -> bool:
    """Tell whether a network gives zero once its last layer is set to zero.

    Parameters
    ----------
    module : nn.Module
        The network, whose weights stay as they are. It is left in evaluation mode.
    n_in : int
        Width of its input.

    Returns
    -------
    starts_at_zero : bool
        False where something other than that layer, such as a last activation or another
        branch, adds to the output.
    """
    if type(module) is Stack:
        module.eval()
        return True  # it ends in a linear layer, and nothing is beside that
    parameters = _last_parameters(module)
    before = [parameter.detach().clone() for parameter in parameters]
    dtype = next((parameter.dtype for parameter in module.parameters()), torch.float32)
    module.eval()
    with torch.no_grad():
        zero_last_layer(module)
        output = module(torch.linspace(-1, 1, 2 * n_in, dtype=dtype).reshape(2, n_in))
        for parameter, value in zip(parameters, before, strict=True):
            parameter.copy_(value)
    return bool((output == 0).all())


def _last_parameters(module: nn.Module) -> list[nn.Parameter]:
    layers = [list(layer.parameters(recurse=False)) for layer in module.modules()]
    return next((layer for layer in reversed(layers) if layer), [])

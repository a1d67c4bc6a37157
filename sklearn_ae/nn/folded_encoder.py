"""Encoding many rows, in fewer passes over them."""

from collections.abc import Callable

import torch
from torch import Tensor

from sklearn_ae.nn.autoencoder import Autoencoder
from sklearn_ae.nn.inspection import has_hooks
from sklearn_ae.nn.linear import Linear
from sklearn_ae.nn.stack import Stack

# Of a column's mean and its scale, up to which rows need not be shifted before they are multiplied:
# that costs so many times the precision.
_LARGEST_SHIFT = 8.0


@torch.no_grad()
def folded_encoder(autoencoder: Autoencoder) -> Callable[[Tensor], Tensor]:
    """Give what encodes rows, with the change of units folded into the first layer.

    To encode wide rows takes little more than to read them once. Taking them to standard
    units first reads and writes them twice more.

    Parameters
    ----------
    autoencoder : Autoencoder
        The autoencoder, in evaluation mode. Later changes of its weights may go unnoticed.

    Returns
    -------
    encode : callable
        Does what ``autoencoder.encode`` does, up to rounding; that itself where the
        encoder is not fully connected, or where means are so large beside the scale that
        precision would be lost.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.nn import Autoencoder, Stack, folded_encoder
    >>> autoencoder = Autoencoder(
    ...     Stack([4, 8, 2]), Stack([2, 8, 4]), shift=torch.ones(4), scale=torch.tensor(2.0)
    ... )
    >>> x = torch.rand(5, 4)
    >>> torch.allclose(folded_encoder(autoencoder)(x), autoencoder.encode(x), atol=1e-6)
    True
    """
    encoder, shift, scale = autoencoder.encoder, autoencoder.shift, autoencoder.scale
    if (
        type(autoencoder) is not Autoencoder
        or type(encoder) is not Stack
        or type(encoder.layers[0]) is not Linear
        or len(encoder.layers[0].weight) != 1  # several members
        or autoencoder.dtype != shift.dtype
        or any(has_hooks(part) for part in autoencoder.modules())
        or not bool((shift.abs() <= _LARGEST_SHIFT * scale).all())
    ):
        return autoencoder.encode
    first, rest = encoder.layers[0], encoder.layers[1:]
    # One scale, or one for each column, which is a row of the weights.
    weight = first.weight.squeeze(0) / scale.unsqueeze(-1)
    bias = first.bias.view(-1) - shift @ weight
    path = autoencoder.linear_path
    if path is not None:
        path_weight = path.encoder_weight / scale.unsqueeze(-1)
        path_bias = -(shift @ path_weight)

    def _encode(x: Tensor) -> Tensor:
        hidden = rest(torch.addmm(bias, x, weight))
        if path is not None:
            hidden = hidden + torch.addmm(path_bias, x, path_weight)
        code = autoencoder.latent(hidden)
        return code if autoencoder.basis is None else autoencoder.basis.encode(code)

    return _encode

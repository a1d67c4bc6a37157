"""Codes that are robust to noise."""

from numbers import Real

import torch
from sklearn.utils import check_scalar
from torch import Tensor

from sklearn_ae import nn
from sklearn_ae.latents.base import LatentParameters


class Noisy(LatentParameters):
    """Add normal noise to the code in training, so that similar codes decode to similar rows.

    The decoder learns to decode disturbed codes. The encoder learns to keep the codes of
    different rows apart.

    Parameters
    ----------
    scale : float, default=0.3
        Standard deviation of the noise, relative to the standard deviation of each entry of
        the code over the batch. The encoder can not escape the noise by larger codes.

    References
    ----------
    Poole, Sohl-Dickstein and Ganguli, "Analyzing noise in autoencoders and deep networks", 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.latents import Noisy
    >>> autoencoder = AutoencoderTransformer(n_components=8, latent=Noisy(0.5), max_iter=5)
    >>> autoencoder.fit_transform(load_digits().data).shape
    (1797, 8)
    """

    def __init__(self, scale: float = 0.3) -> None:
        self.scale = scale

    def _build(self, n_components: int, generator: torch.Generator | None) -> nn.Latent:
        check_scalar(self.scale, "scale", Real, min_val=0)
        return _Noisy(self.scale)


class _Noisy(nn.Latent):
    allows_linear_path = True
    trades_reconstruction = True

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, hidden: Tensor) -> Tensor:
        if self.context is None:
            return hidden
        values, weight = hidden.detach(), self.context.weight
        deviation = values - nn.weighted_mean(values, weight)
        std = nn.weighted_mean(deviation.square(), weight).sqrt()
        return hidden + self.scale * std * self.context.normal(hidden)

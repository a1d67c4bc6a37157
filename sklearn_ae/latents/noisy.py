"""Codes that survive noise."""

from numbers import Real

from sklearn.utils import check_scalar
from torch import Tensor

from sklearn_ae import nn
from sklearn_ae.parameters import ParameterObject


class Noisy(ParameterObject):
    """Add noise to the code in training, so that rows which differ have codes that differ.

    The decoder learns to read disturbed codes, and the encoder to keep codes of unlike
    rows apart: what is near in the code is then alike.

    Parameters
    ----------
    scale : float, default=0.3
        Standard deviation of the noise, as a share of that of each entry of the code over
        the batch: larger codes do not escape it.

    References
    ----------
    Poole, Sohl-Dickstein and Ganguli, "Analyzing noise in autoencoders and deep
    networks", 2014.

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

    def build(self, n_components: int) -> nn.Latent:
        """Build the module.

        Parameters
        ----------
        n_components : int
            Size of the code.

        Returns
        -------
        latent : nn.Latent
            The module.

        Raises
        ------
        ValueError
            If a parameter has a value that it can not have.
        """
        check_scalar(self.scale, "scale", Real, min_val=0)
        return _Noisy(self.scale)


class _Noisy(nn.Latent):
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

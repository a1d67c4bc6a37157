"""Codes with a standard normal distribution, by a kernel distance."""

from numbers import Real

import torch
from sklearn.utils import check_scalar
from torch import Tensor

from sklearn_ae import nn
from sklearn_ae.latents.base import LatentParameters, mean_over_rows
from sklearn_ae.nn.latent import Network

# Widths of the kernels, relative to the typical distance between two draws from the prior.
_WIDTHS = (0.25, 0.5, 1.0, 2.0)
_BLOCK = 1024  # codes whose distances to all codes are in memory at once


class Wasserstein(LatentParameters):
    """Match the distribution of the codes to a normal distribution, so that you can sample.

    The penalty is the squared maximum mean discrepancy [1]_ between the codes of a batch
    and the standard normal distribution, the prior. The autoencoder then minimises a bound
    of the Wasserstein distance between data and samples [2]_. Each code is a point, as in a
    plain autoencoder. Only the codes of all rows together have to look normal.

    Parameters
    ----------
    weight : float, default=10.0
        Factor of the penalty.

    Notes
    -----
    The kernel is a mean of Gaussian kernels of several widths. Their means under the prior
    have a closed form, so no samples of the prior are needed.

    References
    ----------
    .. [1] Gretton, Borgwardt, Rasch, Schoelkopf and Smola, "A kernel two-sample test",
       JMLR 13, 2012.
    .. [2] Tolstikhin, Bousquet, Gelly and Schoelkopf, "Wasserstein auto-encoders", ICLR 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.latents import Wasserstein
    >>> autoencoder = AutoencoderTransformer(n_components=8, latent=Wasserstein(), max_iter=5)
    >>> autoencoder.fit(load_digits().data).sample(3).shape
    (3, 64)
    """

    def __init__(self, weight: float = 10.0) -> None:
        self.weight = weight

    def _build(self, n_components: int, generator: torch.Generator | None) -> nn.Latent:
        check_scalar(self.weight, "weight", Real, min_val=0)
        return _Wasserstein(self.weight)


class _Wasserstein(nn.Latent):
    trades_reconstruction = True

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.has_prior = weight > 0
        self.weight = weight

    def penalty(self, autoencoder: Network, output: nn.Output, weight: Tensor | None) -> Tensor:
        return self.weight * squared_discrepancy(output.code, weight)


def squared_discrepancy(code: Tensor, weight: Tensor | None = None) -> Tensor:
    # numpydoc ignore=PR01,RT01
    """Compute the squared maximum mean discrepancy from the standard normal distribution.

    `code` is of shape ``(n, n_components)``, `weight` of shape ``(n,)``. The discrepancy is at
    least about 1 / n, since each code is compared with itself.
    """
    n_components = code.shape[-1]
    squares = code.square().sum(dim=-1)
    total = code.new_zeros(())
    for width in _WIDTHS:
        variance = 2 * n_components * width**2
        to_others = [
            nn.weighted_mean(
                (_squared_distances(code, squares, some) / (-2 * variance)).exp(), weight
            )
            for some in torch.arange(len(code), device=code.device).split(_BLOCK)
        ]
        among_codes = mean_over_rows(torch.cat(to_others), weight)
        to_prior = mean_over_rows((squares / (-2 * (variance + 1))).exp(), weight)
        to_prior = to_prior * (variance / (variance + 1)) ** (n_components / 2)
        in_prior = (variance / (variance + 2)) ** (n_components / 2)
        total = total + among_codes - 2 * to_prior + in_prior
    return total / len(_WIDTHS)


def _squared_distances(code: Tensor, squares: Tensor, some: Tensor) -> Tensor:
    """Compute the distances of all codes (rows) to some of them (columns)."""
    # Differences would take memory for n_components times as many numbers.
    return (squares[:, None] + squares[some] - 2 * code @ code[some].T).clamp(min=0)

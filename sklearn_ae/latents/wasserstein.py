"""Codes whose distribution is matched to a normal one, by its distance in a kernel."""

from numbers import Real

import torch
from sklearn.utils import check_scalar
from torch import Tensor

from sklearn_ae import nn
from sklearn_ae.parameters import ParameterObject

# Widths of the kernels, as shares of the typical distance of two draws from the prior.
_WIDTHS = (0.25, 0.5, 1.0, 2.0)
_BLOCK = 1024


class Wasserstein(ParameterObject):
    """Match the distribution of the codes to a normal one, so that new codes can be drawn.

    The penalty is the squared maximum mean discrepancy [1]_ between the codes of a batch
    and the standard normal distribution, the prior; with it, the autoencoder minimises a
    bound of the Wasserstein distance between data and samples [2]_. Single codes are as
    sharp as those of a plain autoencoder: it is only all of them together that have to
    look normal.

    Parameters
    ----------
    weight : float, default=10.0
        What the penalty is multiplied by.

    Notes
    -----
    The kernel is a mean of Gaussian kernels of several widths, whose means under the prior
    are known: no samples of the prior have to be drawn.

    References
    ----------
    .. [1] Gretton, Borgwardt, Rasch, Schoelkopf and Smola, "A kernel two-sample test",
       JMLR 13, 2012.
    .. [2] Tolstikhin, Bousquet, Gelly and Schoelkopf, "Wasserstein auto-encoders", ICLR
       2018.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.latents import Wasserstein
    >>> autoencoder = AutoencoderTransformer(
    ...     n_components=8, latent=Wasserstein(), max_iter=5, random_state=0
    ... )
    >>> autoencoder.fit(load_digits().data).sample(3).shape
    (3, 64)
    """

    has_linear_path = False

    def __init__(self, weight: float = 10.0) -> None:
        self.weight = weight

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
        check_scalar(self.weight, "weight", Real, min_val=0)
        return _Wasserstein(self.weight)


class _Wasserstein(nn.Latent):
    trades_reconstruction = True

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.has_prior = weight > 0
        self.weight = weight

    def penalty(
        self, autoencoder: nn.Autoencoder, output: nn.Output, weight: Tensor | None
    ) -> Tensor:
        return self.weight * squared_discrepancy(output.code, weight)


def squared_discrepancy(code: Tensor, weight: Tensor | None = None) -> Tensor:
    """Compute the squared maximum mean discrepancy from the standard normal distribution.

    Parameters
    ----------
    code : Tensor of shape (n, n_components)
        Codes.
    weight : Tensor of shape (n,) or None, default=None
        Their weights.

    Returns
    -------
    discrepancy : Tensor of shape ()
        At least about 1 / n, since every code is next to itself.
    """
    n_components = code.shape[-1]
    squares = code.square().sum(dim=-1)
    total = code.new_zeros(())
    for width in _WIDTHS:
        variance = 2 * n_components * width**2
        # The mean over all pairs, so many rows at a time.
        to_others = [
            nn.weighted_mean(
                (_squared_distances(code, squares, some) / (-2 * variance)).exp(), weight
            )
            for some in torch.arange(len(code), device=code.device).split(_BLOCK)
        ]
        among_codes = nn.weighted_mean(torch.cat(to_others)[:, None], weight)[0]
        to_prior = nn.weighted_mean((squares / (-2 * (variance + 1))).exp()[:, None], weight)[0]
        to_prior = to_prior * (variance / (variance + 1)) ** (n_components / 2)
        in_prior = (variance / (variance + 2)) ** (n_components / 2)
        total = total + among_codes - 2 * to_prior + in_prior
    return total / len(_WIDTHS)


def _squared_distances(code: Tensor, squares: Tensor, some: Tensor) -> Tensor:
    """Give those of all codes, as rows, from some of them, as columns."""
    # By way of products, not of differences.
    return (squares[:, None] + squares[some] - 2 * code @ code[some].T).clamp(min=0)

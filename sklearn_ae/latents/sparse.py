"""Sparse codes: few entries are active in each row."""

import math
from numbers import Integral, Real

import torch
from sklearn.utils import check_scalar
from torch import Tensor

from sklearn_ae import nn
from sklearn_ae.latents.base import LatentParameters
from sklearn_ae.nn.latent import Network
from sklearn_ae.parameters import check_option


class Sparse(LatentParameters):
    """Make few entries of the code active in each row, by a penalty.

    A sparse code may have more entries than the data have columns. Each row then uses only
    the few entries that describe it.

    Parameters
    ----------
    penalty : {"l1", "kl"}, default="l1"
        "l1": the code is at least zero, and its mean is the penalty [1]_. Many entries become
        exactly zero. "kl": the code is in (0, 1), and the penalty is the Kullback-Leibler
        divergence of the mean activation of each entry from `target` [2]_.
    weight : float or None, default=None
        Factor of the penalty. None: 0.05 for "l1", 3 for "kl".
    target : float, default=0.05
        Target of the mean activation with "kl", in (0, 1).

    References
    ----------
    .. [1] Olshausen and Field, "Emergence of simple-cell receptive field properties by
       learning a sparse code for natural images", Nature 381, 1996.
    .. [2] Lee, Ekanadham and Ng, "Sparse deep belief net model for visual area V2", NIPS 2007.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.latents import Sparse
    >>> autoencoder = AutoencoderTransformer(100, latent=Sparse(weight=0.1), max_iter=5)
    >>> codes = autoencoder.fit_transform(load_digits().data)
    >>> bool((codes == 0).mean() > 0.3)
    True
    """

    def __init__(
        self, penalty: str = "l1", weight: float | None = None, target: float = 0.05
    ) -> None:
        self.penalty = penalty
        self.weight = weight
        self.target = target

    def _build(self, n_components: int, generator: torch.Generator | None) -> nn.Latent:
        check_option("penalty", self.penalty, ("kl", "l1"))
        weight = self.weight
        if weight is None:
            weight = 0.05 if self.penalty == "l1" else 3.0
        check_scalar(weight, "weight", Real, min_val=0)
        if self.penalty == "l1":
            return _SparseByL1(weight)
        target = self.target
        check_scalar(target, "target", Real, min_val=0, max_val=1, include_boundaries="neither")
        return _SparseByDivergence(weight, target)


class _SparseByL1(nn.Latent):
    trades_reconstruction = True

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden.relu()

    def penalty(self, autoencoder: Network, output: nn.Output, weight: Tensor | None) -> Tensor:
        return self.weight * nn.weighted_mean(output.code, weight).mean()


class _SparseByDivergence(nn.Latent):
    trades_reconstruction = True

    def __init__(self, weight: float, target: float) -> None:
        super().__init__()
        self.weight = weight
        self.target = target

    def forward(self, hidden: Tensor) -> Tensor:
        # The code starts at the target. From 1/2, the flat end of the sigmoid would be far away.
        return (hidden + math.log(self.target / (1 - self.target))).sigmoid()

    def penalty(self, autoencoder: Network, output: nn.Output, weight: Tensor | None) -> Tensor:
        # Rounding may bring the mean to 0 or 1, where the divergence is infinite.
        eps = torch.finfo(output.code.dtype).eps
        active = nn.weighted_mean(output.code, weight).clamp(eps, 1 - eps)
        divergence = (
            self.target * (self.target / active).log()
            + (1 - self.target) * ((1 - self.target) / (1 - active)).log()
        )
        return self.weight * divergence.mean()


class TopK(LatentParameters):
    """Keep the k largest entries of each code, and set the others to zero.

    Parameters
    ----------
    k : int or None, default=None
        Number of entries to keep. None: a tenth of the code, at least one.

    References
    ----------
    Makhzani and Frey, "k-sparse autoencoders", ICLR 2014.

    Gao et al., "Scaling and evaluating sparse autoencoders", ICLR 2025.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.latents import TopK
    >>> autoencoder = AutoencoderTransformer(n_components=100, latent=TopK(5), max_iter=5)
    >>> codes = autoencoder.fit_transform(load_digits().data)
    >>> set((codes != 0).sum(axis=1).tolist())
    {5}
    """

    def __init__(self, k: int | None = None) -> None:
        self.k = k

    def _build(self, n_components: int, generator: torch.Generator | None) -> nn.Latent:
        k = max(1, n_components // 10) if self.k is None else self.k
        check_scalar(k, "k", Integral, min_val=1, max_val=n_components)
        return _TopK(k)


class _TopK(nn.Latent):
    trades_reconstruction = True

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(self, hidden: Tensor) -> Tensor:
        index = hidden.topk(self.k, dim=-1).indices
        return hidden * torch.zeros_like(hidden).scatter_(-1, index, 1)

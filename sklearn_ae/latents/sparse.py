"""Sparse codes: few entries are active for each row."""

import math
from numbers import Integral, Real

import torch
from sklearn.utils import check_scalar
from torch import Tensor

from sklearn_ae import nn
from sklearn_ae.parameters import ParameterObject


class Sparse(ParameterObject):
    """Let few entries of the code be active for each row, by a penalty.

    A sparse code may have more entries than the data have columns: each row then chooses
    the few that describe it.

    Parameters
    ----------
    penalty : {"l1", "kl"}, default="l1"
        "l1": the code is not negative, and its mean is the penalty [1]_; many entries are
        exactly zero. "kl": the code is in (0, 1), and the penalty is the divergence of
        each entry's mean activation from `target` [2]_.
    weight : float or None, default=None
        What the penalty is multiplied by. None: 0.05 for "l1", 3 for "kl".
    target : float, default=0.05
        Mean activation that "kl" asks for, in (0, 1).

    References
    ----------
    .. [1] Olshausen and Field, "Emergence of simple-cell receptive field properties by
       learning a sparse code for natural images", Nature 381, 1996.
    .. [2] Lee, Ekanadham and Ng, "Sparse deep belief net model for visual area V2", NIPS
       2007.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.latents import Sparse
    >>> autoencoder = AutoencoderTransformer(
    ...     n_components=100, latent=Sparse(weight=0.1), max_iter=5, random_state=0
    ... )
    >>> codes = autoencoder.fit_transform(load_digits().data)
    >>> bool((codes == 0).mean() > 0.3)
    True
    """

    has_linear_path = False

    def __init__(
        self, penalty: str = "l1", weight: float | None = None, target: float = 0.05
    ) -> None:
        self.penalty = penalty
        self.weight = weight
        self.target = target

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
        if self.penalty not in ("l1", "kl"):
            raise ValueError(f"penalty must be one of ['kl', 'l1'], got {self.penalty!r}.")
        weight = self.weight
        if weight is None:
            weight = 0.05 if self.penalty == "l1" else 3.0
        check_scalar(weight, "weight", Real, min_val=0)
        if self.penalty == "l1":
            return _SparseByL1(weight)
        check_scalar(
            self.target, "target", Real, min_val=0, max_val=1, include_boundaries="neither"
        )
        return _SparseByDivergence(weight, self.target)


class _SparseByL1(nn.Latent):
    trades_reconstruction = True

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden.relu()

    def penalty(
        self, autoencoder: nn.Autoencoder, output: nn.Output, weight: Tensor | None
    ) -> Tensor:
        return self.weight * nn.weighted_mean(output.code, weight).mean()


class _SparseByDivergence(nn.Latent):
    trades_reconstruction = True

    def __init__(self, weight: float, target: float) -> None:
        super().__init__()
        self.weight = weight
        self.target = target

    def forward(self, hidden: Tensor) -> Tensor:
        # Starts at the target: from 1/2, it is a long way down the flat end of the function.
        return (hidden + math.log(self.target / (1 - self.target))).sigmoid()

    def penalty(
        self, autoencoder: nn.Autoencoder, output: nn.Output, weight: Tensor | None
    ) -> Tensor:
        # Away from 0 and 1, where the divergence is infinite and rounding takes the mean.
        eps = torch.finfo(output.code.dtype).eps
        active = nn.weighted_mean(output.code, weight).clamp(eps, 1 - eps)
        divergence = (
            self.target * (self.target / active).log()
            + (1 - self.target) * ((1 - self.target) / (1 - active)).log()
        )
        return self.weight * divergence.mean()


class TopK(ParameterObject):
    """Keep the k largest entries of the code of each row, and set the others to zero.

    Parameters
    ----------
    k : int or None, default=None
        How many entries are kept. None: a tenth of the code, at least one.

    References
    ----------
    Makhzani and Frey, "k-sparse autoencoders", ICLR 2014.

    Gao et al., "Scaling and evaluating sparse autoencoders", ICLR 2025: the same for the
    embeddings of language models.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.latents import TopK
    >>> autoencoder = AutoencoderTransformer(
    ...     n_components=100, latent=TopK(5), max_iter=5, random_state=0
    ... )
    >>> codes = autoencoder.fit_transform(load_digits().data)
    >>> set((codes != 0).sum(axis=1).tolist())
    {5}
    """

    has_linear_path = False

    def __init__(self, k: int | None = None) -> None:
        self.k = k

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
            If `k` is not between 1 and the size of the code.
        """
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

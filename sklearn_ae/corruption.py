"""Corruption of the input in training: a denoising autoencoder undoes it.

The encoder sees a corrupted row, the loss compares the reconstruction with the clean one. A
network that can not copy its input has to learn what rows look like, so that corruption also
regularises where there is no noise to remove. Held-out rows are corrupted as well, always in the
same way, so that the weights that are kept are those that denoise best. Nothing is corrupted
after `fit`.

A corruption is any object with ``build(X, scale)`` that gives a
:class:`~sklearn_ae.nn.Corruption`.

References
----------
Vincent, Larochelle, Lajoie, Bengio and Manzagol, "Stacked denoising autoencoders: learning
useful representations in a deep network with a local denoising criterion", JMLR 11, 2010.
"""

from numbers import Real
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_scalar

from sklearn_ae import nn
from sklearn_ae.parameters import ParameterObject

__all__ = ["CORRUPTIONS", "GaussianNoise", "MaskingNoise", "SaltAndPepperNoise"]


class GaussianNoise(ParameterObject):
    """Add normal noise to every entry.

    Parameters
    ----------
    scale : float, default=0.5
        Standard deviation of the noise, in standard units: 1 is what the estimator
        divides the data by, so that at 1 noise and data vary alike.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.corruption import GaussianNoise
    >>> AutoencoderTransformer(corruption=GaussianNoise(0.5)).corruption
    GaussianNoise()
    """

    def __init__(self, scale: float = 0.5) -> None:
        self.scale = scale

    def build(self, X: Any, scale: np.ndarray) -> nn.Corruption:
        """Build the module.

        Parameters
        ----------
        X : ndarray or CSR matrix or array of shape (n_samples, n_features)
            The training rows.
        scale : ndarray of shape () or (n_features,)
            Size of a standard unit.

        Returns
        -------
        corruption : nn.Corruption
            The module.

        Raises
        ------
        ValueError
            If the parameter `scale` is negative.
        """
        check_scalar(self.scale, "scale", Real, min_val=0)
        return nn.GaussianNoise(torch.as_tensor(self.scale * scale))


class MaskingNoise(ParameterObject):
    """Set entries to zero, as if they were missing.

    Parameters
    ----------
    p : float, default=0.25
        Probability of an entry to be set to zero, in [0, 1).

    Notes
    -----
    Zero in input units. Where zero is no natural value for "nothing", standardise the
    columns first: zero is then their mean.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.corruption import MaskingNoise
    >>> AutoencoderTransformer(corruption=MaskingNoise(p=0.5)).corruption
    MaskingNoise(p=0.5)
    """

    def __init__(self, p: float = 0.25) -> None:
        self.p = p

    def build(self, X: Any, scale: np.ndarray) -> nn.Corruption:
        """Build the module.

        Parameters
        ----------
        X : ndarray or CSR matrix or array of shape (n_samples, n_features)
            The training rows.
        scale : ndarray of shape () or (n_features,)
            Size of a standard unit.

        Returns
        -------
        corruption : nn.Corruption
            The module.

        Raises
        ------
        ValueError
            If `p` is not in [0, 1).
        """
        _check_probability(self.p)
        return nn.MaskingNoise(self.p)


class SaltAndPepperNoise(ParameterObject):
    """Set entries to the smallest or the largest value of their column.

    Parameters
    ----------
    p : float, default=0.25
        Probability of an entry to be replaced, in [0, 1), half of it by each value.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.corruption import SaltAndPepperNoise
    >>> AutoencoderTransformer(corruption=SaltAndPepperNoise(p=0.1)).corruption
    SaltAndPepperNoise(p=0.1)
    """

    def __init__(self, p: float = 0.25) -> None:
        self.p = p

    def build(self, X: Any, scale: np.ndarray) -> nn.Corruption:
        """Build the module.

        Parameters
        ----------
        X : ndarray or CSR matrix or array of shape (n_samples, n_features)
            The training rows.
        scale : ndarray of shape () or (n_features,)
            Size of a standard unit.

        Returns
        -------
        corruption : nn.Corruption
            The module.

        Raises
        ------
        ValueError
            If `p` is not in [0, 1).
        """
        _check_probability(self.p)
        low, high = X.min(axis=0), X.max(axis=0)
        if not isinstance(low, np.ndarray):
            low, high = low.toarray().ravel(), high.toarray().ravel()
        return nn.SaltAndPepperNoise(self.p, torch.tensor(low), torch.tensor(high))


CORRUPTIONS: dict[str, type[ParameterObject]] = {
    "gaussian": GaussianNoise,
    "masking": MaskingNoise,
    "salt_and_pepper": SaltAndPepperNoise,
}


def _check_probability(p: Any) -> None:
    check_scalar(p, "p", Real, min_val=0, max_val=1, include_boundaries="left")

"""Corruption of the input in training: a denoising autoencoder learns to undo it.

The encoder sees a corrupted row, and the loss compares the reconstruction with the clean row.
Corruption also regularises a network where there is no noise to remove. Validation rows are
corrupted as well, each time with the same noise, so `fit` keeps the weights that denoise best.
After `fit` nothing is corrupted.

A corruption is any object with ``build(X, scale)`` that returns a
:class:`~sklearn_ae.nn.Corruption`. `X` holds the training rows, as an array or a CSR matrix. The
estimator divides the data by `scale`, of shape ``()`` or ``(n_features,)``.

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
from sklearn_ae._data.units import column_extremes
from sklearn_ae.parameters import ParameterObject, check_option

__all__ = ["CORRUPTIONS", "GaussianNoise", "MaskingNoise", "SaltAndPepperNoise"]


class GaussianNoise(ParameterObject):
    """Add normal noise to every entry.

    Parameters
    ----------
    scale : float, default=0.5
        Standard deviation of the noise, in the units that `units` names.
    units : {"standard", "input"}, default="standard"
        "standard": units of the scale that the estimator divides the data by. For the
        transformer, this is one scale for all columns: the root of the mean variance of the
        columns. For the detector, it is the standard deviation of each column. With scale 1,
        the noise then varies as much as the data. "input": units of X.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.corruption import GaussianNoise
    >>> AutoencoderTransformer(corruption=GaussianNoise(0.5)).corruption
    GaussianNoise()
    """

    def __init__(self, scale: float = 0.5, units: str = "standard") -> None:
        self.scale = scale
        self.units = units

    def build(self, X: Any, scale: np.ndarray) -> nn.Corruption:  # numpydoc ignore=PR01,RT01
        """Check the parameters, and build the module."""
        check_scalar(self.scale, "scale", Real, min_val=0)
        check_option("units", self.units, ("standard", "input"))
        std = self.scale * scale if self.units == "standard" else np.full_like(scale, self.scale)
        return nn.GaussianNoise(torch.as_tensor(std))


class MaskingNoise(ParameterObject):
    """Set entries to zero, as if they were missing.

    Parameters
    ----------
    p : float, default=0.25
        Probability that an entry is set to zero, in [0, 1).

    Notes
    -----
    Zero means zero in the units of X, not in the standard units of
    :class:`GaussianNoise`. If zero does not stand for a missing value in your data,
    standardise the columns first. Zero is then their mean.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.corruption import MaskingNoise
    >>> AutoencoderTransformer(corruption=MaskingNoise(p=0.5)).corruption
    MaskingNoise(p=0.5)
    """

    def __init__(self, p: float = 0.25) -> None:
        self.p = p

    def build(self, X: Any, scale: np.ndarray) -> nn.Corruption:  # numpydoc ignore=PR01,RT01
        """Check the parameters, and build the module."""
        check_scalar(self.p, "p", Real, min_val=0, max_val=1, include_boundaries="left")
        return nn.MaskingNoise(self.p)


class SaltAndPepperNoise(ParameterObject):
    """Set entries to the smallest or the largest value of their column.

    Parameters
    ----------
    p : float, default=0.25
        Probability that an entry is replaced, in [0, 1): p / 2 for each of the two values.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.corruption import SaltAndPepperNoise
    >>> AutoencoderTransformer(corruption=SaltAndPepperNoise(p=0.1)).corruption
    SaltAndPepperNoise(p=0.1)
    """

    def __init__(self, p: float = 0.25) -> None:
        self.p = p

    def build(self, X: Any, scale: np.ndarray) -> nn.Corruption:  # numpydoc ignore=PR01,RT01
        """Check the parameters, and build the module."""
        check_scalar(self.p, "p", Real, min_val=0, max_val=1, include_boundaries="left")
        low, high = column_extremes(X)
        return nn.SaltAndPepperNoise(self.p, torch.tensor(low), torch.tensor(high))


CORRUPTIONS: dict[str, type[ParameterObject]] = {
    "gaussian": GaussianNoise,
    "masking": MaskingNoise,
    "salt_and_pepper": SaltAndPepperNoise,
}

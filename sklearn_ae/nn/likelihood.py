"""What a reconstruction loss means as a distribution of the input around its reconstruction.

Each function maps the loss of a column (its mean over columns, or over rows and columns) and
the scale of the noise to minus the logarithm of the density, in nats a column.
"""

import math
from collections.abc import Callable

from torch import Tensor


def gaussian(loss: Tensor, scale: Tensor) -> Tensor:
    """Give minus the log density of normal noise.

    Parameters
    ----------
    loss : Tensor
        Squared errors.
    scale : Tensor of shape ()
        Variance of the noise: the mean squared error, where that is to be smallest.

    Returns
    -------
    nats : Tensor
        Of the shape of `loss`.
    """
    return (loss / scale + (2 * math.pi * scale).log()) / 2


def laplace(loss: Tensor, scale: Tensor) -> Tensor:
    """Give minus the log density of Laplace's noise.

    Parameters
    ----------
    loss : Tensor
        Absolute errors.
    scale : Tensor of shape ()
        Their mean.

    Returns
    -------
    nats : Tensor
        Of the shape of `loss`.
    """
    return loss / scale + (2 * scale).log()


def as_it_is(loss: Tensor, scale: Tensor) -> Tensor:  # noqa: ARG001
    """Give a loss that is minus a log probability already, such as binary cross-entropy.

    Parameters
    ----------
    loss : Tensor
        The loss.
    scale : Tensor of shape ()
        Without meaning here.

    Returns
    -------
    nats : Tensor
        The loss.
    """
    return loss


LIKELIHOODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "gaussian": gaussian,
    "laplace": laplace,
    "bernoulli": as_it_is,
    "own": as_it_is,
}

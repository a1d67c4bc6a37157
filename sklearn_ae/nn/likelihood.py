"""Distributions of the input around its reconstruction that reconstruction losses stand for."""

import math
from collections.abc import Callable

from torch import Tensor


def _gaussian(loss: Tensor, scale: Tensor) -> Tensor:
    """Take the squared error, and the variance of normal noise."""
    return (loss / scale + (2 * math.pi * scale).log()) / 2


def _laplace(loss: Tensor, scale: Tensor) -> Tensor:
    """Take the absolute error, and the mean absolute value of Laplace noise."""
    return loss / scale + (2 * scale).log()


def _identity(loss: Tensor, scale: Tensor) -> Tensor:  # noqa: ARG001
    """Take a loss that is already minus a log probability."""
    return loss


# Each maps a loss (a mean over columns, or over rows and columns) and the scale of the noise to
# minus the log density, in nats per column.
LIKELIHOODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "gaussian": _gaussian,
    "laplace": _laplace,
    "bernoulli": _identity,
    "own": _identity,
}

"""The magnitude of weights, for the L1 penalty."""

from collections.abc import Iterable

import torch
from torch import Tensor

# Weights below this size are as good as zero to the penalty.
_CORNER = 1e-5


def magnitude(parameters: Iterable[tuple[str, Tensor]]) -> Tensor:
    """Sum up the magnitudes of all weights, biases apart.

    Parameters
    ----------
    parameters : iterable of (str, Tensor)
        Parameters by name.

    Returns
    -------
    magnitude : Tensor of shape ()
    """
    return torch.stack(
        [
            # Round at zero, where rounding would decide between the sides of a corner.
            (weights.square() + _CORNER**2).sqrt().sum()
            for name, weights in parameters
            if weights.dim() > 1 and "bias" not in name
        ]
    ).sum()

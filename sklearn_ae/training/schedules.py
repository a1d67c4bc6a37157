"""Learning-rate schedules: progress of the training to share of the learning rate."""

import math
from collections.abc import Callable

Schedule = Callable[[float], float]

# After more epochs in a row than this without a lower loss, the rate is multiplied by the factor.
PLATEAU_PATIENCE = 5
PLATEAU_FACTOR = 0.2

_WARM_UP = 0.25  # share of the training in which the one-cycle schedule rises
# Share of the training in which a schedule rises, where one does.
RISING = {"one_cycle": _WARM_UP}


def constant(progress: float) -> float:  # noqa: ARG001
    """Keep the full rate."""
    return 1.0


def cosine(progress: float) -> float:
    """Fall from the full rate to zero along half a cosine.

    References
    ----------
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts",
    ICLR 2017.
    """
    return (1 + math.cos(math.pi * progress)) / 2


def one_cycle(progress: float) -> float:
    """Rise from a twenty-fifth in the first quarter, then fall to zero along half a cosine.

    References
    ----------
    Smith and Topin, "Super-convergence: very fast training of neural networks using
    large learning rates", 2018.
    """
    if progress < _WARM_UP:
        return 1 - (1 - 1 / 25) * cosine(progress / _WARM_UP)
    return cosine((progress - _WARM_UP) / (1 - _WARM_UP))


def step(progress: float) -> float:
    """Fall to a tenth after half of the training, and to a hundredth after three quarters."""
    if progress < 0.5:
        return 1.0
    return 0.1 if progress < 0.75 else 0.01


SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "cosine": cosine,
    "one_cycle": one_cycle,
    "reduce_on_plateau": constant,  # of the losses, not of the progress
    "step": step,
}

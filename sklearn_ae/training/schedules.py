"""Learning-rate schedules, and how an optimizer follows them."""

import math
from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

# Progress of the training to share of the learning rate.
Schedule = Callable[[float], float]

# After more epochs in a row than this without a lower loss, the rate is multiplied by the factor.
_PLATEAU_PATIENCE = 5
_PLATEAU_FACTOR = 0.2

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


class LearningRate:
    """Has an optimizer follow a schedule."""

    def __init__(self, optimizer: Optimizer, schedule: str) -> None:
        self._optimizer, self._schedule, self._n_steps = optimizer, schedule, 0
        self._plateau: ReduceLROnPlateau | None = None
        if schedule == "reduce_on_plateau":
            self._plateau = ReduceLROnPlateau(
                optimizer, factor=_PLATEAU_FACTOR, patience=_PLATEAU_PATIENCE, threshold=0
            )

    def begin_step(self, highest: float, n_steps: int) -> None:
        """Set the rate of the next of so many steps, as a share of the highest."""
        if self._schedule in ("constant", "reduce_on_plateau"):
            return  # set once, for a plateau or a callback to change
        share = SCHEDULES[self._schedule](self._n_steps / n_steps)
        set_learning_rate(self._optimizer, highest * share)
        self._n_steps += 1

    def end_epoch(self, loss: float) -> None:
        """Take the loss that is judged, for a plateau."""
        if self._plateau is not None:
            self._plateau.step(loss)

    def state(self) -> dict[str, Any]:
        """Give all that steps and epochs change, but for the rates of the optimizer."""
        plateau = None if self._plateau is None else self._plateau.state_dict()
        return {"n_steps": self._n_steps, "plateau": plateau}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to such a state."""
        self._n_steps = state["n_steps"]
        if self._plateau is not None:
            self._plateau.load_state_dict(state["plateau"])


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate

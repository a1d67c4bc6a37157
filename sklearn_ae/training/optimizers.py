"""Optimizers by name."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

OptimizerFactory = Callable[..., torch.optim.Optimizer]

OPTIMIZERS: dict[str, OptimizerFactory] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
    "nesterov": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "gradient_descent": torch.optim.SGD,
    "lbfgs": partial(torch.optim.LBFGS, line_search_fn="strong_wolfe"),
}
# These take all rows at once.
FULL_BATCH_OPTIMIZERS = {"gradient_descent", "lbfgs"}

# One kernel for the update of all parameters, in place of a dispatch for each: on small networks
# that is a fifth of the step. The others have none.
_FUSED = {"adam", "adamw", "sgd", "momentum", "nesterov", "adagrad", "gradient_descent"}


def optimizer_and_options(
    optimizer: str | OptimizerFactory, *, weight_decay: float, device: torch.device
) -> tuple[OptimizerFactory, dict[str, Any]]:
    """Look up an optimizer.

    Parameters
    ----------
    optimizer : str or callable
        A key of ``OPTIMIZERS``, a subclass of :class:`torch.optim.Optimizer`, or any
        callable ``(parameters, lr=...)`` that gives an optimizer.
    weight_decay : float
        Passed on to a callable where it is not zero: there are optimizers without it.
    device : torch.device
        Where the parameters are: fused updates exist on CPU and CUDA.

    Returns
    -------
    factory : callable
    options : dict
        Keyword arguments of the factory besides the learning rate.

    Raises
    ------
    ValueError
        If the optimizer has no weight decay.
    """
    if not isinstance(optimizer, str):
        return optimizer, {} if weight_decay == 0 else {"weight_decay": weight_decay}
    if optimizer == "lbfgs":
        if weight_decay > 0:
            raise ValueError(
                f"weight_decay={weight_decay:g} is not supported with optimizer='lbfgs'"
            )
        return OPTIMIZERS[optimizer], {}
    # Also where it is zero, which is not everyone's default.
    options: dict[str, Any] = {"weight_decay": weight_decay}
    if optimizer in _FUSED and device.type in ("cpu", "cuda"):
        # Adagrad's fused update exists on the CPU alone.
        options["fused"] = optimizer != "adagrad" or device.type == "cpu"
    return OPTIMIZERS[optimizer], options


def load_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load the state of an optimizer, in the types that it has.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        The optimizer.
    state : dict of str to object
        What ``optimizer.state_dict()`` gives. Without "param_groups", its options stay.
    """
    optimizer.load_state_dict({**optimizer.state_dict(), **state})
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    for place, values in state["state"].items():
        # PyTorch casts them to the type of the parameter.
        loaded = optimizer.state[parameters[place]]
        for name, value in values.items():
            if isinstance(value, torch.Tensor):
                loaded[name] = loaded[name].to(value.dtype)

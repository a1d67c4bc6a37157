"""All parameters of an optimizer in one vector."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class FlatParameters:
    """Lays the parameters of an optimizer, their gradients and its state into one vector each.

    The parameters become views of it: the network computes with them as before, and the
    optimizer updates all of them in one kernel, instead of one a parameter. This is for
    optimizers whose update of an entry depends on that entry alone.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        An optimizer with one group of parameters, all of one type and device.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        (group,) = optimizer.param_groups
        self._optimizer = optimizer
        self._parameters: list[nn.Parameter] = group["params"]
        self._vector = nn.Parameter(_join(self._parameters))
        self._vector.grad = torch.zeros_like(self._vector)
        values, gradients = self._split(self._vector.detach()), self._split(self._vector.grad)
        for parameter, value, gradient in zip(self._parameters, values, gradients, strict=True):
            parameter.data, parameter.grad = value, gradient
        self._state: dict[str, Any] | None = None
        self._split_state: Any = None
        # Views of the state, made once for each tensor in it.
        self._views: dict[str, tuple[Tensor, list[Tensor]]] = {}

    @contextmanager
    def in_use(self) -> Iterator[nn.Parameter]:
        """Let the optimizer update the vector.

        Outside of this, the optimizer is what it was: one with these parameters and a
        state for each.

        Yields
        ------
        vector : nn.Parameter
            The vector, with its gradient.
        """
        optimizer = self._optimizer
        if optimizer.state is not self._split_state:  # the first time, or it was loaded
            self._state = _join_states([optimizer.state.get(p) for p in self._parameters])
        (group,) = optimizer.param_groups
        group["params"] = [self._vector]
        optimizer.state = defaultdict(dict)
        if self._state is not None:
            optimizer.state[self._vector] = self._state
        try:
            yield self._vector
        finally:
            self._state = optimizer.state.get(self._vector)
            group["params"] = self._parameters
            optimizer.state = self._split_state = self._states()

    def release(self) -> None:
        """Give every parameter memory of its own again, as pickling and copying expect."""
        for parameter in self._parameters:
            parameter.data = parameter.data.clone()
            parameter.grad = None
        self._optimizer.state = own_memory(self._optimizer.state)

    def _split(self, vector: Tensor) -> list[Tensor]:
        sizes = [parameter.numel() for parameter in self._parameters]
        return [
            part.view_as(parameter)
            for part, parameter in zip(vector.split(sizes), self._parameters, strict=True)
        ]

    def _states(self) -> defaultdict[Tensor, Any]:
        states: defaultdict[Tensor, Any] = defaultdict(dict)
        for name, value in (self._state or {}).items():
            if not isinstance(value, Tensor):
                parts = [value] * len(self._parameters)
            elif value.shape != self._vector.shape:  # such as the number of steps
                parts = [value.clone() for _ in self._parameters]
            else:
                if name not in self._views or self._views[name][0] is not value:
                    self._views[name] = value, self._split(value)
                parts = self._views[name][1]
            for parameter, part in zip(self._parameters, parts, strict=True):
                states[parameter][name] = part
        return states


def own_memory(state: Any) -> Any:
    """Copy the tensors of an optimizer's state, so that none is a view of a larger one.

    Parameters
    ----------
    state : mapping of Tensor to dict
        The state of each parameter.

    Returns
    -------
    state : defaultdict
        The same, with its own memory.
    """
    copy: Any = defaultdict(dict)
    for parameter, values in state.items():
        copy[parameter] = {
            name: value.clone() if isinstance(value, Tensor) else value
            for name, value in values.items()
        }
    return copy


def _join(tensors: list[Any]) -> Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


def _join_states(states: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    first = states[0]
    if not first:
        return None
    return {
        name: _join([state[name] for state in states if state is not None])
        if isinstance(value, Tensor) and value.dim() > 0
        else value
        for name, value in first.items()
    }

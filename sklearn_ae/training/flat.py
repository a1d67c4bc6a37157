"""All parameters of an optimizer in one vector."""

import operator
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
        self._vector.grad = self._gradient = torch.zeros_like(self._vector)
        self._values = self._split(self._vector.detach())
        self._gradients = self._split(self._vector.grad)
        for parameter, value in zip(self._parameters, self._values, strict=True):
            parameter.data = value
        self.give_gradients()
        self._state: dict[str, Any] | None = None
        # Views of the state, made once for each tensor in it.
        self._views: dict[str, tuple[Tensor, list[Tensor]]] = {}

    @staticmethod
    def fits(optimizer: torch.optim.Optimizer) -> bool:
        """Tell whether the parameters of an optimizer are all at the same place.

        Parameters
        ----------
        optimizer : torch.optim.Optimizer
            The optimizer.

        Returns
        -------
        fits : bool
            Whether there is one group, and all have made as many steps: those of layers
            that were frozen have not.
        """
        if len(optimizer.param_groups) != 1:
            return False
        (group,) = optimizer.param_groups
        states = [optimizer.state.get(parameter, {}) for parameter in group["params"]]
        return all(_is_alike(states[0], state) for state in states)

    def is_intact(self, optimizer: torch.optim.Optimizer) -> bool:
        """Tell whether the parameters still are views of the vector.

        Parameters
        ----------
        optimizer : torch.optim.Optimizer
            The optimizer that is to be used.

        Returns
        -------
        is_intact : bool
            Whether it is the same, and no parameter was given another memory.
        """
        parameters = optimizer.param_groups[0]["params"]
        return (
            optimizer is self._optimizer
            and len(parameters) == len(self._parameters)
            and all(map(operator.is_, parameters, self._parameters))
            and all(
                parameter.data_ptr() == value.data_ptr() and parameter.shape == value.shape
                for parameter, value in zip(parameters, self._values, strict=True)
            )
        )

    def give_gradients(self) -> None:
        """Give every parameter its part of the vector's gradient, should it have lost it."""
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            parameter.grad = gradient
        self._vector.grad = self._gradient

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
        # It may have been loaded, cleared or changed since, or the gradients dropped.
        states = [optimizer.state.get(parameter) for parameter in self._parameters]
        if not self._is_ours(states):
            self._state = _join_states(states)
        (group,) = optimizer.param_groups
        optimizer.state = defaultdict(dict)
        if self._state is not None:
            optimizer.state[self._vector] = self._state
        group["params"] = [self._vector]
        try:
            yield self._vector
        finally:
            self._give_back()

    def _give_back(self) -> None:
        # In an order in which it can be done again: Ctrl-C may come at any moment.
        optimizer = self._optimizer
        if self._vector in optimizer.state:
            self._state = optimizer.state[self._vector]
            optimizer.state = self._states()
        group = optimizer.param_groups[0]
        if any(parameter is self._vector for parameter in group["params"]):
            group["params"] = self._parameters

    def _is_ours(self, states: list[dict[str, Any] | None]) -> bool:
        """Tell whether these are the parts of the vector's state, untouched."""
        if self._state is None:
            return not any(states)
        for name, value in self._state.items():
            for i, state in enumerate(states):
                if state is None or name not in state or len(state) != len(self._state):
                    return False
                part = state[name]
                if name in self._views and self._views[name][0] is value:
                    if part is not self._views[name][1][i]:
                        return False
                elif not _is_equal(part, value):
                    return False
        return True

    def release(self) -> None:
        """Give every parameter memory of its own again, as pickling and copying expect."""
        self._give_back()
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


def _is_alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether states are of the same kind, with the same number of steps."""
    return one.keys() == other.keys() and all(
        (isinstance(value, Tensor) and value.dim() > 0) or _is_equal(other[name], value)
        for name, value in one.items()
    )


def _is_equal(one: Any, other: Any) -> bool:
    return bool(one == other)


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

"""The parameters of an optimizer in one vector a group."""

import operator
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class FlatParameters:
    """Lays the parameters of an optimizer, their gradients and its state into vectors.

    The parameters become views of them: the network computes with them as before, and the
    optimizer updates all of a group in one kernel, instead of one a parameter. This is for
    optimizers whose update of an entry depends on that entry alone.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        An optimizer with parameters of one type and device.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer = optimizer
        self._groups = [_FlatGroup(group["params"]) for group in optimizer.param_groups]

    @staticmethod
    def fits(optimizer: torch.optim.Optimizer) -> bool:
        """Tell whether the parameters of each group are all at the same place.

        Parameters
        ----------
        optimizer : torch.optim.Optimizer
            The optimizer.

        Returns
        -------
        fits : bool
            Whether all of a group have made as many steps: those of layers that were
            frozen have not.
        """
        for group in optimizer.param_groups:
            states = [optimizer.state.get(parameter, {}) for parameter in group["params"]]
            if not all(_is_alike(states[0], state) for state in states):
                return False
        return True

    def is_intact(self, optimizer: torch.optim.Optimizer) -> bool:
        """Tell whether the parameters still are views of the vectors.

        Parameters
        ----------
        optimizer : torch.optim.Optimizer
            The optimizer that is to be used.

        Returns
        -------
        is_intact : bool
            Whether it is the same, and no parameter was given another memory.
        """
        groups = optimizer.param_groups
        return (
            optimizer is self._optimizer
            and len(groups) == len(self._groups)
            and all(
                flat.is_intact(group["params"])
                for flat, group in zip(self._groups, groups, strict=True)
            )
        )

    def give_gradients(self) -> None:
        """Give every parameter its part of a vector's gradient, should it have lost it."""
        for group in self._groups:
            group.give_gradients()

    @contextmanager
    def in_use(self) -> Iterator[list[nn.Parameter]]:
        """Let the optimizer update the vectors.

        Outside of this, the optimizer is what it was: one with these parameters and a
        state for each.

        Yields
        ------
        vectors : list of nn.Parameter
            The vectors, with their gradients.
        """
        optimizer = self._optimizer
        for flat in self._groups:
            flat.take_state(optimizer.state)
        optimizer.state = defaultdict(dict)
        for flat, group in zip(self._groups, optimizer.param_groups, strict=True):
            if flat.state is not None:
                optimizer.state[flat.vector] = flat.state
            group["params"] = [flat.vector]
        try:
            yield [flat.vector for flat in self._groups]
        finally:
            self._give_back()

    def _give_back(self) -> None:
        # In an order in which it can be done again: Ctrl-C may come at any moment.
        optimizer = self._optimizer
        if any(flat.vector in optimizer.state for flat in self._groups):
            for flat in self._groups:
                flat.state = optimizer.state.get(flat.vector, flat.state)
            states: Any = defaultdict(dict)
            for flat in self._groups:
                states |= flat.states()
            optimizer.state = states
        # Not strictly: a callback may have divided the groups since.
        for flat, group in zip(self._groups, optimizer.param_groups, strict=False):
            if any(parameter is flat.vector for parameter in group["params"]):
                group["params"] = flat.parameters

    def release(self) -> None:
        """Give every parameter memory of its own again, as pickling and copying expect."""
        self._give_back()
        for group in self._groups:
            for parameter in group.parameters:
                parameter.data = parameter.data.clone()
                parameter.grad = None
        self._optimizer.state = own_memory(self._optimizer.state)


class _FlatGroup:
    """One group of parameters in one vector, with the state of the optimizer for it.

    Attributes
    ----------
    parameters : list of nn.Parameter
        The parameters.
    vector : nn.Parameter
        All of them.
    state : dict or None
        What the optimizer knows of the vector.
    """

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        self.parameters = parameters
        self.vector = nn.Parameter(_join(parameters))
        self.vector.grad = self._gradient = torch.zeros_like(self.vector)
        self.state: dict[str, Any] | None = None
        self._values = self._split(self.vector.detach())
        self._gradients = self._split(self.vector.grad)
        # Views of the state, made once for each tensor in it.
        self._views: dict[str, tuple[Tensor, list[Tensor]]] = {}
        for parameter, value in zip(parameters, self._values, strict=True):
            parameter.data = value
        self.give_gradients()

    def is_intact(self, parameters: list[nn.Parameter]) -> bool:
        return (
            len(parameters) == len(self.parameters)
            and all(map(operator.is_, parameters, self.parameters))
            and all(
                parameter.data_ptr() == value.data_ptr() and parameter.shape == value.shape
                for parameter, value in zip(parameters, self._values, strict=True)
            )
        )

    def give_gradients(self) -> None:
        for parameter, gradient in zip(self.parameters, self._gradients, strict=True):
            parameter.grad = gradient
        self.vector.grad = self._gradient

    def take_state(self, state: Any) -> None:
        """Join the states of the parameters."""
        # They may have been loaded, cleared or changed since.
        states = [state.get(parameter) for parameter in self.parameters]
        if not self._is_ours(states):
            self.state = _join_states(states)

    def _is_ours(self, states: list[dict[str, Any] | None]) -> bool:
        """Tell whether these are the parts of the vector's state, untouched."""
        if self.state is None:
            return not any(states)
        for name, value in self.state.items():
            for i, state in enumerate(states):
                if state is None or name not in state or len(state) != len(self.state):
                    return False
                part = state[name]
                if name in self._views and self._views[name][0] is value:
                    if part is not self._views[name][1][i]:
                        return False
                elif not _is_equal(part, value):
                    return False
        return True

    def states(self) -> dict[Tensor, dict[str, Any]]:
        """Divide the state of the vector among the parameters."""
        states: dict[Tensor, dict[str, Any]] = {parameter: {} for parameter in self.parameters}
        for name, value in (self.state or {}).items():
            if not isinstance(value, Tensor):
                parts = [value] * len(self.parameters)
            elif value.shape != self.vector.shape:  # such as the number of steps
                parts = [value.clone() for _ in self.parameters]
            else:
                if name not in self._views or self._views[name][0] is not value:
                    self._views[name] = value, self._split(value)
                parts = self._views[name][1]
            for parameter, part in zip(self.parameters, parts, strict=True):
                states[parameter][name] = part
        return states

    def _split(self, vector: Tensor) -> list[Tensor]:
        sizes = [parameter.numel() for parameter in self.parameters]
        return [
            part.view_as(parameter)
            for part, parameter in zip(vector.split(sizes), self.parameters, strict=True)
        ]


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

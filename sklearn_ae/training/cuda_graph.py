"""Steps on an NVIDIA GPU as CUDA graphs: all kernels of a step are launched at once."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

# Of small networks, launching the 30 kernels of a step takes several times as long as they run.
# Recording takes as long as some steps.
MIN_STEPS = 30
_N_WARM_UP = 3


class _Recorded(NamedTuple):
    """A graph, the tensors that it reads, and the loss that it writes."""

    graph: Any
    x: Tensor
    weight: Tensor | None
    learning_rate: Tensor
    loss: Tensor


class GraphedStep:
    """Make the steps of a function by replaying them.

    Parameters
    ----------
    step : callable
        ``(x, weight, learning_rate) -> loss``, as that of members. It neither waits for the device
        nor reads anything but tensors that stay in their place.
    tensors : list of Tensor
        What the steps change, but for memory that they use again.
    """

    def __init__(self, step: Callable[..., Tensor], tensors: list[Tensor]) -> None:
        self._step, self._tensors = step, tensors
        self._recorded: dict[Any, _Recorded] = {}

    def __call__(self, x: Tensor, weight: Tensor | None, learning_rate: float) -> Tensor:
        """Make a step. The loss stays what it is until the next step."""
        # Batches differ by one row at most: there are two graphs, or one.
        key = (x.shape, weight is None)
        recorded = self._recorded.get(key)
        if recorded is None:
            recorded = self._recorded[key] = self._record(x, weight)
        recorded.x.copy_(x)
        if recorded.weight is not None and weight is not None:
            recorded.weight.copy_(weight)
        recorded.learning_rate.fill_(learning_rate)
        recorded.graph.replay()
        return recorded.loss

    def _record(self, x: Tensor, weight: Tensor | None) -> _Recorded:
        x = x.clone()
        weight = None if weight is None else weight.clone()
        learning_rate = torch.zeros((), dtype=torch.float32, device=x.device)
        before = [tensor.clone() for tensor in self._tensors]
        # The first steps allocate and choose kernels, which a recording does not allow.
        stream = torch.cuda.Stream(x.device)
        stream.wait_stream(torch.cuda.current_stream(x.device))
        with torch.cuda.stream(stream):
            for _ in range(_N_WARM_UP):
                self._step(x, weight, learning_rate)
        torch.cuda.current_stream(x.device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss = self._step(x, weight, learning_rate)
        torch._foreach_copy_(self._tensors, before)
        return _Recorded(graph, x, weight, learning_rate, loss)

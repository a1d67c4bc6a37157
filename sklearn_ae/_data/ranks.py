"""The ranks of a process group, among which the rows of a fit are spread."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, distributed

from sklearn_ae._data.shared_memory import SharedMemory

T = TypeVar("T")
# Bytes from which on ranks on one machine use its memory: the fixed costs are those of sockets.
_LARGE = 2**13
# More ranks are not summed so: each reads what all others have written.
_FEW = 8

_current: ContextVar["Ranks | None"] = ContextVar("ranks", default=None)


def current_ranks() -> "Ranks | None":
    """Give the ranks that fit together in this context; None: this process fits alone."""
    return _current.get()


@contextmanager
def use_ranks(
    group: Any, timeout: float, parts: list[tuple[int, int]] | None = None
) -> Iterator["Ranks"]:
    """Have the ranks of a process group fit together in this context.

    Parameters
    ----------
    group : ProcessGroup or None
        The process group; None: the default one.
    timeout : float
        Seconds to wait for a rank that sends nothing.
    parts : list of tuple or None, default=None
        Number and length of each part of the rows of this rank: the rows of all ranks are in the
        order of these numbers. None: in the order of the ranks.
    """
    ranks = Ranks(group, timeout, parts)
    token = _current.set(ranks)
    try:
        yield ranks
    finally:
        _current.reset(token)
        # After an error, too: this closes the connections, so that no other rank waits for this
        # one.
        ranks.close()


class Ranks:
    """What the ranks of a process group do together. Each method is called by all of them.

    Parameters
    ----------
    group : ProcessGroup or None
        The process group; None: the default one.
    timeout : float
        Seconds to wait for a rank that sends nothing.
    parts : list of tuple or None, default=None
        See `use_ranks`.

    Attributes
    ----------
    rank, size : int
        The number of this rank in the group, and the number of ranks.
    """

    def __init__(
        self, group: Any, timeout: float, parts: list[tuple[int, int]] | None = None
    ) -> None:
        self.parts, self._timeout = parts, timeout
        self._memory: SharedMemory | None = None
        if not distributed.is_available() or not distributed.is_initialized():
            raise RuntimeError(
                "There is no process group: start the processes with torchrun, Ray Train or "
                "TorchDistributor, and call torch.distributed.init_process_group first."
            )
        self.rank, self.size = distributed.get_rank(group), distributed.get_world_size(group)
        if self.rank < 0:
            raise ValueError("This process is no member of the process group.")
        self._of_devices = group
        # A group of its own: arrays stay on the CPU whatever the backend of the gradients is, and
        # it can be closed.
        members = distributed.get_process_group_ranks(group or distributed.group.WORLD)
        self._first = members[0]
        with _naming_the_cause():
            self._group = distributed.new_group(
                members,
                timeout=timedelta(seconds=timeout),
                backend="gloo",
                use_local_synchronization=len(members) < distributed.get_world_size(),
            )

    def close(self) -> None:
        """Close the connections to the other ranks."""
        if self._memory is not None:
            self._memory.close()
        group, self._group = self._group, None
        if group is not None and distributed.is_initialized():
            distributed.destroy_process_group(group)

    def sum_(self, tensor: Tensor) -> Tensor:
        """Sum a tensor over the ranks, in place."""
        with _naming_the_cause():
            if 1 < self.size <= _FEW and tensor.device.type == "cpu" and tensor.nbytes >= _LARGE:
                memory = self._memory_for(tensor)
                if memory.is_shared:
                    memory.sum_(tensor)
                    return tensor
            distributed.all_reduce(tensor, group=self._group_of(tensor))
        return tensor

    def _memory_for(self, tensor: Tensor) -> SharedMemory:
        memory = self._memory
        if memory is None or (memory.is_shared and memory.n_bytes < tensor.nbytes):
            if memory is not None:
                memory.close()
            memory = SharedMemory(self.gather, self.rank, self.size, tensor.nbytes, self._timeout)
            self._memory = memory
        return memory

    def sum(self, array: np.ndarray) -> np.ndarray:
        """Sum an array over the ranks."""
        return self.sum_(torch.from_numpy(np.array(array, order="C"))).numpy()

    def broadcast_(self, tensor: Tensor) -> Tensor:
        """Give all ranks the tensor of the first, in place."""
        with _naming_the_cause():
            distributed.broadcast(tensor, self._first, group=self._group_of(tensor))
        return tensor

    def share_(self, tensors: list[Tensor]) -> None:
        """Give all ranks these tensors of the first, in place."""
        for tensor in tensors:
            self.broadcast_(tensor)

    def broadcast(self, array: np.ndarray) -> np.ndarray:
        """Give all ranks the array of the first. All have its shape and type."""
        return self.broadcast_(torch.from_numpy(np.array(array, order="C"))).numpy()

    def gather(self, value: T) -> list[T]:
        """Give all ranks the value of each rank."""
        values: list[Any] = [None] * self.size
        with _naming_the_cause():
            distributed.all_gather_object(values, value, group=self._group)
        return values

    def gather_outcomes(self, function: Callable[[], T]) -> list[T]:
        """Call a function on each rank and gather what it gives, or raise the first error."""
        try:
            outcome: Any = function()
        except Exception as error:
            outcome = error
        outcomes = self.gather((isinstance(outcome, Exception), _described(outcome)))
        for rank, (failed, described) in enumerate(outcomes):
            if failed:
                if rank == self.rank:
                    raise outcome
                kind = ValueError if described[0] in ("ValueError", "TypeError") else RuntimeError
                raise kind(f"Rank {rank} raised {': '.join(described)}")
        return [described for _, described in outcomes]

    def of_first(self, function: Callable[[], T]) -> T:
        """Call a function on the first rank alone, and give its result, or its error, to all."""
        return self.gather_outcomes(lambda: function() if self.rank == 0 else None)[0]  # type: ignore[return-value]

    def part(self, n_rows: int) -> slice:
        """Give the part of so many rows, which all ranks have, that this rank looks at."""
        return slice(n_rows * self.rank // self.size, n_rows * (self.rank + 1) // self.size)

    def _group_of(self, tensor: Tensor) -> Any:
        return self._group if tensor.device.type == "cpu" else self._of_devices


def _described(outcome: Any) -> Any:
    # The exception itself may not be picklable.
    return (type(outcome).__name__, str(outcome)) if isinstance(outcome, Exception) else outcome


@contextmanager
def _naming_the_cause() -> Iterator[None]:
    """Say in errors of the network what they mean."""
    try:
        yield
    except RuntimeError as error:
        raise RuntimeError(
            "Another rank of the process group failed or was killed, or could not be reached: see "
            f"its own output for the cause. The network reports: {error}"
        ) from error

"""Sums over ranks on one machine, through memory that they share: sockets take thrice as long."""

import mmap
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

# Where files are memory. Elsewhere, and on processors that may reorder what they write, sockets do.
_FOLDER = Path("/dev/shm")
_IS_SUPPORTED = sys.platform == "linux" and platform.machine() == "x86_64" and _FOLDER.is_dir()
_LINE = 64  # bytes of a line of the cache: no two ranks write into one
# A rank that waits tries again at once, lets others run in between, then sleeps. Now and then it
# looks whether the others are there.
_SECONDS_AT_ONCE, _SECONDS_YIELDING, _SECONDS_ASLEEP = 2e-4, 5e-3, 5e-4
_SECONDS_BETWEEN_LOOKS = 1.0


class SharedMemory:
    """Memory of ranks on one machine, with slots for the tensor of each.

    All ranks make it and call its methods together.

    Parameters
    ----------
    gather : callable
        Gives all ranks the value of each.
    rank, size : int
        The number of this rank, and the number of ranks.
    n_bytes : int
        Size of the largest tensor.
    timeout : float
        Seconds to wait for a rank.

    Attributes
    ----------
    is_shared : bool
        Whether all ranks are on this machine, and there is enough memory. Otherwise, `sum_` does
        not work.
    """

    _file: BinaryIO
    _arrived: np.ndarray
    _slots: Tensor

    def __init__(
        self, gather: Callable[[Any], list[Any]], rank: int, size: int, n_bytes: int, timeout: float
    ) -> None:
        self.n_bytes, self._rank, self._size, self._timeout = n_bytes, rank, size, timeout
        self._n_meetings = 0
        path = gather(self._create() if rank == 0 else None)[0]
        opened = gather(path is not None and self._open(path))
        if rank == 0 and path is not None:
            Path(path).unlink()  # it stays as long as a rank has it open
        self.is_shared = all(opened)
        if not self.is_shared:
            self.close()
            return
        memory = mmap.mmap(self._file.fileno(), self._n_all)
        self._arrived = np.frombuffer(memory, np.int64, size * _LINE // 8)[:: _LINE // 8]
        slots = torch.frombuffer(memory, dtype=torch.uint8)[size * _LINE :]
        self._slots = slots.view(2, size, -1)

    @property
    def _n_all(self) -> int:
        of_slot = -(-self.n_bytes // _LINE) * _LINE
        return self._size * (_LINE + 2 * of_slot)

    def sum_(self, tensor: Tensor) -> None:
        """Sum a tensor over the ranks, in place. All get the same bits."""
        # Two sets of slots: others may read one while this rank writes into the next.
        slots = self._slots[self._n_meetings % 2, :, : tensor.nbytes].view(tensor.dtype)
        slots[self._rank] = total = tensor.view(-1)
        self._meet()
        torch.add(slots[0], slots[1], out=total)  # in the same order on all ranks
        for other in range(2, self._size):
            total += slots[other]

    def close(self) -> None:
        """Tell the other ranks that this one is gone."""
        if hasattr(self, "_file"):
            self._file.close()

    def _create(self) -> str | None:
        if not _IS_SUPPORTED:
            return None
        number, path = tempfile.mkstemp(dir=_FOLDER)
        try:
            os.posix_fallocate(number, 0, self._n_all)
        except OSError:  # containers often have little
            Path(path).unlink()
            return None
        finally:
            os.close(number)
        return path

    def _open(self, path: str) -> bool:
        # The name is random: on another machine, there is none of this name.
        import fcntl

        try:
            self._file = open(path, "r+b")  # noqa: SIM115
        except OSError:
            return False
        # The lock of a byte ends with the process.
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, self._rank)
        return True

    def _meet(self) -> None:
        """Wait for all ranks."""
        self._n_meetings += 1
        self._arrived[self._rank] = self._n_meetings
        if self._arrived.min() >= self._n_meetings:
            return
        start = time.monotonic()
        next_look = start + _SECONDS_BETWEEN_LOOKS
        while self._arrived.min() < self._n_meetings:
            now = time.monotonic()
            if now - start > _SECONDS_YIELDING:
                time.sleep(_SECONDS_ASLEEP)
            elif now - start > _SECONDS_AT_ONCE:
                os.sched_yield()
            if now > next_look:
                next_look = now + _SECONDS_BETWEEN_LOOKS
                self._check_others(now - start)

    def _check_others(self, waited: float) -> None:
        import fcntl

        for rank in np.flatnonzero(self._arrived < self._n_meetings).tolist():
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, rank)
            except OSError:  # it is there, and holds its lock
                continue
            # It may have come and gone in the meantime.
            if self._arrived[rank] < self._n_meetings:
                raise RuntimeError(f"rank {rank} is gone")
        if waited > self._timeout:
            raise RuntimeError(f"no answer for {waited:.0f} seconds")

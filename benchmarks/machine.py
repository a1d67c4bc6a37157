"""What a result was measured on, how much memory it took, and on how many threads."""

import importlib.metadata
import os
import platform
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

_PACKAGES = ("sklearn-ae", "scikit-learn", "torch", "skorch", "numpy", "scipy")


def describe() -> dict[str, str]:
    """Name the machine and the versions."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }


@contextmanager
def use_threads(threads: int) -> Iterator[None]:
    """Compute on so many threads, in PyTorch and in NumPy."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """Measure by how many MiB this process grows, at its peak: the one number of the list."""
    # Linux can forget the peak so far; elsewhere a growth below an earlier peak is not seen.
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5")
    before = peak_mib()
    growth: list[float] = []
    yield growth
    growth.append(peak_mib() - before)


def peak_mib() -> float:
    """Give the peak memory of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

"""What a result was measured on, and how much memory it took."""

import importlib.metadata
import os
import platform
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PACKAGES = ("sklearn-ae", "scikit-learn", "torch", "skorch", "numpy", "scipy")
# By the system's name of them.
_BFLOAT16_UNITS = {"amx_bf16": "AMX", "avx512_bf16": "AVX-512"}


def describe() -> dict[str, str]:
    """Name machine and versions.

    Returns
    -------
    description : dict of str to str
        Processor, number of cores, system and package versions.
    """
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": platform.system(),
        "python": platform.python_version(),
        **versions,
    }


def bfloat16_units() -> list[str]:
    """Name what the processor has for products in bfloat16.

    Returns
    -------
    units : list of str
        Of "AMX" and "AVX-512", as far as the system tells.
    """
    cpuinfo = Path("/proc/cpuinfo")
    words = set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()
    return [name for flag, name in _BFLOAT16_UNITS.items() if flag in words]


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """Measure by how much the memory of this process grows, at its peak.

    Yields
    ------
    growth : list of float
        Afterwards holds one number, in MiB.
    """
    # Linux can forget the peak so far; elsewhere a growth below an earlier peak is not seen.
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5")
    before = _peak_mib()
    growth: list[float] = []
    yield growth
    growth.append(_peak_mib() - before)


def _peak_mib() -> float:
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

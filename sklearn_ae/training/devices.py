"""Devices and floating-point types."""

from functools import cache
from time import perf_counter
from typing import Any

import numpy as np
import torch

_DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.float32,  # mixed precision: the weights stay in float32
    "auto": torch.float32,
}
# Rows are there a second time as the shuffled ones of an epoch.
_SHARE_OF_MEMORY = 0.3
# Arithmetic of a step from which on coarser products make up for the conversions.
_OPERATIONS_IN_BFLOAT16 = 1e9
_MIN_SPEED_UP = 2.0


def check_device(device: str | torch.device) -> torch.device:
    """Give the device of that name, having made sure that it can be used.

    Parameters
    ----------
    device : str or torch.device
        A device, or "auto": the GPU if PyTorch sees one, else the CPU.

    Returns
    -------
    device : torch.device

    Raises
    ------
    ValueError
        If there is no such device here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        checked = torch.device(device)
        torch.empty(0, device=checked)
    except (RuntimeError, AssertionError) as error:  # torch asserts that CUDA was compiled in
        raise ValueError(
            f"device={str(device)!r} can not be used here: {str(error).splitlines()[0]} "
            "Expected 'auto', 'cpu', 'cuda' or another device of this PyTorch installation."
        ) from error
    return checked


def fits_on_device(X: Any, device: torch.device) -> bool:
    """Tell whether a matrix can be kept in the memory of a GPU, for as long as training lasts.

    Parameters
    ----------
    X : ndarray or CSR matrix or array
        The matrix.
    device : torch.device
        The device.

    Returns
    -------
    fits : bool
        False for the CPU, where it is already, and for sparse matrices.
    """
    if device.type != "cuda" or not isinstance(X, np.ndarray):
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return X.nbytes < _SHARE_OF_MEMORY * free


def compute_dtype(precision: str | None, dtype: np.dtype) -> torch.dtype:
    """Give the type of the weights.

    Parameters
    ----------
    precision : {"float32", "float64", "bfloat16", "auto"} or None
        What the user asked for; None for the type of the data.
    dtype : numpy.dtype
        Type of the data, float32 or float64.

    Returns
    -------
    dtype : torch.dtype
    """
    return _DTYPES[dtype.name if precision is None else precision]


def pays_in_bfloat16(n_operations: float, device: torch.device) -> bool:
    """Tell whether steps are faster with matrix products in bfloat16.

    Parameters
    ----------
    n_operations : float
        Arithmetic of a step.
    device : torch.device
        Where it is done.

    Returns
    -------
    pays : bool
        Whether the steps are large, and the device has instructions for such products.
    """
    return n_operations >= _OPERATIONS_IN_BFLOAT16 and _speed_up(device) >= _MIN_SPEED_UP


@cache
def _speed_up(device: torch.device) -> float:
    """Measure how much faster a product is in bfloat16.

    Once in a process, and so that chance does not decide: with instructions for it, it is more than
    twice as fast, without it is slower.
    """
    seconds = []
    for dtype in (torch.float32, torch.bfloat16):
        a = torch.ones(1024, 1024, dtype=dtype, device=device)
        times = []
        for _ in range(4):
            start = perf_counter()
            float((a @ a)[0, 0])  # waits for the device
            times.append(perf_counter() - start)
        seconds.append(min(times))
    return seconds[0] / seconds[1]

"""Devices and floating-point types."""

from typing import Any

import numpy as np
import torch

_DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.float32,  # mixed precision: the weights stay in float32
}
# Rows are there a second time as the shuffled ones of an epoch.
_SHARE_OF_MEMORY = 0.3


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
        reason = str(error).splitlines()[0].strip(". ")
        raise ValueError(
            f"device={str(device)!r} can not be used here: {reason}. "
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
    precision : {"float32", "float64", "bfloat16"} or None
        What the user asked for; None for the type of the data.
    dtype : numpy.dtype
        Type of the data, float32 or float64.
    """
    return _DTYPES[dtype.name if precision is None else precision]

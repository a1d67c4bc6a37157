"""How many threads a step is worth."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch
from torch import nn

from sklearn_ae.nn import Linear, LinearPath, Prototypes, TiedLinear

# With less arithmetic, another thread saves at most a tenth of the time, and almost doubles the
# processor time.
_OPERATIONS_PER_THREAD = 2e8
# The weights of members are in lists.
_MATRIX_PRODUCTS = (Linear, TiedLinear, LinearPath, Prototypes, nn.Linear, nn.ParameterList)


@contextmanager
def threads_by_size(n_operations: float) -> Iterator[None]:
    """Compute on one thread where steps are small, and put the number back afterwards.

    Parameters
    ----------
    n_operations : float
        Arithmetic of a step; NaN if it is not known.
    """
    with _LOCK:
        # Another thread that fits may have changed the number, which new threads take over.
        if _fits.n_running == 0:
            _fits.n_threads_outside = torch.get_num_threads()
        _fits.n_running += 1
        before = _fits.n_threads_outside
    worth = n_operations / _OPERATIONS_PER_THREAD
    threads = before if math.isnan(worth) else max(1, min(before, int(worth)))
    try:
        torch.set_num_threads(threads)
        yield
    finally:
        torch.set_num_threads(before)
        with _LOCK:
            _fits.n_running -= 1


class _Fits:
    n_running = 0
    n_threads_outside = 1


_LOCK, _fits = Lock(), _Fits()


def count_operations(module: nn.Module, batch_size: int) -> float:
    """Count the floating-point operations of a step.

    Parameters
    ----------
    module : nn.Module
        The network.
    batch_size : int
        Rows in a batch.

    Returns
    -------
    n_operations : float
        NaN where the weights do not tell, as with convolutions.
    """
    if not all(_is_matrix_product(part) for part in module.modules()):
        return math.nan
    n_weights = sum(parameter.numel() for parameter in module.parameters())
    return 6.0 * n_weights * batch_size  # a product forward, two backward


def _is_matrix_product(module: nn.Module) -> bool:
    own = list(module.parameters(recurse=False))
    return not own or isinstance(module, _MATRIX_PRODUCTS)

"""How many threads a step is worth."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from sklearn_ae.nn import Linear, LinearPath, TiedLinear

# Below this much arithmetic, another thread costs more than it takes over.
_OPERATIONS_PER_THREAD = 8e6
_MATRIX_PRODUCTS = (Linear, TiedLinear, LinearPath, nn.Linear)


@contextmanager
def threads_by_size(module: nn.Module, batch_size: int) -> Iterator[None]:
    """Compute on one thread where steps are small, and put the number back afterwards.

    Parameters
    ----------
    module : nn.Module
        The network.
    batch_size : int
        Rows in a batch.
    """
    before = torch.get_num_threads()
    threads = before
    if all(_is_matrix_product(part) for part in module.modules()):
        n_weights = sum(parameter.numel() for parameter in module.parameters())
        operations = 6 * n_weights * batch_size  # a product forward, two backward
        threads = max(1, min(before, int(operations / _OPERATIONS_PER_THREAD)))
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _is_matrix_product(module: nn.Module) -> bool:
    """Tell whether the weights tell the arithmetic, as those of convolutions do not."""
    own = list(module.parameters(recurse=False))
    return not own or isinstance(module, _MATRIX_PRODUCTS)

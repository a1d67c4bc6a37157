"""Fit one model with many processes, on one or many machines: each has a part of the rows.

See the guide on many machines in the documentation.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sklearn_ae._data.ranks import use_ranks

__all__ = ["all_ranks"]


@contextmanager
def all_ranks(group: Any = None, *, timeout: float = 1800.0) -> Iterator[None]:
    """Fit with the rows of all ranks of a process group.

    Each rank of an initialised ``torch.distributed`` process group (torchrun, Ray Train, Spark's
    TorchDistributor and Slurm set one up) calls ``fit`` with its own rows, as many as it has; none
    is an array of shape (0, n_features). All ranks end with the same model, up to rounding the one
    that a single process fits to the rows of rank 0, rank 1 and so on.

    Parameters
    ----------
    group : ProcessGroup, default=None
        The process group. None: the default one.
    timeout : float, default=1800.0
        Seconds to wait for a rank that sends nothing. The other ranks notice at once when a process
        ends or is killed; the timeout is for machines that lose their power or their network.

    Raises
    ------
    RuntimeError
        If there is no process group. Within the context, ``fit`` raises it if another rank fails.
    ValueError
        If this process is no member of the group.

    Notes
    -----
    Everything but ``fit`` and ``partial_fit`` works as without the context, on each rank alone.

    In each step, the gradients of all weights are summed over the ranks once: by the backend of the
    group if they are on a GPU; otherwise by gloo, or through shared memory if there are at most
    eight ranks and all are on one machine. Fewer than 5,000 rows are copied to all ranks, and each
    fits all of them. Each rank needs 16 bytes for each row of all ranks to shuffle them, and up to
    100 for a moment to split off validation rows.

    Examples
    --------
    Started by ``torchrun --nproc-per-node 4 train.py``:

    >>> import torch.distributed
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.distributed import all_ranks
    >>> torch.distributed.init_process_group("gloo")  # doctest: +SKIP
    >>> X = load_part(torch.distributed.get_rank())  # doctest: +SKIP
    >>> with all_ranks():  # doctest: +SKIP
    ...     model = AutoencoderTransformer(n_components=8, random_state=0).fit(X)
    """
    with use_ranks(group, timeout):
        yield

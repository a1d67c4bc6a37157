"""What a worker of a Dask cluster does in a fit: it is a rank with the partitions it keeps."""

import copy
import os
import socket
import threading
import warnings
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils._optional_dependencies import check_pandas_support
from torch import distributed

from sklearn_ae._data.ranks import Ranks, use_ranks
from sklearn_ae.training import Checkpoint

# A process has one default group: one fit at a time.
_ONE_AT_A_TIME = threading.Lock()
# The last epoch of each fit that goes on.
_last_epochs: dict[str, dict[str, Any]] = {}
# Seconds to wait for a rank that sends nothing, or does not begin.
_TIMEOUT = 600.0


class Place(NamedTuple):
    """The place of a worker in a fit.

    Attributes
    ----------
    rank, size : int
        Its number, and the number of workers.
    host, port : str, int
        Where the first rank is reached.
    fit : str
        Name of the fit.
    """

    rank: int
    size: int
    host: str
    port: int
    fit: str


class LastEpoch(Checkpoint):
    """The last epoch of a fit, in the memory of each rank: any that is left has it.

    Parameters
    ----------
    fit : str
        Name of the fit.
    ranks : Ranks
        The ranks. They go on from the last epoch that one of them has.
    """

    def __init__(self, fit: str, ranks: Ranks) -> None:
        self._fit = fit
        self._fingerprint, self._parts = {}, {}
        kept = _last_epochs.get(fit)
        epochs = ranks.gather(-1 if kept is None else kept["n_epochs"])
        latest = int(np.argmax(epochs))
        self._saved = ranks.gather(kept if ranks.rank == latest else None)[latest]

    def save(self, n_epochs: int) -> None:
        """Keep the state after so many epochs."""
        parts = {name: copy.deepcopy(part.state()) for name, part in self._parts.items()}
        content = {"fingerprint": self._fingerprint, "n_epochs": n_epochs, "parts": parts}
        _last_epochs[self._fit] = content

    def remove(self) -> None:
        """Forget the state."""
        forget(self._fit)

    def _expect(self, fingerprint: dict[str, str]) -> None:
        # The client starts the same fit again, whose initial weights may differ by rounding.
        self._fingerprint |= fingerprint


def fit_as_rank(
    model: Any, parts: list[Any], weights: list[Any] | None, numbers: list[int], place: Place
) -> tuple[Any, list[tuple[str, type[Warning]]]]:
    """Fit together with the other workers; the first gives the model and what was warned of."""
    X, weight = _join(parts), None if weights is None else np.concatenate(weights)
    lengths = [part.shape[0] for part in parts]
    if weight is not None:
        # They would change the numbers of the rows.
        kept = weight > 0
        lengths = [int((each > 0).sum()) for each in map(np.asarray, weights or [])]
        X, weight = X[kept], weight[kept]
    wait = timedelta(seconds=_TIMEOUT)
    with _ONE_AT_A_TIME, warnings.catch_warnings(record=True) as caught:
        store = distributed.TCPStore(  # type: ignore[attr-defined]
            place.host,
            place.port,
            place.size,
            place.rank == 0,
            timeout=wait,
            wait_for_workers=False,
        )
        distributed.init_process_group(
            "gloo", store=store, rank=place.rank, world_size=place.size, timeout=wait
        )
        try:
            of_rows = list(zip(numbers, lengths, strict=True))
            with use_ranks(None, _TIMEOUT, of_rows) as ranks:
                checkpoint = LastEpoch(place.fit, ranks)
                model.fit(X, sample_weight=weight, checkpoint=checkpoint)
        finally:
            distributed.destroy_process_group()
    if place.rank > 0:
        return None, []
    return model, [(str(each.message), each.category) for each in caught]


def process() -> tuple[str, int]:
    """Tell the processes of all machines apart."""
    return socket.gethostname(), os.getpid()


def n_epochs_done(fit: str) -> int:
    """Give the number of epochs after which a fit can go on here."""
    return _last_epochs[fit]["n_epochs"] if fit in _last_epochs else 0


def forget(fit: str) -> None:
    """Forget the last epoch of a fit."""
    _last_epochs.pop(fit, None)


def free_port() -> int:
    """Give a port that nothing listens to."""
    with socket.socket() as found:
        found.bind(("", 0))
        return found.getsockname()[1]


def _join(parts: list[Any]) -> Any:
    if hasattr(parts[0], "iloc"):
        return check_pandas_support("fit").concat(parts)
    if sparse.issparse(parts[0]):
        return sparse.vstack(parts, format="csr")
    return np.concatenate(parts)

"""What an estimator keeps of its training, for `sample` and `diagnose`, which are given no rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_ae._fitting.training_length import TrainingLength
from sklearn_ae.training import AutoencoderNet, Monitor, Rows

# More rows would say little more of a density or of principal components, and weigh on pickles.
_N_ROWS = 1000
_MAX_ENTRIES = 2**20
_N_HELD_OUT = 256


@dataclass
class Record:
    """A record of a training.

    Attributes
    ----------
    rows : ndarray or CSR matrix or array of shape (n_rows, n_features)
        Some of the rows that were trained on, each as often as its weight asks for.
    n_seen : float
        How many there were, by weight.
    held_out : ndarray or CSR matrix or array of shape (n_rows, n_features), or None
        Some of the rows that were held out.
    curve : list of float
        Loss of each epoch.
    held_out_curve : list of float
        That of the held-out rows; empty if there are none.
    gradients : dict of str to list of float
        Root mean square of the gradient of each layer's weights, at the end of each epoch.
    ended_early : bool
        Whether training stopped before `max_iter`.
    diverged : bool
        Whether its loss stopped being finite.
    """

    rows: Any
    n_seen: float
    held_out: Any
    curve: list[float]
    held_out_curve: list[float]
    gradients: dict[str, list[float]]
    ended_early: bool
    diverged: bool

    @property
    def watched_curve(self) -> list[float]:
        """Give the loss by which the training was judged.

        Returns
        -------
        curve : list of float
            Of the held-out rows, if there are some.
        """
        return self.held_out_curve or self.curve


def make_record(
    net: AutoencoderNet, monitor: Monitor, length: TrainingLength | None, previous: Record | None
) -> Record:
    """Make the record of the training so far.

    Parameters
    ----------
    net : AutoencoderNet
        The net.
    monitor : Monitor
        What watched it.
    length : TrainingLength or None
        What cross-validation said before.
    previous : Record or None
        The record of the training that this one goes on from, on other rows.

    Returns
    -------
    record : Record
    """
    trained, held_out = monitor.split_
    rows, n_seen = _some(trained, _N_ROWS), trained.total_weight
    if previous is not None:
        rows, n_seen = _merge(previous, rows, n_seen, _limit(trained)), previous.n_seen + n_seen
    epochs = net.history[monitor.n_epochs_before_ :]
    return Record(
        rows=rows,
        n_seen=n_seen,
        held_out=None if held_out is None else _some(held_out, _N_HELD_OUT),
        curve=length.curve if length else _losses(epochs, "train_loss"),
        held_out_curve=length.held_out_curve if length else _losses(epochs, "valid_loss"),
        gradients=net.gradient_norms_.collect(),
        ended_early=length.ended_early if length else len(epochs) < net.max_epochs,
        diverged=monitor.diverged_ or (length is not None and length.diverged),
    )


def _losses(epochs: Any, name: str) -> list[float]:
    return [epoch[name] for epoch in epochs if name in epoch]


def _merge(previous: Record, rows: Any, n_seen: float, limit: int) -> Any:
    """Keep so many rows of both, in proportion to how many there were."""
    total = previous.n_seen + n_seen
    n_kept = min(limit, previous.rows.shape[0] + rows.shape[0])
    # At random, or the same places would always be dropped; by a seed, to be repeatable.
    seed = np.random.SeedSequence([int(previous.n_seen), int(total)])
    random = np.random.default_rng(seed)
    n_new = int(n_kept * n_seen / total + random.random())
    parts = [
        part[np.sort(np.resize(random.permutation(part.shape[0]), n))]
        for part, n in ((previous.rows, n_kept - n_new), (rows, n_new))
        if n > 0
    ]
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    return sparse.vstack([sparse.csr_array(part) for part in parts], format="csr")


def _limit(rows: Rows) -> int:
    return min(_N_ROWS, max(50, _MAX_ENTRIES // rows.X.shape[1]))


def _some(rows: Rows, n_rows: int) -> Any:
    """Copy at most so many rows, evenly spread, in proportion to their weights."""
    size = len(rows)
    n_rows = min(n_rows, size, _limit(rows))
    # In the middle of each share, so that no row is missed for rounding.
    places = (np.arange(n_rows) + 0.5) / n_rows
    if rows.sample_weight is None:
        index = (places * size).astype(int)
    else:
        total = np.cumsum(rows.weight(), dtype=np.float64)
        index = np.searchsorted(total, places * total[-1]).clip(max=size - 1)
    return rows.X[index if rows.index is None else rows.index[index]]

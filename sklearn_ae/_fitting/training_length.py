"""How long to train on few rows: by cross-validation."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_ae.training import AutoencoderNet, Monitor, Rows

_N_FOLDS = 5
# With fewer different rows there is nothing to learn from leaving some out.
_MIN_FOLDS = 3
# Standard errors of the gain on rows that were not seen below which it is taken for chance. Without
# it, every tenth of many small sets was above PCA's error, by up to 14 %, with it every twentieth,
# by up to 1 %; what is lost by it is less than 1 % of the error.
_MIN_STANDARD_ERRORS = 1.5


@dataclass(frozen=True)
class TrainingLength:
    """What cross-validation says about the number of epochs.

    Attributes
    ----------
    n_epochs : int
        The number after which the held-out loss is lowest; 0 where no training helps.
    initial_losses, best_losses : ndarray of shape (n_folds,)
        Held-out losses before the first epoch, and after so many.
    initial_loss, best_loss : float
        Their means.
    curve, held_out_curve : list of float
        Loss of training and held-out rows after each epoch, mean over the folds.
    ended_early : bool
        Whether no fold took all epochs.
    diverged : bool
        Whether the loss of a fold stopped being finite.
    fits_decoder : bool, default=False
        Whether it pays to fit the decoder alone afterwards.
    """

    n_epochs: int
    initial_losses: np.ndarray
    best_losses: np.ndarray
    initial_loss: float
    best_loss: float
    curve: list[float]
    held_out_curve: list[float]
    ended_early: bool
    diverged: bool
    fits_decoder: bool = False

    def is_beaten_by(self, other: "TrainingLength") -> bool:
        """Tell whether another start leads further, with the same folds.

        Parameters
        ----------
        other : TrainingLength
            What cross-validation says about that.

        Returns
        -------
        is_beaten : bool
            Whether its loss is lower, and lower than the initial one of this by more than
            chance might do.
        """
        certain = _is_certain(self.initial_losses, other.best_losses)
        return other.best_loss < self.best_loss and certain


def cross_validate(
    rows: Rows,
    seed: int,
    train: Callable[[list[tuple[Rows, Rows]]], Iterable[tuple[AutoencoderNet, Monitor, Any]]],
) -> TrainingLength | None:
    """Find out for how many epochs training lowers the loss of rows that it has not seen.

    Parameters
    ----------
    rows : Rows
        The rows.
    seed : int
        Decides how they are divided.
    train : callable
        Trains a new net for each pair of parts of them, on the first, with an eye on the second.

    Returns
    -------
    length : TrainingLength or None
        None where there are too few rows, or losses that are not finite from the start.
    """
    folds = rows.folds(_N_FOLDS, seed)
    if len(folds) < _MIN_FOLDS:
        return None
    weights, curves, held_out_curves = [], [], []
    ended_early, diverged = True, False
    for (_, part), (net, monitor, *_) in zip(folds, train(folds), strict=True):
        if not np.isfinite(monitor.initial_loss_):
            return None
        weights.append(part.total_weight)
        curves.append([epoch["train_loss"] for epoch in net.history])
        losses = [monitor.initial_loss_, *(epoch["valid_loss"] for epoch in net.history)]
        held_out_curves.append(losses)
        if monitor.diverged_:
            losses[-1] = np.inf
        diverged |= monitor.diverged_
        ended_early &= len(net.history) < net.max_epochs
    held_out = _to_same_length(held_out_curves)
    curve, held_out_curve = (
        np.average(each, axis=0, weights=weights) for each in (_to_same_length(curves), held_out)
    )
    best = int(held_out_curve.argmin())
    if not _is_certain(held_out[:, 0], held_out[:, best]):
        best = 0
    return TrainingLength(
        n_epochs=best,
        initial_losses=held_out[:, 0],
        best_losses=held_out[:, best],
        initial_loss=float(held_out_curve[0]),
        best_loss=float(held_out_curve[best]),
        curve=curve.tolist(),
        held_out_curve=held_out_curve[1:].tolist(),
        ended_early=ended_early,
        diverged=diverged,
    )


def _to_same_length(curves: list[list[float]]) -> np.ndarray:
    # Of those that ended before others, the last value: had they gone on, they would not be better.
    length = max(map(len, curves))
    return np.array([c + c[-1:] * (length - len(c)) for c in curves])


def _is_certain(before: np.ndarray, after: np.ndarray) -> bool:
    """Tell whether the loss of the folds has fallen by more than chance might do."""
    gain = 1 - after / np.where(before > 0, before, 1)
    return bool(gain.mean() > _MIN_STANDARD_ERRORS * gain.std(ddof=1) / np.sqrt(len(gain)))

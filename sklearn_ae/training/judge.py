"""Judge the epochs: keep the best weights and stop in time."""

import math
from typing import Any

import torch
from torch import Tensor

# What a checkpoint keeps.
_STATE = (
    "initial_loss",
    "best_loss",
    "joined",
    "_lowest",
    "_initial",
    "_best",
    "_to_beat",
    "_last_improvement",
)


class Judge:
    """Keeps the best weights of a training and tells when it should stop.

    The weights before the first epoch take part: a training never ends with a network whose judged
    loss is higher than it was at the beginning.

    Parameters
    ----------
    tol : float
        Share of the best loss by which an epoch has to improve on it.
    patience : int or None
        Number of epochs in a row without such an improvement after which training stops; None:
        never.
    n_settling : int, default=0
        Number of epochs at the start, before the learning rate falls, that patience ignores.
    keep_last : bool, default=False
        Keep the last finite weights instead of the best, for training on a stream.
    min_gain : float, default=0.0
        Share of the initial loss by which the loss has to fall for any training to be kept.

    Attributes
    ----------
    initial_loss, best_loss : float
        Loss before the first epoch, and of the weights that are kept.
    diverged : bool
        Whether a loss or a weight was not finite.
    joined : bool
        Whether validation rows have become training rows. From then on, the training loss decides
        which weights are kept, and `best_loss` stays what it was.
    """

    def __init__(
        self,
        tol: float,
        patience: int | None,
        *,
        n_settling: int = 0,
        keep_last: bool = False,
        min_gain: float = 0.0,
    ) -> None:
        self.tol = tol
        self.patience = patience
        self.n_settling = n_settling
        self.keep_last = keep_last
        self.min_gain = min_gain
        self.initial_loss = self.best_loss = math.nan
        self.diverged = self.joined = False
        self._lowest = math.inf
        self._initial: list[Tensor] = []
        self._best: list[Tensor] = []
        self._to_beat = math.inf
        self._last_improvement = 0

    def begin(self, loss: float, weights: list[Tensor]) -> bool:
        """Take the loss and the weights before the first epoch."""
        self.initial_loss = self.best_loss = self._lowest = loss
        self._initial = [tensor.clone() for tensor in weights]
        self._best = [tensor.clone() for tensor in weights]
        self._to_beat = loss - self.tol * abs(loss)
        self.diverged = not math.isfinite(loss)
        return not self.diverged

    def see(self, epoch: int, train_loss: float, loss: float, weights: list[Tensor]) -> bool:
        """Judge an epoch.

        Parameters
        ----------
        epoch : int
            Its number, from 1.
        train_loss, loss : float
            The training loss, and the loss that counts: that of validation rows if there are
            some.
        weights : list of Tensor
            The weights after it.

        Returns
        -------
        stop : bool
            Whether training should stop.
        """
        finite = math.isfinite(train_loss) and math.isfinite(loss) and _are_finite(weights)
        self.diverged = not finite
        if self.diverged:
            return True
        # A gain within rounding is none: at an optimum, steps consist of rounding errors.
        eps = torch.finfo(weights[0].dtype).eps if weights[0].is_floating_point() else 0.0
        if self.keep_last or loss < self._lowest - 10 * eps * abs(self._lowest):
            self._lowest = loss
            self.best_loss = self.best_loss if self.joined else loss
            torch._foreach_copy_(self._best, weights)
        if epoch <= self.n_settling or loss < self._to_beat:
            self._to_beat = loss - self.tol * abs(loss)
            self._last_improvement = epoch
        return self.patience is not None and epoch - self._last_improvement >= self.patience

    def join(self, train_loss: float, weights: list[Tensor]) -> None:
        """Note that the validation rows are training rows after this epoch, which is kept."""
        self.joined, self._lowest = True, train_loss
        torch._foreach_copy_(self._best, weights)

    def reject(self) -> None:
        """Go back to the weights before the first epoch."""
        self.best_loss = self.initial_loss
        torch._foreach_copy_(self._best, self._initial)

    def kept_weights(self) -> list[Tensor]:
        """Give the weights that are kept if training ends now; empty before it begins."""
        too_little = self.best_loss > self.initial_loss * (1 - self.min_gain)
        return self._initial if self.min_gain > 0 and too_little else self._best

    def finish(self) -> list[Tensor]:
        """End the training: settle the best loss and give the weights that are kept."""
        kept = self.kept_weights()
        if kept is self._initial:
            self.best_loss = self.initial_loss
        return kept

    def state(self) -> dict[str, Any]:
        """Give all that epochs change, but for a divergence, which ends the training."""
        return {name: getattr(self, name) for name in _STATE}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to such a state."""
        vars(self).update(state)


def _are_finite(weights: list[Tensor]) -> bool:
    # Not counters, and nothing without entries, which have no norm.
    with_norm = [tensor for tensor in weights if tensor.is_floating_point() and tensor.numel() > 0]
    return bool(torch.stack(torch._foreach_norm(with_norm, math.inf)).isfinite().all())

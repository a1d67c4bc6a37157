"""Judge every epoch: keep the best weights, tell the owner, stop in time."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from skorch.callbacks import Callback
from torch import Tensor

from sklearn_ae.training.schedules import RISING

if TYPE_CHECKING:
    from sklearn_ae.training.net import AutoencoderNet


# All of a large matrix would take a third of an epoch, for a number that is compared with an
# average over moving weights.
_ENOUGH_ROWS = 2**14


class Judging(NamedTuple):
    """How rows that are held out are judged.

    Attributes
    ----------
    n_steps : int, default=0
        Number of steps from the encoder's codes towards the nearest ones, at the most.
    every : int, default=1
        Epochs from one judgement to the next: those between have the loss of the one before.
    """

    n_steps: int = 0
    every: int = 1

    def is_due(self, epoch: int, max_epochs: int) -> bool:
        """Tell whether rows are judged after an epoch.

        Parameters
        ----------
        epoch : int
            The epoch, counted from 1.
        max_epochs : int
            Number of epochs, at the most.

        Returns
        -------
        is_due : bool
            Always after the first and the last.
        """
        return epoch in (1, max_epochs) or epoch % self.every == 0


class StopTraining(KeyboardInterrupt):
    """End the training: skorch takes a KeyboardInterrupt for that, as its own callbacks do."""


class Monitor(Callback):
    """Watch the loss of every epoch: keep the best weights, stop where it does not improve.

    The loss that is watched is the validation loss, or the training loss where no
    validation rows are held out. The weights before the first epoch take part, so that
    training never ends with a worse model than it began with.

    Parameters
    ----------
    tol : float
        Share of the best loss by which an epoch has to improve on it.
    patience : int or None
        Epochs in a row without such an improvement after which training stops; None to go
        on. Neither these nor the best loss count from before the learning rate falls.
    warm_up : int, default=0
        Number of epochs, those before this training included, that do not count either.
    keep_last : bool, default=False
        Keep the last finite weights instead of the best, for training on a stream.
    min_gain : float, default=0.0
        Share by which the loss has to fall from that before the first epoch for any training
        to be kept.
    begin : callable or None, default=None
        Called before each epoch.
    end : callable or None, default=None
        Called after each epoch, once it has been judged; training stops where it
        returns True.

    Attributes
    ----------
    initial_loss_ : float
        The watched loss before the first epoch; of the training rows, at most 16,384 are
        looked at.
    best_loss_ : float
        The watched loss of the weights that are kept.
    diverged_ : bool
        Whether training was stopped by a loss that is not finite.
    split_ : tuple of Rows
        The rows that are trained on, and those that are held out, if any.
    n_epochs_before_ : int
        Epochs of the net before this training.
    weights_ : list of Tensor
        The state of the module that is kept; empty before and after training.
    """

    def __init__(
        self,
        tol: float,
        patience: int | None,
        *,
        warm_up: int = 0,
        keep_last: bool = False,
        min_gain: float = 0.0,
        begin: Callable[[], None] | None = None,
        end: Callable[[], bool] | None = None,
    ) -> None:
        self.tol = tol
        self.patience = patience
        self.warm_up = warm_up
        self.keep_last = keep_last
        self.min_gain = min_gain
        self.begin = begin
        self.end = end

    def on_train_begin(self, net: "AutoencoderNet", X: Any = None, **kwargs: Any) -> None:
        self.split_ = X, None
        self.initial_loss_ = self.best_loss_ = math.nan
        self.diverged_ = False
        self.n_epochs_before_ = len(net.history)
        self.weights_: list[Tensor] = []
        self._initial_weights: list[Tensor] = []
        self._to_beat = math.inf
        self._n_without_improvement = 0

    def on_epoch_begin(
        self, net: "AutoencoderNet", dataset_train: Any, dataset_valid: Any, **kwargs: Any
    ) -> None:
        self.split_ = dataset_train, dataset_valid
        if not self.weights_:
            if dataset_valid is None:
                # As epochs are judged: the loss of some latents depends on the size of batches.
                some = dataset_train.thin_out(_ENOUGH_ROWS)
                loss = net.mean_loss(some, as_in_training=True)
            else:
                loss = net.mean_loss(dataset_valid)
            self.initial_loss_ = self.best_loss_ = loss
            self._to_beat = self._less_tol(self.initial_loss_)
            if not math.isfinite(self.initial_loss_):
                self.diverged_ = True
                raise StopTraining
            self._keep(net.weights())
            if self.min_gain > 0:
                self._initial_weights = [tensor.clone() for tensor in self.weights_]
        if self.begin is not None:
            self.begin()

    def on_epoch_end(
        self, net: "AutoencoderNet", dataset_train: Any, dataset_valid: Any, **kwargs: Any
    ) -> None:
        epoch = net.history[-1]
        loss = epoch["train_loss" if dataset_valid is None else "valid_loss"]
        # The training loss was measured while the weights moved: they may be beyond repair since.
        weights = net.weights()
        self.diverged_ = not (
            math.isfinite(epoch["train_loss"]) and math.isfinite(loss) and _are_finite(weights)
        )
        # A gain within rounding is none: at an optimum, steps are made of rounding errors.
        rounding = 10 * torch.finfo(net.dtype).eps * abs(self.best_loss_)
        if not self.diverged_ and (loss < self.best_loss_ - rounding or self.keep_last):
            self.best_loss_ = loss
            self._keep(weights)
        # While what is minimised changes, or steps become longer, a lower loss than before, as at
        # principal components, may well come to be improved on again.
        rising = RISING.get(net.schedule, 0.0) * net.n_scheduled
        n_epochs = len(net.history)
        begins = n_epochs <= self.warm_up or n_epochs - self.n_epochs_before_ <= rising
        self._n_without_improvement += 1
        if begins or loss < self._to_beat:
            self._to_beat = self._less_tol(loss)
            self._n_without_improvement = 0
        stop = self.end is not None and self.end()
        exhausted = self.patience is not None and self._n_without_improvement >= self.patience
        if stop or exhausted or self.diverged_:
            raise StopTraining

    def on_train_end(self, net: "AutoencoderNet", **kwargs: Any) -> None:
        if self.weights_:
            net.set_weights(self.kept_weights())
            if self._gains_too_little():
                self.best_loss_ = self.initial_loss_
        self.weights_, self._initial_weights = [], []

    def kept_weights(self) -> list[Tensor]:
        """Give the weights that would be kept if the training ended now.

        Returns
        -------
        weights : list of Tensor
            The state of the module.
        """
        return self._initial_weights if self._gains_too_little() else self.weights_

    def _gains_too_little(self) -> bool:
        least = self.initial_loss_ * (1 - self.min_gain)
        return bool(self._initial_weights) and self.best_loss_ > least

    def _less_tol(self, loss: float) -> float:
        return loss - self.tol * abs(loss)

    def _keep(self, weights: list[Tensor]) -> None:
        if self.weights_:
            torch._foreach_copy_(self.weights_, weights)
        else:
            self.weights_ = [tensor.clone() for tensor in weights]


def _are_finite(weights: list[Tensor]) -> bool:
    # Not counters, and nothing without entries, which have no norm.
    with_norm = [tensor for tensor in weights if tensor.is_floating_point() and tensor.numel() > 0]
    return bool(torch.stack(torch._foreach_norm(with_norm, math.inf)).isfinite().all())

"""Callbacks of skorch's loop: the one that has a judge see its epochs, and those of the user."""

from collections.abc import Callable
from typing import Any

from skorch import NeuralNet
from skorch.callbacks import Callback, LRScheduler

from sklearn_ae._data.progress import Progress
from sklearn_ae.training.judge import Judge


class StopTraining(Exception):  # noqa: N818 - a signal, not an error
    """Ends a training."""


class Judging(Callback):
    """Has a judge see every epoch of skorch's loop, and calls hooks before and after it."""

    def __init__(
        self,
        judge: Judge,
        progress: Progress,
        hooks: tuple[Callable[[], None], Callable[[], bool]] | None,
    ) -> None:
        self.judge = judge
        self.progress = progress
        self.hooks = hooks

    def on_epoch_begin(
        self, net: NeuralNet, dataset_train: Any, dataset_valid: Any, **kwargs: Any
    ) -> None:
        if net.n_epochs == 1:
            loss = _current_loss(net, dataset_train, dataset_valid)
            if not self.judge.begin(loss, net.weights()):
                raise StopTraining
        self.progress.begin_epoch(net.n_epochs)
        if self.hooks is not None:
            self.hooks[0]()

    def on_epoch_end(
        self, net: NeuralNet, dataset_train: Any, dataset_valid: Any, **kwargs: Any
    ) -> None:
        losses = net.history[-1]
        loss = losses["train_loss" if dataset_valid is None else "valid_loss"]
        self.progress.end_epoch(losses["train_loss"], losses.get("valid_loss"))
        stop = self.judge.see(net.n_epochs, losses["train_loss"], loss, net.weights())
        if self.hooks is not None:
            stop = self.hooks[1]() or stop
        if stop:
            raise StopTraining

    def on_train_end(self, net: NeuralNet, **kwargs: Any) -> None:
        kept = self.judge.finish()
        if kept:
            net.set_weights(kept)


def see_unfinished(net: NeuralNet, dataset_train: Any, dataset_valid: Any) -> None:
    """Have the judge of a net see the weights in the middle of an epoch."""
    judge = next(each.judge for _, each in net.callbacks_ if isinstance(each, Judging))
    if judge.kept_weights():  # it has begun
        loss = _current_loss(net, dataset_train, dataset_valid)
        judge.see(net.n_epochs, loss, loss, net.weights())


def _current_loss(net: NeuralNet, dataset_train: Any, dataset_valid: Any) -> float:
    if dataset_valid is None:
        return net.mean_loss(dataset_train.subsample(2**14), as_in_training=True)
    return net.mean_loss(dataset_valid)


def check_schedule(schedule: str, callbacks: list[Callback]) -> None:
    """Raise a ValueError if both a schedule and a callback would set the learning rate."""
    if schedule != "constant" and any(isinstance(each, LRScheduler) for each in callbacks):
        raise ValueError(
            "An LRScheduler among the callbacks needs learning_rate_schedule='constant', "
            f"got {schedule!r}: both would set the learning rate."
        )


def watches_batches(callback: Callback) -> bool:
    """Tell whether a callback has hooks for batches."""
    if isinstance(callback, LRScheduler) and callback.step_every == "epoch":
        return False
    hooks = ("on_batch_begin", "on_batch_end", "on_grad_computed")
    return any(
        # Of the instance, too: a mock has its hooks there.
        getattr(getattr(callback, hook), "__func__", None) is not getattr(Callback, hook)
        for hook in hooks
    )

"""Train small networks of the same shape at once, each on rows of its own."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import optim

from sklearn_ae._data.rows import Rows
from sklearn_ae.nn import (
    Autoencoder,
    Chain,
    are_stackable,
    own_memory,
    share_memory,
    stack_members,
)
from sklearn_ae.nn.inspection import list_tensors
from sklearn_ae.training.callbacks import is_signal
from sklearn_ae.training.flat import FlatParameters
from sklearn_ae.training.lean import is_elementwise
from sklearn_ae.training.monitor import Judging, Monitor, StopTraining
from sklearn_ae.training.net import AutoencoderNet
from sklearn_ae.training.schedules import SCHEDULES
from sklearn_ae.training.stacked import StackedRows, clip_each, optimizer_for
from sklearn_ae.training.threads import count_operations, threads_by_size

# Arithmetic of a step of one net beyond which another net's step costs as much again.
_MAX_OPERATIONS = 5e7
# Share of the rows of the one with most rows that each has to have: all have as many batches.
_MIN_SHARE = 0.8


def can_train_together(
    nets: Sequence[AutoencoderNet], rows: Sequence[Rows], batch_size: int
) -> bool:
    """Tell whether nets can be trained at once, and whether that saves time.

    Parameters
    ----------
    nets : sequence of AutoencoderNet
        The nets.
    rows : sequence of Rows
        The rows of each.
    batch_size : int
        Rows in a batch.

    Returns
    -------
    can_train : bool
        Where steps are small, the nets have about as many rows, and networks, loss and
        optimizer are as plain as for :class:`~sklearn_ae.training.lean.LeanEpochs`.
    """
    sizes = list(map(len, rows))
    return (
        all(_is_plain(net) for net in nets)
        and are_stackable([net.module_ for net in nets])
        and count_operations(nets[0].module_, batch_size) <= _MAX_OPERATIONS
        and min(sizes) > _MIN_SHARE * max(sizes)
    )


def train_together(
    nets: Sequence[AutoencoderNet],
    parts: Sequence[tuple[Rows, Rows]],
    monitors: Sequence[Monitor],
    *,
    learning_rate: float,
    schedule: str,
    batch_size: int,
    max_epochs: int,
    judging: Judging,
) -> None:
    """Train nets from their present weights, each until its monitor ends it.

    All are trained until the last one ends, and then have the weights that their monitors
    kept. What their optimizers remember is lost.

    Parameters
    ----------
    nets : sequence of AutoencoderNet
        Nets that can be trained together.
    parts : sequence of (Rows, Rows)
        For each what to train on, and what to judge epochs by.
    monitors : sequence of Monitor
        What judges the epochs of each.
    learning_rate : float
        The highest learning rate of the schedule.
    schedule : str
        A key of ``SCHEDULES`` that the losses have no part in.
    batch_size : int
        Rows in a batch.
    max_epochs : int
        Number of passes over the rows, at the most.
    judging : Judging
        How they are judged.
    """
    members = [
        _Member(net, rows, held_out, monitor, schedule, max_epochs)
        for net, (rows, held_out), monitor in zip(nets, parts, monitors, strict=True)
    ]
    # Members are too small to be divided among threads.
    n_operations = count_operations(nets[0].module_, batch_size)
    modules = [net.module_ for net in nets]
    stacked = stack_members(modules)
    optimizer = optimizer_for(stacked, nets)
    flat = FlatParameters(optimizer)
    share_memory(stacked, modules)
    try:
        with threads_by_size(n_operations), flat.in_use():
            training = _Training(stacked, optimizer, nets, parts, batch_size)
            held_out_losses = training.judge(judging.n_steps)
            for member, loss in zip(members, held_out_losses, strict=True):
                member.begin(loss)
            for epoch in range(max_epochs):
                if not any(member.is_trained for member in members):
                    break
                rates = [
                    learning_rate
                    * SCHEDULES[schedule]((epoch + i / training.n_batches) / max_epochs)
                    for i in range(training.n_batches)
                ]
                losses = training.train(rates)
                if judging.is_due(epoch + 1, max_epochs):
                    held_out_losses = training.judge(judging.n_steps)
                for member, loss, held_out_loss in zip(
                    members, losses, held_out_losses, strict=True
                ):
                    member.note(loss, held_out_loss)
    except KeyboardInterrupt as interruption:
        for net in nets:
            net.interrupted_ = not is_signal(interruption)
    finally:
        for member in members:
            member.end()
            own_memory(member.net.module_)


class _Member:
    """One of the nets, as its monitor sees it."""

    def __init__(
        self,
        net: AutoencoderNet,
        rows: Rows,
        held_out: Rows,
        monitor: Any,  # which takes this for a net
        schedule: str,
        max_epochs: int,
    ) -> None:
        self.net, self.rows, self.held_out, self.monitor = net, rows, held_out, monitor
        self.schedule, self.n_scheduled = schedule, max_epochs
        self.history, self.dtype = net.history, net.dtype
        self.weights, self.set_weights = net.weights, net.set_weights
        self.is_trained = True
        net.max_epochs = max_epochs
        net.interrupted_ = False
        monitor.on_train_begin(self, rows)

    def mean_loss(self, rows: Rows) -> float:
        """Give the loss before the first epoch."""
        return self._initial_loss

    def begin(self, loss: float) -> None:
        """Take the loss of the rows that are held out, before the first epoch."""
        self._initial_loss = loss
        self._follow(self.monitor.on_epoch_begin)

    def note(self, loss: float, held_out_loss: float) -> None:
        """Take the losses of an epoch, unless the training has ended before."""
        if not self.is_trained:
            return
        self.history.new_epoch()
        self.history.record("train_loss", loss)
        self.history.record("valid_loss", held_out_loss)
        self._follow(self.monitor.on_epoch_end)

    def end(self) -> None:
        """Take the weights that are kept."""
        self.monitor.on_train_end(self)

    def _follow(self, judge: Callable[..., None]) -> None:
        try:
            judge(self, self.rows, self.held_out)
        except StopTraining:
            self.is_trained = False


class _Training:
    """Epochs of all nets at once."""

    def __init__(
        self,
        stacked: Autoencoder,
        optimizer: optim.Optimizer,
        nets: Sequence[AutoencoderNet],
        parts: Sequence[tuple[Rows, Rows]],
        batch_size: int,
    ) -> None:
        self._optimizer, self._max_grad_norm = optimizer, nets[0].max_grad_norm
        self._parameters = list_tensors(stacked)[0]
        training, held_out = zip(*parts, strict=True)
        self._rows = StackedRows(nets, training, batch_size)
        self._held_out = StackedRows(nets, held_out)
        self.n_batches = self._rows.n_batches
        self._chain = Chain(stacked, self._rows.width)

    def train(self, learning_rates: Sequence[float]) -> list[float]:
        """Train for an epoch, a learning rate for each batch; give the losses meanwhile."""
        total: Any = 0.0
        x, weight, _ = self._rows.batches()
        for i, learning_rate in enumerate(learning_rates):
            for group in self._optimizer.param_groups:
                group["lr"] = learning_rate
            total = total + self._chain.backward(x[i], weight[i]) * self._rows.share[i]
            if self._max_grad_norm is not None:
                clip_each(self._parameters, self._max_grad_norm)
            self._optimizer.step()
        return (total / self._rows.x.shape[2]).tolist()

    def judge(self, n_steps: int) -> list[float]:
        """Give the losses of the rows that are held out."""
        rows = self._held_out
        total = self._chain.loss(rows.x, rows.weight, n_steps)
        return (total / (rows.n_rows * rows.x.shape[2])).tolist()


def _is_plain(net: AutoencoderNet) -> bool:
    return (
        Chain.fits(net.module_)
        and net.criterion_.is_squared_error
        and net.l1_penalty == 0
        and net.autocast is not True
        and is_elementwise(net.optimizer_, net.module_)
    )

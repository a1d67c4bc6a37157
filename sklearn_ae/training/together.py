"""Train small networks of the same shape at once, each on rows of its own."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, optim

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
from sklearn_ae.training.monitor import Monitor, StopTraining
from sklearn_ae.training.net import AutoencoderNet
from sklearn_ae.training.rows import Rows, to_tensor
from sklearn_ae.training.schedules import SCHEDULES
from sklearn_ae.training.threads import count_operations, threads_by_size

# Arithmetic of a step of one net beyond which another net's step costs as much again.
_MAX_OPERATIONS = 5e7


def can_train_together(nets: Sequence[AutoencoderNet], schedule: str, batch_size: int) -> bool:
    """Tell whether nets can be trained at once, and whether that saves time.

    Parameters
    ----------
    nets : sequence of AutoencoderNet
        The nets, not trained yet.
    schedule : str
        A key of ``SCHEDULES``.
    batch_size : int
        Rows in a batch.

    Returns
    -------
    can_train : bool
        Where steps are small, and networks, loss and optimizer as plain as for
        :class:`~sklearn_ae.training.lean.LeanEpochs`.
    """
    return (
        schedule != "reduce_on_plateau"
        and all(_is_plain(net) for net in nets)
        and are_stackable([net.module_ for net in nets])
        and count_operations(nets[0].module_, batch_size) <= _MAX_OPERATIONS
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
        A key of ``SCHEDULES``.
    batch_size : int
        Rows in a batch.
    max_epochs : int
        Number of passes over the rows, at the most.
    """
    members = [
        _Member(net, rows, held_out, monitor, schedule, max_epochs)
        for net, (rows, held_out), monitor in zip(nets, parts, monitors, strict=True)
    ]
    # Members are too small to be divided among threads.
    n_operations = count_operations(nets[0].module_, batch_size)
    modules = [net.module_ for net in nets]
    stacked = stack_members(modules)
    optimizer = _optimizer_for(stacked, nets)
    flat = FlatParameters(optimizer)
    share_memory(stacked, modules)
    try:
        with threads_by_size(n_operations), flat.in_use():
            training = _Training(stacked, optimizer, nets, parts, batch_size)
            for member, loss in zip(members, training.judge(), strict=True):
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
                for member, loss, held_out_loss in zip(
                    members, losses, training.judge(), strict=True
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
        monitor: Monitor,
        schedule: str,
        max_epochs: int,
    ) -> None:
        self.net, self.rows, self.held_out = net, rows, held_out
        self.monitor: Any = monitor  # which takes this for a net
        self.schedule, self.n_scheduled = schedule, max_epochs
        self.history, self.dtype = net.history, net.dtype
        self.weights, self.set_weights = net.weights, net.set_weights
        self.is_trained = True
        net.max_epochs = max_epochs
        net.interrupted_ = False
        self.monitor.on_train_begin(self, rows)

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
    """Epochs of all nets at once.

    Rows of weight zero fill up what is missing where one has fewer rows than another.
    """

    def __init__(
        self,
        stacked: Autoencoder,
        optimizer: optim.Optimizer,
        nets: Sequence[AutoencoderNet],
        parts: Sequence[tuple[Rows, Rows]],
        batch_size: int,
    ) -> None:
        self._optimizer, self._max_grad_norm = optimizer, nets[0].max_grad_norm
        self._generators = [net.generator for net in nets]
        self._gradients: list[Any] = [each.grad for each in list_tensors(stacked)[0]]
        training, held_out = zip(*parts, strict=True)
        self._x, self._weight = _fill_up(nets, training)
        self._held_out = _fill_up(nets, held_out)
        self._n_held_out = [len(rows) * rows.X.shape[1] for rows in held_out]
        self._n_rows = [len(rows) for rows in training]
        self.n_batches = -(-max(self._n_rows) // batch_size)
        self._divide()
        self._chain = Chain(stacked, self._places.shape[2])
        self._only_batch: tuple[Tensor, Tensor] | None = None

    def train(self, learning_rates: Sequence[float]) -> list[float]:
        """Train for an epoch, a learning rate for each batch; give the losses meanwhile."""
        total = torch.zeros_like(self._weight[:, 0])
        x, weight = self._batches()
        for i, learning_rate in enumerate(learning_rates):
            for group in self._optimizer.param_groups:
                group["lr"] = learning_rate
            total += self._chain.backward(x[i], weight[i]) * self._share[i]
            if self._max_grad_norm is not None:
                self._clip(self._max_grad_norm)
            self._optimizer.step()
        return total.tolist()

    def judge(self) -> list[float]:
        """Give the losses of the rows that are held out."""
        totals = self._chain.loss(*self._held_out).tolist()
        return [total / n for total, n in zip(totals, self._n_held_out, strict=True)]

    def _divide(self) -> None:
        """Lay out which rows of an order are those of each batch."""
        cuts = [[n * i // self.n_batches for i in range(self.n_batches + 1)] for n in self._n_rows]
        sizes = torch.tensor(cuts).diff().T  # a row for each batch, a column for each member
        width, end = int(sizes.max()), self._x.shape[1] - 1
        column = torch.arange(width)
        places = torch.tensor(cuts).T[:-1, :, None] + column
        self._places = torch.where(column < sizes[:, :, None], places, end)
        sizes = sizes.to(self._weight)
        # A batch's loss is the mean over its own rows, not those that fill it up.
        self._scale = torch.where(sizes > 0, width / sizes, 0)[:, :, None]
        n_entries = torch.tensor(self._n_rows).to(self._weight) * self._x.shape[2]
        self._share = sizes / (width * n_entries)

    def _batches(self) -> tuple[Tensor, Tensor]:
        """Give rows and weights, those of each batch together, in another order each time."""
        if self._only_batch is not None:
            return self._only_batch
        n_members, n_rows, n_features = self._x.shape
        order = torch.arange(n_rows).repeat(n_members, 1)
        if self.n_batches > 1:
            for row, n, generator in zip(order, self._n_rows, self._generators, strict=True):
                row[:n] = torch.randperm(n, generator=generator)
        index = order[torch.arange(n_members)[:, None], self._places]
        index = (index + n_rows * torch.arange(n_members)[:, None]).flatten().to(self._x.device)
        shape = self._places.shape
        x = self._x.view(-1, n_features).index_select(0, index).view(*shape, n_features)
        weight = self._weight.view(-1).index_select(0, index).view(shape) * self._scale
        if self.n_batches == 1:
            self._only_batch = x, weight
        return x, weight

    def _clip(self, max_norm: float) -> None:
        squares: Any = sum(gradient.square().sum((1, 2)) for gradient in self._gradients)
        factor = (max_norm / (squares.sqrt() + 1e-6)).clamp(max=1)[:, None, None]
        for gradient in self._gradients:
            gradient.mul_(factor)


def _is_plain(net: AutoencoderNet) -> bool:
    return (
        Chain.fits(net.module_)
        and net.criterion_.is_squared_error
        and net.l1_penalty == 0
        and net.autocast is not True
        and is_elementwise(net.optimizer_)
    )


def _optimizer_for(stacked: Autoencoder, nets: Sequence[AutoencoderNet]) -> optim.Optimizer:
    """Make an optimizer like those of the nets."""
    optimizers = [net.optimizer_ for net in nets]
    of = dict(zip(list_tensors(nets[0].module_)[0], list_tensors(stacked)[0], strict=True))
    groups = []
    for same in zip(*(optimizer.param_groups for optimizer in optimizers), strict=True):
        # It depends on the number of rows, which differ by little.
        weight_decay = sum(group["weight_decay"] for group in same) / len(same)
        parameters = [of[parameter] for parameter in same[0]["params"]]
        groups.append(same[0] | {"params": parameters, "weight_decay": weight_decay})
    return type(optimizers[0])(groups)


def _fill_up(nets: Sequence[AutoencoderNet], parts: Sequence[Rows]) -> tuple[Tensor, Tensor]:
    """Give rows in standard units, and their weights, with at least one of weight zero each."""
    n_rows, n_features = 1 + max(map(len, parts)), parts[0].X.shape[1]
    first = nets[0]
    x = torch.zeros(len(nets), n_rows, n_features, dtype=first.dtype, device=first.device)
    weight = torch.zeros(len(nets), n_rows, dtype=first.dtype, device=first.device)
    for i, (net, rows) in enumerate(zip(nets, parts, strict=True)):
        its_rows, its_weight = rows[:]
        x[i, : len(rows)] = net.module_.standardize(to_tensor(its_rows, net.device, net.data_dtype))
        weight[i, : len(rows)] = (
            1 if its_weight is None else to_tensor(its_weight, net.device, net.dtype)
        )
    return x, weight

"""The one loop that trains plain networks: a course for each training, and who carries it out."""

import math
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sklearn_ae._data.progress import QUIET, Progress
from sklearn_ae._data.streams.batches import AnyBatches, StreamBatches
from sklearn_ae.nn import Backprop
from sklearn_ae.training.checkpoint import Checkpoint
from sklearn_ae.training.judge import Judge
from sklearn_ae.training.members import Members, Validation


class Step(NamedTuple):
    """Asks for a step on a batch, which has `n_rows` on all ranks together, at a learning rate.

    A single training answers by the sum of the losses so far, for the progress of long epochs.
    """

    x: Tensor
    weight: Tensor | None
    n_rows: int
    learning_rate: float


class Evaluate(NamedTuple):
    """Asks for the errors of validation rows."""

    validation: Validation


class Compute(NamedTuple):
    """Asks for a function of the network."""

    function: Callable[[Backprop], Any]


class Total(NamedTuple):
    """Asks for the sum of the losses of all rows since the last time."""


class Epoch(NamedTuple):
    """Tells the losses of an epoch: of training rows, and of validation rows if some are left.

    After some epochs it asks for the size of the gradients, too.
    """

    number: int
    train_loss: float
    validation_loss: float | None
    wants_gradients: bool
    is_last: bool


Course = Generator[Any, Any, None]
_JOINED = "all rows"  # the phase of a training that validation rows have joined


def plan_course(
    batches: AnyBatches,
    standardize: Callable[[Tensor], Tensor],
    validation: Validation | None,
    judge: Judge,
    weights: list[Tensor],
    *,
    learning_rate: Callable[[float], float],
    max_epochs: int,
    judge_every: int = 1,
    min_certainty: float = 0.0,
    all_batches: AnyBatches | None = None,
    join_certainty: float = 0.0,
    checkpoint: Checkpoint | None = None,
    progress: Progress = QUIET,
) -> Course:
    """Plan the course of a training: it yields what is to be done next, and is sent the result.

    So a single training and many that are made in one batch have the same course.

    Parameters
    ----------
    batches : Batches or StreamBatches
        Training rows, with a column of weights for each member.
    standardize : callable
        Takes a block of rows to standard units, in place.
    validation : Validation or None
        Validation rows; None: the training loss is judged.
    judge : Judge
        Judges the epochs, and keeps weights of the first member.
    weights : list of Tensor
        The weights of the first member, which steps change.
    learning_rate : callable
        Progress of the training, in [0, 1], to learning rate.
    max_epochs : int
        Number of passes over the rows, at most.
    judge_every : int, default=1
        Number of epochs from one evaluation of the validation rows to the next. Without them,
        every epoch is judged.
    min_certainty : float, default=0.0
        Standard errors by which the validation loss has to fall for any training to be kept.
    all_batches : Batches or None, default=None
        Training and validation rows. They replace `batches` as soon as the validation loss has
        fallen by `join_certainty` standard errors. From then on, the training loss is judged.
    join_certainty : float, default=0.0
        See `all_batches`.
    checkpoint : Checkpoint or None, default=None
        What the training resumes from, and where it is saved.
    progress : Progress, default=QUIET
        Tells how far the training is.

    Yields
    ------
    request : Step, Evaluate, Compute, Total or Epoch
        What to do. If the course is closed after an epoch, the training ends there.
    """
    watched = _Watched(validation)
    loss = yield from _current_loss(watched, batches, standardize)
    watched.initial_errors = watched.best_errors = watched.errors
    if not judge.begin(loss, weights):
        return
    n_done = 0
    if checkpoint is not None:
        n_done = checkpoint.resume(judge=judge, watched=watched)
        if judge.joined and all_batches is not None:
            batches, watched.validation = all_batches, None
            progress.begin(_JOINED, len(batches.rows), max_epochs)
    try:
        for number in range(n_done + 1, max_epochs + 1):
            progress.begin_epoch(number)
            rates = _rates(learning_rate, number, max_epochs, len(batches))
            try:
                train_loss = yield from _train_epoch(batches, standardize, rates, progress)
            except KeyboardInterrupt:
                if isinstance(batches, StreamBatches):  # whose epochs are long
                    loss = yield from _current_loss(watched, batches, standardize)
                    _see(number, loss, loss, watched, judge, weights)
                raise
            is_due = number == max_epochs or number % judge_every == 0
            stop = False
            if is_due or watched.validation is None or not math.isfinite(train_loss):
                loss = train_loss
                if watched.validation is not None:
                    loss = watched.see((yield Evaluate(watched.validation)))
                stop = _see(number, train_loss, loss, watched, judge, weights)
            stop = stop or number == max_epochs
            progress.end_epoch(train_loss, watched.loss)
            yield Epoch(number, train_loss, watched.loss, is_due, stop)
            if all_batches is not None and not judge.joined and watched.is_certain(join_certainty):
                batches = all_batches
                judge.join(train_loss, weights)
                watched.validation = watched.loss = None
                progress.begin(_JOINED, len(batches.rows), max_epochs)
            if stop:
                break
            if checkpoint is not None:
                checkpoint.save(number)
    finally:
        if not watched.is_certain(min_certainty):
            judge.reject()


def _train_epoch(
    batches: AnyBatches,
    standardize: Callable[[Tensor], Tensor],
    rates: Iterator[float],
    progress: Progress,
) -> Generator[Any, Any, float]:
    """Ask for the steps of an epoch, and give the mean loss meanwhile."""
    each = batches.iterate(standardize, reuse=True)
    for (x, weight, _), n_rows, rate in zip(each, batches.sizes(), rates, strict=True):
        total = yield Step(x, weight, n_rows, rate)
        progress.step(n_rows, total if batches.rows.ranks is None else None)
    total = yield Total()
    if batches.rows.ranks is not None:
        batches.rows.ranks.sum_(total)
    return float(total) / len(batches.rows)


def _current_loss(
    watched: "_Watched", batches: AnyBatches, standardize: Callable[[Tensor], Tensor]
) -> Generator[Any, Any, float]:
    """Give the loss of the present weights: of the validation rows, or of the training rows."""
    if watched.validation is not None:
        return watched.see((yield Evaluate(watched.validation)))
    return (yield Compute(lambda network: _mean_loss(network, batches, standardize)))


def _see(
    number: int,
    train_loss: float,
    loss: float,
    watched: "_Watched",
    judge: Judge,
    weights: list[Tensor],
) -> bool:
    """Have the judge see an epoch, and tell whether training should stop."""
    best = judge.best_loss
    stop = judge.see(number, train_loss, loss, weights)
    if judge.best_loss < best:
        watched.best_errors = watched.errors
    return stop


def train(members: Members, course: Course) -> Generator[tuple[Epoch, dict[str, float] | None]]:
    """Carry out the course of one training, an epoch at a time.

    Parameters
    ----------
    members : Members
        The network; or several, those of folds, each trained on a part of the rows and judged by
        the others.
    course : Course
        What `plan_course` gives.

    Yields
    ------
    epoch : Epoch
        The losses after each epoch. The caller may stop.
    gradient_norms : dict of str to float, or None
        See `Members.gradient_norms`, where the course asks for them.
    """
    try:
        while (epoch := _carry_on(members, course)) is not None:
            yield epoch, members.gradient_norms() if epoch.wants_gradients else None
    finally:
        course.close()


@torch.no_grad()
def _carry_on(members: Members, course: Course) -> Epoch | None:
    """Do what a course asks for, up to the next epoch or to the end."""
    total: Any = 0.0
    go_on: Callable[[], Any] = partial(next, course)
    while True:
        try:
            request = go_on()
        except StopIteration:
            return None
        if isinstance(request, Epoch):
            return request
        answer: Any = None
        try:
            if isinstance(request, Step):
                x, weight, n_rows, rate = request
                total = answer = total + members.step(x, weight, rate, n_rows)[0] * n_rows
            elif isinstance(request, Total):
                answer, total = total, 0.0
            elif isinstance(request, Evaluate):
                answer = request.validation.errors(members.network)
            else:
                answer = request.function(members.network)
        except KeyboardInterrupt as interrupt:
            go_on = partial(course.throw, interrupt)
        else:
            go_on = partial(course.send, answer)


class _Watched:
    """The loss that is judged: of the validation rows, or of the training rows."""

    def __init__(self, validation: Validation | None) -> None:
        self.validation = validation
        self.loss: float | None = None
        self.initial_errors = self.errors = self.best_errors = torch.zeros(0)

    def see(self, errors: Tensor) -> float:
        """Take the errors of the validation rows, and give their loss."""
        assert self.validation is not None, "there are some"
        self.errors = errors
        self.loss = self.validation.mean(errors)
        return self.loss

    def state(self) -> dict[str, Any]:
        """Give all that epochs change."""
        return {"loss": self.loss, "best_errors": self.best_errors}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to such a state."""
        vars(self).update(state)

    def is_certain(self, min_certainty: float) -> bool:
        """Tell whether the mean gain of the rows is above so many of its standard errors."""
        if self.validation is None or min_certainty == 0:
            return True
        weight, gain = self.validation.weight, self.initial_errors - self.best_errors
        total = weight.sum()
        mean = (weight * gain).sum() / total
        variance = (weight * (gain - mean).square()).sum() / total
        return bool(mean > min_certainty * (variance / total).sqrt())


def _rates(
    learning_rate: Callable[[float], float], epoch: int, max_epochs: int, n_steps: int
) -> Iterator[float]:
    """Give the learning rate of each step of an epoch."""
    n_before, n_all = (epoch - 1) * n_steps, max_epochs * n_steps
    return (learning_rate((n_before + step) / n_all) for step in range(n_steps))


def _mean_loss(
    network: Backprop, batches: AnyBatches, standardize: Callable[[Tensor], Tensor]
) -> float:
    """Give the training loss of a network."""
    total: Any = 0.0
    n_rows = 0
    # In their order: the generator shuffles the epochs.
    generator, batches.generator = batches.generator, None
    for x, weight, _ in batches.iterate(standardize, reuse=True):
        errors = network.errors(x).mul_(2 / x.shape[-1])
        total = total + (errors if weight is None else errors * weight).sum()
        n_rows += len(x)  # of a stream, a sample
    batches.generator = generator
    if batches.rows.ranks is not None:
        batches.rows.ranks.sum_(total)
        n_rows = len(batches.rows)
    return float(total) / n_rows

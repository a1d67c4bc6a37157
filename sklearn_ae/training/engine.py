"""Train plain networks of one shape at once, as members: one loop, hand-coded gradients."""

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, optim

from sklearn_ae._data.rows import Batches
from sklearn_ae._data.streams.batches import AnyBatches, StreamBatches
from sklearn_ae.nn import Autoencoder, Backprop, LinearPath, refine_codes, split_parameters
from sklearn_ae.training.checkpoint import Checkpoint
from sklearn_ae.training.judge import Judge

# Rows whose errors are computed at once: their buffers stay in the processor's cache.
_ROWS_AT_ONCE = 1024
_BETAS, _EPS = (0.9, 0.999), 1e-8


class Members:
    """Networks of one shape whose parameters are the rows of one matrix.

    Parameters
    ----------
    module : Autoencoder
        A plain network, from whose parameters the members start.
    weight_decay : float
        Weight decay; the linear path does not decay.
    decoupled : bool, default=True
        Whether weights decay as in AdamW; False: as in Adam.
    max_grad_norm : float or None, default=None
        Gradients of a member with a larger norm are scaled down to it.
    linear_paths : sequence of LinearPath or None, default=None
        Where the linear path of each member starts; None: one member, which starts as the module
        is.

    Attributes
    ----------
    values : Tensor of shape (n_members, n_parameters)
        The parameters.
    """

    def __init__(
        self,
        module: Autoencoder,
        weight_decay: float,
        *,
        decoupled: bool = True,
        max_grad_norm: float | None = None,
        linear_paths: Sequence[LinearPath] | None = None,
    ) -> None:
        self._module, self._max_norm = module, max_grad_norm
        self._sizes = {name: values.numel() for name, values in module.named_parameters()}
        n_members = 1 if linear_paths is None else len(linear_paths)
        self.values = _join(module.parameters()).repeat(n_members, 1)
        for values, path in zip(self.values, linear_paths or (), strict=False):
            start = _join(path.parameters())
            values[-len(start) :] = start  # the linear path comes last
        self._gradients, self._mean, self._square = (
            torch.zeros_like(self.values) for _ in range(3)
        )
        self.network = Backprop(
            module,
            split_parameters(self.values, module),
            split_parameters(self._gradients, module),
        )
        self._optimize: Any = torch._fused_adamw_ if decoupled else torch._fused_adam_
        n_path = 0
        if module.linear_path is not None:  # does not decay: rows far from all others depend on it
            n_path = sum(weights.numel() for weights in module.linear_path.parameters())
        sizes = [self.values.shape[1] - n_path, n_path]
        self._groups = [
            (decay, [[row.split(sizes)[i] for row in of_all] for of_all in self._of_optimizer()])
            for i, decay in enumerate((weight_decay, 0.0))
            if sizes[i] > 0
        ]
        # Where the kernel reads it, and in the type that it asks for.
        self._n_steps = torch.zeros((), dtype=torch.float32, device=self.values.device)

    def __len__(self) -> int:
        return len(self.values)

    def step(self, x: Tensor, weight: Tensor | None, learning_rate: float) -> Tensor:
        """Make a step of AdamW (or Adam).

        Parameters
        ----------
        x : Tensor of shape (batch, n_features)
            Rows in standard units.
        weight : Tensor of shape (batch,) or (batch, n_members) or None
            Their weights.
        learning_rate : float
            The learning rate.

        Returns
        -------
        loss : Tensor of shape (n_members,)
            The weighted mean squared error of the batch before the step.
        """
        n_rows = len(x)
        if weight is None:
            weight = x.new_full((n_rows, 1), 1 / n_rows)
        else:
            weight = weight.view(n_rows, -1) / n_rows
        if len(self) > 1:
            x, weight = x.expand(len(self), -1, -1), weight.T[..., None].expand(len(self), -1, 1)
        loss = self.network.backward(x, weight)
        self._update(learning_rate)
        return loss

    def gradient_norms(self) -> dict[str, float]:
        """Give the root mean square of the last gradient of each layer of the first member."""
        parts = self._gradients[0].split(list(self._sizes.values()))
        norms = torch.stack(torch._foreach_norm(list(parts))).tolist()
        return {
            name: norm / math.sqrt(size)
            for (name, size), norm in zip(self._sizes.items(), norms, strict=True)
            if name.endswith(".weight")
        }

    def load_state(self, optimizer: optim.Optimizer) -> None:
        """Take over the moments of an optimizer of the (only) member's module."""
        states = [optimizer.state.get(each) for each in self._module.parameters()]
        if all(states):
            self._mean[0] = _join(state["exp_avg"] for state in states if state)
            self._square[0] = _join(state["exp_avg_sq"] for state in states if state)
            if states[0]:
                self._n_steps.copy_(states[0]["step"])

    def store(self, weights: Tensor, optimizer: optim.Optimizer | None = None) -> None:
        """Copy parameters into the module, and the first member's moments into its optimizer."""
        if optimizer is not None:
            optimizer.state.clear()
        has_moments = bool(self._n_steps > 0)
        start = 0
        with torch.no_grad():
            for parameter in self._module.parameters():
                part = slice(start, start + parameter.numel())
                parameter.copy_(weights[part].view_as(parameter))
                if optimizer is not None and has_moments:
                    optimizer.state[parameter] = {
                        "step": self._n_steps.clone(),
                        "exp_avg": self._mean[0, part].view_as(parameter).clone(),
                        "exp_avg_sq": self._square[0, part].view_as(parameter).clone(),
                    }
                start = part.stop

    def state(self) -> dict[str, Any]:
        """Give all that steps change."""
        return {"tensors": [self.values, self._mean, self._square, self._n_steps]}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to such a state."""
        torch._foreach_copy_(self.state()["tensors"], state["tensors"])

    def _of_optimizer(self) -> tuple[Tensor, ...]:
        return self.values, self._gradients, self._mean, self._square

    def _update(self, learning_rate: float) -> None:
        if self._max_norm is not None:
            norms = torch.linalg.vector_norm(self._gradients, dim=1, keepdim=True)
            self._gradients.mul_((self._max_norm / (norms + 1e-6)).clamp(max=1))
        self._n_steps += 1
        for decay, tensors in self._groups:
            self._optimize(
                *tensors,
                [],
                [self._n_steps] * len(self),
                lr=learning_rate,
                beta1=_BETAS[0],
                beta2=_BETAS[1],
                weight_decay=decay,
                eps=_EPS,
                amsgrad=False,
                maximize=False,
            )


class Validation(NamedTuple):
    """Validation rows of one member, or of each of several folds.

    Attributes
    ----------
    x : Tensor of shape (n_rows, n_features) or (n_folds, n_rows, n_features)
        The rows in standard units.
    weight : Tensor of shape (n_rows,) or (n_folds, n_rows)
        Their weights. Rows of weight zero fill up smaller folds.
    n_steps : int
        Number of refinement steps of their codes.
    """

    x: Tensor
    weight: Tensor
    n_steps: int

    def errors(self, network: Backprop) -> Tensor:
        """Compute the mean squared error of each row at its refined code."""
        parts = []
        for x in self.x.split(_ROWS_AT_ONCE, dim=-2):
            code = network.encode(x).clone()

            def errors_and_gradients(code: Tensor, rows: Any, x: Tensor = x) -> Any:
                return network.errors_and_gradients(x[rows], code)

            code = refine_codes(errors_and_gradients, code, self.n_steps)
            parts.append(network.errors(x, code))
        return torch.cat(parts, -1).mul_(2 / self.x.shape[-1])

    def mean(self, errors: Tensor) -> float:
        """Average the errors of rows."""
        return float((self.weight * errors).sum() / self.weight.sum())


class Epoch(NamedTuple):
    """The losses of an epoch: of training rows, and of validation rows that have not joined them.

    After some epochs the size of the gradients is noted, too.
    """

    train_loss: float
    validation_loss: float | None
    gradient_norms: dict[str, float] | None
    is_last: bool


def train(
    members: Members,
    batches: AnyBatches,
    standardize: Callable[[Tensor], Tensor],
    validation: Validation | None,
    judge: Judge,
    *,
    learning_rate: Callable[[float], float],
    max_epochs: int,
    judge_every: int = 1,
    min_certainty: float = 0.0,
    all_batches: Batches | None = None,
    join_certainty: float = 0.0,
    checkpoint: Checkpoint | None = None,
) -> Generator[Epoch]:
    """Train members, an epoch at a time, and judge them.

    Several members are the networks of folds, each trained on a part of the rows and judged by
    the others.

    Parameters
    ----------
    members : Members
        The networks.
    batches : Batches or StreamBatches
        Training rows, with a column of weights for each member.
    standardize : callable
        Takes a block of rows to standard units, in place.
    validation : Validation or None
        Validation rows; None: the training loss is judged.
    judge : Judge
        Judges the epochs, and keeps weights of the first member.
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

    Yields
    ------
    epoch : Epoch
        The losses after each epoch. The caller may stop.
    """
    watched = _Watched(members, batches, standardize, validation)
    weights = [members.values[0]]
    if not judge.begin(watched.initial_loss, weights):
        return
    n_done = 0
    if checkpoint is not None:
        n_done = checkpoint.resume(members=members, judge=judge, watched=watched)
        if judge.joined and all_batches is not None:
            batches, watched.validation = all_batches, None
    try:
        for number in range(n_done + 1, max_epochs + 1):
            rates = _rates(learning_rate, number, max_epochs, len(batches))
            try:
                train_loss = _train_epoch(members, batches, standardize, rates)
            except KeyboardInterrupt:
                if isinstance(batches, StreamBatches):  # whose epochs are long
                    watched.see_unfinished(number, judge, weights)
                raise
            is_due = number == max_epochs or number % judge_every == 0
            stop = False
            if is_due or watched.validation is None or not math.isfinite(train_loss):
                best = judge.best_loss
                loss = train_loss if watched.validation is None else watched.evaluate()
                stop = judge.see(number, train_loss, loss, weights)
                if judge.best_loss < best:
                    watched.best_errors = watched.errors
            stop = stop or number == max_epochs
            gradient_norms = members.gradient_norms() if is_due else None
            yield Epoch(train_loss, watched.loss, gradient_norms, stop)
            if all_batches is not None and not judge.joined and watched.is_certain(join_certainty):
                batches = all_batches
                judge.join(train_loss, weights)
                watched.validation = watched.loss = None
            if stop:
                break
            if checkpoint is not None:
                checkpoint.save(number)
    finally:
        if not watched.is_certain(min_certainty):
            judge.reject()


class _Watched:
    """The loss that is judged: of the validation rows, or of the training rows."""

    @torch.no_grad()
    def __init__(
        self,
        members: Members,
        batches: AnyBatches,
        standardize: Callable[[Tensor], Tensor],
        validation: Validation | None,
    ) -> None:
        self.validation, self.network = validation, members.network
        self.loss: float | None = None
        self.errors = self.best_errors = members.values.new_zeros(0)
        self.mean_loss = partial(_mean_loss, members, batches, standardize)
        if validation is None:
            self.initial_loss = self.mean_loss()
        else:
            self.initial_loss = self.evaluate()
            self.best_errors = self.errors
        self.initial_errors = self.errors

    @torch.no_grad()
    def evaluate(self) -> float:
        """Evaluate the validation rows."""
        assert self.validation is not None, "there are some"
        self.errors = self.validation.errors(self.network)
        self.loss = self.validation.mean(self.errors)
        return self.loss

    def see_unfinished(self, number: int, judge: Judge, weights: list[Tensor]) -> None:
        """Judge the weights in the middle of an epoch."""
        best = judge.best_loss
        loss = self.mean_loss() if self.validation is None else self.evaluate()
        judge.see(number, loss, loss, weights)
        if judge.best_loss < best:
            self.best_errors = self.errors

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


@torch.no_grad()
def _train_epoch(
    members: Members,
    batches: AnyBatches,
    standardize: Callable[[Tensor], Tensor],
    rates: Iterator[float],
) -> float:
    """Train all members for an epoch, and give the mean loss of the first meanwhile."""
    total = members.values.new_zeros(len(members))
    for x, weight in batches.iterate(standardize, reuse=True):
        total += members.step(x, weight, next(rates)) * len(x)
        if batches.progress is not None:
            batches.progress.step(len(x), total)
    return float(total[0]) / len(batches.rows)


@torch.no_grad()
def _mean_loss(
    members: Members,
    batches: AnyBatches,
    standardize: Callable[[Tensor], Tensor],
) -> float:
    """Give the training loss of the first member."""
    network = members.network
    total, n_rows = members.values.new_zeros(()), 0
    # In their order: the generator shuffles the epochs.
    generator, batches.generator = batches.generator, None
    for x, weight in batches.iterate(standardize, reuse=True):
        errors = network.errors(x).mul_(2 / x.shape[-1])
        total += (errors if weight is None else errors * weight).sum()
        n_rows += len(x)  # of a stream, a sample
    batches.generator = generator
    return float(total) / n_rows


def _join(tensors: Iterable[Tensor]) -> Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in tensors])

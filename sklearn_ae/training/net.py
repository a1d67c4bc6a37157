"""skorch's net, with an epoch as lean as a hand-written loop."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer, LRScheduler, PrintLog
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau

from sklearn_ae._data.rows import Batches, Rows
from sklearn_ae.nn import Autoencoder, Context, ContextModule, Objective
from sklearn_ae.training.callbacks import is_signal, watches_batches
from sklearn_ae.training.devices import fits_on_device, pays_in_bfloat16
from sklearn_ae.training.gradients import GradientNorms
from sklearn_ae.training.inference import InferenceMixin
from sklearn_ae.training.lean import LeanEpochs
from sklearn_ae.training.magnitude import magnitude
from sklearn_ae.training.monitor import Judging
from sklearn_ae.training.optimizers import OptimizerFactory, optimizer_and_options
from sklearn_ae.training.schedules import (
    PLATEAU_FACTOR,
    PLATEAU_PATIENCE,
    SCHEDULES,
    constant,
)
from sklearn_ae.training.state import StateMixin
from sklearn_ae.training.threads import count_operations, threads_by_size

_AS_ENCODED = Judging()


class AutoencoderNet(InferenceMixin, StateMixin, NeuralNet):
    """Trains an autoencoder on :class:`~sklearn_ae.training.Rows`.

    Parameters
    ----------
    module : Autoencoder
        The network, initialised.
    criterion : nn.Module
        ``(output, x, weight, module) -> loss`` of a batch.
    optimizer : str or callable
        See :func:`~sklearn_ae.training.optimizers.optimizer_and_options`.
    weight_decay : float
        The optimizer's weight decay.
    l1_penalty : float
        What the magnitudes of all weights, biases apart, are multiplied by and added to the
        loss.
    max_grad_norm : float or None
        Gradients of a larger norm are scaled down to it.
    dtype : torch.dtype
        Type of the weights.
    data_dtype : torch.dtype
        Type in which the rows are given to the module.
    autocast : bool or "auto"
        Whether matrix products of the training are made in bfloat16; "auto": where that
        is faster.
    device : torch.device
        Where to compute.
    generator : torch.Generator
        Source of all randomness: split, shuffling and, by seeds drawn from it, dropout and
        corruption.

    Attributes
    ----------
    interrupted_ : bool
        Whether the user interrupted the last training.
    gradient_norms_ : GradientNorms
        Size of the gradients of the last training.
    """

    def __init__(
        self,
        module: Autoencoder,
        criterion: torch.nn.Module,
        *,
        optimizer: str | OptimizerFactory,
        weight_decay: float,
        l1_penalty: float,
        max_grad_norm: float | None,
        dtype: torch.dtype,
        data_dtype: torch.dtype,
        autocast: bool | Literal["auto"],
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        factory, options = optimizer_and_options(
            optimizer, weight_decay=weight_decay, device=device
        )
        if weight_decay > 0:
            # Or a row far from all others would be drawn to their mean.
            options["param_groups"] = [("linear_path.*", {"weight_decay": 0.0})]
        super().__init__(
            module,
            criterion,
            optimizer=factory,
            train_split=None,
            device=device,
            **{f"optimizer__{name}": value for name, value in options.items()},
        )
        self.gradient_norms_ = GradientNorms({})
        self.l1_penalty = l1_penalty
        self.max_grad_norm = max_grad_norm
        self.dtype = dtype
        self.data_dtype = data_dtype
        self.autocast = autocast
        self.generator = generator
        self.judging = _AS_ENCODED

    def train(
        self,
        rows: Rows,
        *,
        callbacks: list[Callback],
        learning_rate: float,
        schedule: str,
        batch_size: int,
        max_epochs: int,
        verbose: bool,
        n_epochs: int | None = None,
        held_out: Rows | None = None,
        held_out_losses: Sequence[float] = (),
        judging: Judging = _AS_ENCODED,
    ) -> None:
        """Train on from the current weights.

        Parameters
        ----------
        rows : Rows
            What to train on.
        callbacks : list of skorch callbacks
            Callbacks of this training, beside the timer and, where `verbose`, the log.
        learning_rate : float
            The highest learning rate of the schedule.
        schedule : str
            A key of ``SCHEDULES``.
        batch_size : int
            Rows in a batch.
        max_epochs : int
            Number of passes over the rows, at the most, for which the schedule is made.
        verbose : bool
            Whether to print a line an epoch.
        n_epochs : int or None, default=None
            Number of passes to make of these; None: all.
        held_out : Rows or None, default=None
            Rows to judge epochs by.
        held_out_losses : sequence of float, default=()
            What is known of the loss of other rows after each epoch, to be recorded where
            none are held out.
        judging : Judging, default=Judging()
            How they are judged.
        """
        self.lr = learning_rate
        self.schedule = schedule
        self.batch_size = batch_size
        self.n_scheduled = max_epochs
        self.max_epochs = max_epochs if n_epochs is None else n_epochs
        self.held_out = held_out
        self.held_out_losses = held_out_losses
        self.judging = judging
        self.verbose = verbose
        self.callbacks = callbacks
        self._lean: Any = LeanEpochs(self)
        n_operations = count_operations(self.module_, min(batch_size, len(rows)))
        self.in_bfloat16_ = self.autocast is True or (
            self.autocast == "auto" and pays_in_bfloat16(n_operations, self.device)
        )
        try:
            self.initialize_callbacks()
            if schedule != "constant" and any(
                isinstance(callback, LRScheduler) for _, callback in self.callbacks_
            ):
                raise ValueError(
                    "An LRScheduler among the callbacks needs learning_rate_schedule='constant', "
                    f"got {schedule!r}: both would set the learning rate."
                )
            with threads_by_size(n_operations):
                self.partial_fit(rows)
        finally:
            # Also after an error: the network of a warm start stays in use.
            self._lean.release()
            self._lean = None
            self.module_.eval()
            self._give_context(None)
            self._noise: torch.Generator | None = None
            self.gradient_norms_ = self.gradient_norms_.without_weights()
            # They may hold on to data and estimators.
            self.callbacks = []
            self.callbacks_: list[tuple[str, Callback]] = []
            self.held_out = None
            self.judging = _AS_ENCODED

    # --- what skorch asks for ---------------------------------------------------------------

    @property
    def _default_callbacks(self) -> list[tuple[str, Callback]]:
        # The epoch's losses are recorded where they are computed, without a callback for each.
        callbacks: list[tuple[str, Callback]] = [("epoch_timer", EpochTimer())]
        if self.verbose:
            callbacks.append(("print_log", PrintLog()))
        return callbacks

    def get_split_datasets(
        self, X: Rows, y: None = None, **fit_params: Any
    ) -> tuple[Rows, Rows | None]:
        return X, self.held_out

    def get_iterator(self, dataset: Rows, training: bool = False) -> Batches:
        return Batches(
            dataset,
            batch_size=self.batch_size if training else self.inference_rows(dataset.X),
            device=self.device,
            dtype=self.data_dtype,
            generator=self.generator if training else None,
            resident=fits_on_device(dataset.X, self.device),
        )

    def on_train_begin(self, net: NeuralNet, X: Rows | None = None, **kwargs: Any) -> None:
        super().on_train_begin(net, X=X, **kwargs)
        self.interrupted_ = False
        self._best_losses: dict[str, float] = {}
        self._n_epochs_before = len(self.history)
        self._set_learning_rate(self.lr)
        if self.schedule == "reduce_on_plateau":
            self._plateau = ReduceLROnPlateau(
                self.optimizer_, factor=PLATEAU_FACTOR, patience=PLATEAU_PATIENCE, threshold=0
            )
        self._n_steps = 0
        # Biases, the linear path and what a latent learns beside are not links of the chain.
        self.gradient_norms_ = GradientNorms(
            {
                name: weights
                for name, weights in self.module_.named_parameters()
                if name.startswith(("encoder.", "decoder."))
                and "bias" not in name
                and weights.dim() > 1
            }
        )
        # Known only once the rows are split.
        self._max_steps: int | None = None
        noise_seed, self._validation_seed = torch.randint(
            2**62, (2,), generator=self.generator
        ).tolist()
        self._noise = torch.Generator(self.device).manual_seed(noise_seed)
        self._watches_batches = any(watches_batches(cb) for _, cb in self.callbacks_)

    def on_epoch_end(
        self, net: NeuralNet, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any
    ) -> None:
        super().on_epoch_end(net, dataset_train, dataset_valid, **kwargs)
        if self.schedule == "reduce_on_plateau":
            watched = "train_loss" if dataset_valid is None else "valid_loss"
            self._plateau.step(self.history[-1][watched])

    def infer(self, x: Tensor, **fit_params: Any) -> Any:
        return self.module_(x)

    def get_loss(
        self, y_pred: Any, y_true: Tensor | None, X: Any = None, training: bool = False
    ) -> Objective:
        # skorch's target is the weight here: the input is its own target.
        objective = self.criterion_(y_pred, X, y_true, self.module_)
        if self.l1_penalty > 0:
            penalty = self.l1_penalty * magnitude(self._own_parameters())
            objective = Objective(objective.loss + penalty, objective.value + penalty)
        return objective

    def fit_loop(self, X: Rows, y: None = None, **kwargs: Any) -> NeuralNet:
        try:
            return super().fit_loop(X, y, **kwargs)
        except KeyboardInterrupt as interruption:
            self.interrupted_ = not is_signal(interruption)
            raise

    def run_single_epoch(
        self,
        iterator: Iterable | None,
        training: bool,
        prefix: str,
        step_fn: Callable[..., dict[str, Any]],
        **fit_params: Any,
    ) -> None:
        if iterator is None:
            if self.held_out_losses:
                self._record_loss(prefix, self.held_out_losses[len(self.history) - 1])
            return
        assert isinstance(iterator, Batches)
        if not training and self._waits_to_judge():
            self._record_loss(prefix, self.history[-2, f"{prefix}_loss"])
            return
        if training and self._max_steps is None:
            self._max_steps = len(iterator) * self.n_scheduled
        # skorch notifies every callback of every batch, reads every loss and logs it, which costs
        # more than a small network's step; that is done only where a callback wants it.
        if training:
            self._is_lean = not self._watches_batches and self._lean.fits()
            if not self._is_lean:
                self._lean.release()
        if self._is_lean:
            self.history.new_batch()  # skorch's Checkpoint looks for the last one
            loss = (
                self._lean.train(iterator)
                if training
                else self._lean.judge(iterator.rows, self.judging.n_steps)
            )
        elif self._watches_batches:
            self._set_mode(training)
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            loss = self._mean_logged_loss(prefix)
        else:
            self._set_mode(training)
            self.history.new_batch()
            loss = self._mean_loss(iterator, step_fn)
        if training:
            self.gradient_norms_.note()
        self._record_loss(prefix, loss)

    def _waits_to_judge(self) -> bool:
        """Tell whether the last epoch's loss of held-out rows stands for this one's, too."""
        epoch = len(self.history) - self._n_epochs_before
        return not self.judging.is_due(epoch, self.max_epochs)

    def _record_loss(self, prefix: str, loss: float) -> None:
        self.history.record(f"{prefix}_loss", loss)
        # For skorch's log, which prints the best loss so far in colour.
        is_best = loss < self._best_losses.get(prefix, math.inf)
        self.history.record(f"{prefix}_loss_best", is_best)
        if is_best:
            self._best_losses[prefix] = loss

    def train_step(self, batch: tuple[Tensor, Tensor | None], **fit_params: Any) -> dict[str, Any]:
        self.follow_schedule()
        if not isinstance(self.optimizer_, torch.optim.LBFGS):
            step = self._backward(batch)
            # Without skorch's closure, which costs a fifth of a small network's step.
            self.optimizer_.step()
            return step
        # It evaluates the loss as often as it needs, each time under the same noise; the first time
        # is the step's loss.
        generator, context = self._noise, self._context
        assert generator is not None, "training has begun"
        assert context is not None, "training has begun"
        noise = generator.get_state()
        steps: list[dict[str, Any]] = []

        def evaluate() -> Tensor:
            generator.set_state(noise)
            context.is_trial = bool(steps)
            steps.append(self._backward(batch))
            return steps[-1]["objective"].loss

        self.optimizer_.step(evaluate)
        return steps[0]

    def validation_step(
        self, batch: tuple[Tensor, Tensor | None], **fit_params: Any
    ) -> dict[str, Any]:
        x, weight = self._begin(batch)
        with torch.no_grad():  # not in inference mode: a penalty may ask for a gradient
            output = self.infer(x)
            if self.judging.n_steps > 0 and not self.module_.training:
                output = self.module_.approach(output, self.judging.n_steps)
            return {"loss": self.get_loss(output, weight, X=x).value, "y_pred": output}

    # --- beyond skorch ----------------------------------------------------------------------

    def mean_loss(self, rows: Rows, *, as_in_training: bool = False) -> float:
        """Give the loss of some rows under the current weights.

        Parameters
        ----------
        rows : Rows
            The rows.
        as_in_training : bool, default=False
            Whether in batches of the training, and with dropout.

        Returns
        -------
        loss : float
        """
        if self._lean is not None and not self._watches_batches and self._lean.fits():
            return self._lean.judge(rows, 0 if as_in_training else self.judging.n_steps)
        self._set_mode(training=False)
        batches = self.get_iterator(rows)
        if as_in_training:
            batches = self.get_iterator(rows, training=True)
            batches.generator = None
            self._set_training(True)
            assert self._context is not None, "given with the mode"
            self._context.is_trial = True
        loss = self._mean_loss(batches, self.validation_step)
        self._give_context(None)
        return loss

    def _backward(self, batch: tuple[Tensor, Tensor | None]) -> dict[str, Any]:
        x, weight = self._begin(batch)
        self.optimizer_.zero_grad()
        with self._autocast():
            output = self.infer(x)
        objective = self.get_loss(output, weight, X=x, training=True)
        objective.loss.backward()
        if self.max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(
                [weights for _, weights in self._own_parameters()], self.max_grad_norm
            )
        if self._watches_batches:
            self.notify(
                "on_grad_computed",
                named_parameters=self.get_all_learnable_params(),
                batch=batch,
                training=True,
            )
        return {"loss": objective.value, "y_pred": output, "objective": objective}

    def _set_mode(self, training: bool) -> None:
        self._set_training(training)
        if training:
            generator = self._noise
            assert generator is not None, "training has begun"
        else:
            # The same noise each time: the losses of two epochs differ by their weights alone.
            generator = torch.Generator(self.device).manual_seed(self._validation_seed)
        self._give_context(
            Context(
                generator,
                epoch=max(0, len(self.history) - 1),
                standardize=self.module_.standardize,
            )
        )

    def _begin(self, batch: tuple[Tensor, Tensor | None]) -> tuple[Tensor, Tensor | None]:
        if self._context is not None:
            self._context.begin(*batch)
        return batch

    def _give_context(self, context: Context | None) -> None:
        self._context = context
        for part in self.module_.modules():
            if isinstance(part, ContextModule):
                part.context = context

    def _mean_loss(self, batches: Batches, step_fn: Callable[..., dict[str, Any]]) -> float:
        # Summed on the device and read once: reading a loss waits for the device.
        total = torch.zeros((), dtype=self.dtype, device=self.device)
        for batch in batches:
            total += step_fn(batch)["loss"].detach() * len(batch[0])
        return float(total) / len(batches.rows)

    def _mean_logged_loss(self, prefix: str) -> float:
        sizes = np.array(self.history[-1, "batches", :, f"{prefix}_batch_size"])
        losses = np.array(self.history[-1, "batches", :, f"{prefix}_loss"])
        return float(losses @ sizes / sizes.sum())

    def _own_parameters(self) -> Iterator[tuple[str, Tensor]]:
        # Without what a latent trains beside the autoencoder, such as a discriminator.
        for name, parameter in self.module_.named_parameters():
            if not name.startswith("latent."):
                yield name, parameter

    def follow_schedule(self) -> None:
        """Set the learning rate of the next step."""
        if SCHEDULES[self.schedule] is constant:
            return  # set once, for a plateau or a callback to change
        assert self._max_steps is not None
        share = SCHEDULES[self.schedule](self._n_steps / self._max_steps)
        self._set_learning_rate(self.lr * share)
        self._n_steps += 1

    def _set_learning_rate(self, learning_rate: float) -> None:
        for group in self.optimizer_.param_groups:
            group["lr"] = learning_rate

    def _autocast(self) -> AbstractContextManager:
        if not self.in_bfloat16_:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

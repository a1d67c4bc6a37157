"""skorch's net for autoencoders: trains all that is not plain, and computes after training."""

import copy
import math
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from itertools import chain
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer
from skorch.helper import predefined_split
from torch import Tensor

from sklearn_ae._data.progress import QUIET, Progress
from sklearn_ae._data.ranks import Ranks
from sklearn_ae._data.rows import Batch, Batches, Rows, to_tensor
from sklearn_ae._data.streams.batches import AnyBatches, StreamBatches
from sklearn_ae._data.streams.stream import Stream
from sklearn_ae._data.units import dense
from sklearn_ae.nn import Autoencoder, Context, ContextModule, Objective, refine_output
from sklearn_ae.training.callbacks import (
    Judging,
    StopTraining,
    check_schedule,
    see_unfinished,
    watches_batches,
)
from sklearn_ae.training.checkpoint import Checkpoint, Saving
from sklearn_ae.training.devices import fits_on_device
from sklearn_ae.training.gradients import clip_gradients, gradient_sizes, sum_gradients
from sklearn_ae.training.judge import Judge
from sklearn_ae.training.optimizers import OptimizerFactory, load_state, optimizer_and_options
from sklearn_ae.training.schedules import LearningRate, set_learning_rate
from sklearn_ae.training.threads import count_operations, threads_by_size

# Rows of a batch outside training: enough for full speed, and few enough for the cache.
_INFERENCE_ROWS = 4096
_INFERENCE_ENTRIES = 2**20


class AutoencoderNet(NeuralNet):
    """Trains an autoencoder on :class:`~sklearn_ae._data.rows.Rows`.

    Parameters
    ----------
    module : Autoencoder
        The network, initialised.
    criterion : nn.Module
        ``(output, x, weight, module) -> loss`` of a batch.
    optimizer : str or callable
        See :func:`~sklearn_ae.training.optimizers.optimizer_and_options`.
    weight_decay : float
        Weight decay of the optimizer.
    max_grad_norm : float or None
        Gradients of a larger norm are scaled down to it.
    dtype : torch.dtype
        Type of the weights.
    data_dtype : torch.dtype
        Type of the rows that the module is given.
    autocast : bool
        Whether the matrix products of the training are made in bfloat16.
    device : torch.device
        Where to compute.
    generator : torch.Generator
        Source of all randomness.

    Attributes
    ----------
    interrupted_ : bool
        Whether the user interrupted the last training.
    gradients_ : dict of str to list of float
        Root mean square of the gradient of each layer at the end of each epoch.
    """

    def __init__(
        self,
        module: Autoencoder,
        criterion: torch.nn.Module,
        *,
        optimizer: str | OptimizerFactory,
        weight_decay: float,
        max_grad_norm: float | None,
        dtype: torch.dtype,
        data_dtype: torch.dtype,
        autocast: bool,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        factory, options = optimizer_and_options(
            optimizer, weight_decay=weight_decay, device=device
        )
        if weight_decay > 0 and module.linear_path is not None:
            # Rows far from all others depend on the linear path: it does not decay.
            options["param_groups"] = [("linear_path.*", {"weight_decay": 0.0})]
        super().__init__(
            module,
            criterion,
            optimizer=factory,
            train_split=None,
            device=device,
            **{f"optimizer__{name}": value for name, value in options.items()},
        )
        self.weight_decay, self.max_grad_norm = weight_decay, max_grad_norm
        self.dtype, self.data_dtype, self.autocast = dtype, data_dtype, autocast
        self.generator = generator
        self.interrupted_ = False
        self.gradients_: dict[str, list[float]] = {}
        self.n_components = 0
        self.joined = False  # validation rows have been trained on
        self.explained = 1.0  # share of the variance that the network sees
        self.n_refinement_steps = 0
        self.judge_every = 1
        self._context: Context | None = None
        self._noise: torch.Generator | None = None
        self._validation_seed = 0
        self._best_losses: dict[str, float] = {}
        self._learning_rate: Any = None
        self._ranks: Ranks | None = None
        self._progress = QUIET

    # --- training ---------------------------------------------------------------------------

    def train(
        self,
        rows: Rows | Stream,
        validation: Rows | None,
        judge: Judge,
        *,
        callbacks: list[Callback],
        learning_rate: float,
        schedule: str,
        batch_size: int,
        max_epochs: int,
        n_refinement_steps: int,
        judge_every: int,
        progress: Progress = QUIET,
        hooks: tuple[Callable[[], None], Callable[[], bool]] | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Train on from the current weights, and keep the best.

        Parameters
        ----------
        rows : Rows or Stream
            Training rows.
        validation : Rows or None
            Validation rows.
        judge : Judge
            Judges the epochs.
        callbacks : list of skorch callbacks
            Callbacks of this training.
        learning_rate : float
            The highest learning rate of the schedule.
        schedule : str
            A key of ``SCHEDULES``.
        batch_size : int
            Rows in a batch.
        max_epochs : int
            Number of passes over the rows, at most.
        n_refinement_steps : int
            Refinement steps of the codes of validation rows.
        judge_every : int
            Number of epochs from one evaluation of the validation rows to the next.
        progress : Progress, default=QUIET
            Tells how far the training is.
        hooks : pair of callable or None, default=None
            Called before and after each epoch; training stops if the second returns True.
        checkpoint : Checkpoint or None, default=None
            What the training resumes from, and where it is saved.
        """
        self.lr, self.schedule, self.batch_size = learning_rate, schedule, batch_size
        self.max_epochs, self.judge_every, self.verbose = max_epochs, judge_every, progress.is_shown
        self.train_split = None if validation is None else predefined_split(validation)
        self.n_refinement_steps = n_refinement_steps
        saving = [] if checkpoint is None else [Saving(judge, checkpoint)]
        self.callbacks = [Judging(judge, progress, hooks), *callbacks, *saving]
        self._ranks, self._progress = rows.ranks, progress
        n_operations = count_operations(self.module_, min(batch_size, len(rows)))
        try:
            self.initialize_callbacks()
            check_schedule(schedule, [each for _, each in self.callbacks_])
            with threads_by_size(n_operations):
                self.partial_fit(rows)
        finally:
            self.module_.eval()
            self._give_context(None)
            self.optimizer_.zero_grad()
            # Callbacks may hold on to data and estimators.
            self.callbacks = []
            self.callbacks_: list[tuple[str, Callback]] = []
            self.train_split, self.n_refinement_steps, self._ranks = None, 0, None
            self._progress = QUIET

    @property
    def _default_callbacks(self) -> list[tuple[str, Callback]]:
        # The losses are recorded where they are computed.
        return [("epoch_timer", EpochTimer())]

    @property
    def n_epochs(self) -> int:
        """Number of epochs of this training, with the one that goes on."""
        return len(self.history) - self._n_epochs_before

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        options: dict[str, Any] = {"device": self.device, "dtype": self.data_dtype}
        options["generator"] = self.generator if training else None
        if isinstance(dataset, Stream):
            return StreamBatches(dataset, batch_size=self.batch_size, **options)
        batch_size = self.batch_size if training else self.inference_rows(dataset.X)
        resident = fits_on_device(dataset.X, self.device)
        return Batches(dataset, batch_size=batch_size, resident=resident, **options)

    def on_train_begin(self, net: NeuralNet, X: Rows | None = None, **kwargs: Any) -> None:
        super().on_train_begin(net, X=X, **kwargs)
        self.interrupted_ = False
        self.gradients_ = {}
        self._best_losses = {}
        self._n_epochs_before = len(self.history)
        self._max_steps = 0
        set_learning_rate(self.optimizer_, self.lr)
        self._learning_rate = LearningRate(self.optimizer_, self.schedule)
        self._noise_seed, self._validation_seed = torch.randint(
            2**62, (2,), generator=self.generator
        ).tolist()
        self._noise = torch.Generator(self.device).manual_seed(self._noise_seed)
        self._watches_batches = any(watches_batches(each) for _, each in self.callbacks_)
        if self._watches_batches and self._ranks is not None:
            raise ValueError(
                "Callbacks that watch batches are not supported with several ranks, which each "
                "have a part of a batch."
            )

    def on_epoch_end(
        self, net: NeuralNet, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any
    ) -> None:
        super().on_epoch_end(net, dataset_train, dataset_valid, **kwargs)
        watched = "train_loss" if dataset_valid is None else "valid_loss"
        self._learning_rate.end_epoch(self.history[-1][watched])

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        try:
            super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt as signal:
            if method_name != "on_epoch_end":
                raise  # the user's
            # skorch's callbacks raise it to end a training.
            raise StopTraining from signal

    def fit_loop(self, X: Rows | Stream, y: None = None, **kwargs: Any) -> NeuralNet:
        try:
            return super().fit_loop(X, y, epochs=self.max_epochs - self.n_epochs, **kwargs)
        except StopTraining:
            return self
        except KeyboardInterrupt:
            if self._ranks is not None:
                raise  # the other ranks go on
            self.interrupted_ = True
            if isinstance(X, Stream):  # whose epochs are long
                see_unfinished(self, *self.get_split_datasets(X))
            return self

    def infer(self, x: Tensor, **fit_params: Any) -> Any:
        return self.module_(x)

    def get_loss(
        self, y_pred: Any, y_true: Tensor | None, X: Any = None, training: bool = False
    ) -> Objective:
        # skorch's target is the weight here: the input is its own target.
        return self.criterion_(y_pred, X, y_true, self.module_)

    def run_single_epoch(
        self,
        iterator: Iterable[Any] | None,
        training: bool,
        prefix: str,
        step_fn: Callable[..., dict[str, Any]],
        **fit_params: Any,
    ) -> None:
        if iterator is None:
            return
        assert isinstance(iterator, AnyBatches)
        if not training and not self._is_due():
            self._record_loss(prefix, self.history[-2, f"{prefix}_loss"])
            return
        if training and not self._max_steps:
            self._max_steps = len(iterator) * self.max_epochs
        self._set_mode(training)
        # skorch notifies every callback of every batch, and reads every loss: only if one asks.
        if self._watches_batches:
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            loss = self._mean_logged_loss(prefix)
        else:
            self.history.new_batch()  # skorch's Checkpoint looks for the last one
            loss = self._mean_loss(iterator, step_fn, self._progress if training else QUIET)
        if training:
            for name, size in gradient_sizes(self.module_).items():
                self.gradients_.setdefault(name, []).append(size)
        self._record_loss(prefix, loss)

    def train_step(self, batch: Batch, **fit_params: Any) -> dict[str, Any]:
        self._learning_rate.begin_step(self.lr, self._max_steps)
        if not isinstance(self.optimizer_, torch.optim.LBFGS):
            step = self._backward(batch)
            self.optimizer_.step()  # without skorch's closure, a fifth of a small step
            return step
        # L-BFGS evaluates the loss several times, each time under the same noise.
        context = self._context
        assert context is not None, "given with the mode"
        noise = context.generator.get_state()
        steps: list[dict[str, Any]] = []

        def evaluate() -> Tensor:
            context.generator.set_state(noise)
            context.is_trial = bool(steps)
            steps.append(self._backward(batch))
            return steps[-1]["objective"].loss

        self.optimizer_.step(evaluate)
        return steps[0]

    def validation_step(self, batch: Batch, **fit_params: Any) -> dict[str, Any]:
        if len(batch[0]) == 0:
            return {"loss": torch.zeros((), device=self.device)}
        x, weight, _ = self._begin(batch)
        with torch.no_grad():  # not in inference mode: a penalty may ask for a gradient
            output = self.infer(x)
            if self.n_refinement_steps > 0 and not self.module_.training:
                output = refine_output(self.module_, output, self.n_refinement_steps)
            return {"loss": self.get_loss(output, weight, X=x).value, "y_pred": output}

    def mean_loss(self, rows: Rows, *, as_in_training: bool = False) -> float:
        """Give the loss of some rows under the current weights.

        Parameters
        ----------
        rows : Rows
            The rows.
        as_in_training : bool, default=False
            Whether in batches of the training, and with dropout.
        """
        self._set_mode(training=False)
        batches = self.get_iterator(rows, training=as_in_training)
        batches.generator = None
        if as_in_training:
            self._set_training(True)
            assert self._context is not None, "given with the mode"
            self._context.is_trial = True
        loss = self._mean_loss(batches, self.validation_step)
        self._give_context(None)
        return loss

    def _record_loss(self, prefix: str, loss: float) -> None:
        # As skorch's log reads it.
        self.history.record(f"{prefix}_loss", loss)
        is_best = loss < self._best_losses.get(prefix, math.inf)
        self.history.record(f"{prefix}_loss_best", is_best)
        if is_best:
            self._best_losses[prefix] = loss

    def _is_due(self) -> bool:
        return self.n_epochs in (1, self.max_epochs) or self.n_epochs % self.judge_every == 0

    def _backward(self, batch: Batch) -> dict[str, Any]:
        self.optimizer_.zero_grad()
        if self._ranks is not None:
            objective, output = self._backward_on_ranks(batch, self._ranks), None
        else:
            objective, output = self._backward_here(batch)
        if self.max_grad_norm is not None:
            clip_gradients(self.module_, self.max_grad_norm)
        if self._watches_batches:
            named = self.get_all_learnable_params()
            self.notify("on_grad_computed", named_parameters=named, batch=batch, training=True)
        return {"loss": objective.value, "y_pred": output, "objective": objective}

    def _backward_here(self, batch: Batch) -> tuple[Objective, Any]:
        x, weight, _ = self._begin(batch)
        mixed = torch.autocast(self.device.type, torch.bfloat16) if self.autocast else nullcontext()
        with mixed:
            output = self.infer(x)
        objective = self.get_loss(output, weight, X=x, training=True)
        objective.loss.backward()
        return objective, output

    def _backward_on_ranks(self, batch: Batch, ranks: Ranks) -> Objective:
        n_rows = len(batch[0])
        nothing = torch.zeros((), dtype=self.dtype, device=self.device)
        objective = Objective(nothing, nothing)
        if n_rows > 0:
            objective, _ = self._backward_here(batch)
        loss = sum_gradients(self.module_, objective.loss, n_rows, ranks)
        return objective._replace(loss=loss)

    def _set_mode(self, training: bool) -> None:
        self._set_training(training)
        generator = self._noise
        if training and generator is not None and self._ranks is not None:
            # Of its own on each rank, and the same again after a resumption.
            number = self.n_epochs * self._ranks.size + self._ranks.rank
            generator.manual_seed((self._noise_seed + number) % 2**62)
        if not training or generator is None:
            # The same noise each time: the losses of two epochs differ by their weights alone.
            generator = torch.Generator(self.device).manual_seed(self._validation_seed)
        self._give_context(Context(generator, epoch=max(0, len(self.history) - 1)))

    def _begin(self, batch: Batch) -> Batch:
        if self._context is not None:
            self._context.begin(batch.weight, batch.target)
        return batch

    def _give_context(self, context: Context | None) -> None:
        self._context = context
        for part in self.module_.modules():
            if isinstance(part, ContextModule):
                part.context = context

    def _mean_loss(
        self,
        batches: AnyBatches,
        step_fn: Callable[..., dict[str, Any]],
        progress: Progress = QUIET,
    ) -> float:
        # Summed on the device and read once: reading a loss waits for the device.
        total = torch.zeros((), dtype=self.dtype, device=self.device)
        for batch in batches:
            total += step_fn(batch)["loss"].detach() * len(batch[0])
            progress.step(len(batch[0]), total if batches.rows.ranks is None else None)
        if batches.rows.ranks is not None:
            batches.rows.ranks.sum_(total)
        return float(total) / len(batches.rows)

    def _mean_logged_loss(self, prefix: str) -> float:
        sizes = np.array(self.history[-1, "batches", :, f"{prefix}_batch_size"])
        losses = np.array(self.history[-1, "batches", :, f"{prefix}_loss"])
        return float(losses @ sizes / sizes.sum())

    # --- after training ---------------------------------------------------------------------

    def compute(self, method: Callable[[Tensor], Tensor], X: Any) -> Any:
        """Apply a method of the module to all rows of a matrix, a batch at a time.

        Parameters
        ----------
        method : callable
            Maps a batch to a tensor of as many rows.
        X : ndarray, CSR matrix or array, or Tensor of shape (n_samples, n_columns)
            The rows.

        Returns
        -------
        result : ndarray or Tensor of shape (n_samples, ...)
            A tensor, on the same device, if X is one.
        """
        if self.module_.training:
            self._set_training(False)
        if isinstance(X, Tensor):
            with torch.no_grad():  # not in inference mode: the user may go on with autograd
                parts = X.split(self.inference_rows(X))
                results = [method(x.to(self.device, self.data_dtype)).to(X.device) for x in parts]
                return torch.cat(results)
        result: np.ndarray | None = None
        start = 0
        with torch.inference_mode():
            is_one_batch = isinstance(X, np.ndarray) and len(X) <= self.inference_rows(X)
            if is_one_batch or X.shape[0] == 0:
                return method(to_tensor(dense(X), self.device, self.data_dtype)).cpu().numpy()
            batches = self.get_iterator(Rows(X))
            batches.copy = batches.resident = False  # a single pass
            for x, *_ in batches:
                part = method(x).cpu().numpy()
                if result is None:
                    result = np.empty((X.shape[0], *part.shape[1:]), dtype=part.dtype)
                result[start : start + len(part)] = part
                start += len(part)
        assert result is not None, "there is at least one row"
        return result

    def inference_rows(self, X: Any) -> int:
        """Give how many rows are computed at once."""
        width = max(X.shape[1], self.module_.widest)  # codes become as wide as rows
        return max(1, min(_INFERENCE_ROWS, _INFERENCE_ENTRIES // width))

    # --- state ------------------------------------------------------------------------------

    def weights(self) -> list[Tensor]:
        """Give the tensors that make up the state of the module, without copying them."""
        tensors = chain(self.module_.parameters(), self.module_.buffers())
        return [tensor.detach() for tensor in tensors]

    def set_weights(self, weights: list[Tensor]) -> None:
        """Copy such tensors into the module."""
        with torch.no_grad():
            for current, new in zip(self.weights(), weights, strict=True):
                current.copy_(new)

    def state(self) -> dict[str, Any]:
        """Give a copy of all that training changes."""
        return {
            "weights": [tensor.clone() for tensor in self.weights()],
            "optimizer": copy.deepcopy(self.optimizer_.state_dict()),
            "generator": self.generator.get_state(),
            "history": list(self.history),
            "gradients": copy.deepcopy(self.gradients_),
            "best_losses": dict(self._best_losses),
            "noise": None if self._noise is None else self._noise.get_state(),
            "schedule": None if self._learning_rate is None else self._learning_rate.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to such a state."""
        self.set_weights(state["weights"])
        load_state(self.optimizer_, state["optimizer"])
        self.generator.set_state(state["generator"])
        self.history[:] = state["history"]
        self.gradients_, self._best_losses = state["gradients"], state["best_losses"]
        if self._noise is not None and state["noise"] is not None:
            self._noise.set_state(state["noise"])
            self._learning_rate.restore(state["schedule"])

    def snapshot(self) -> "AutoencoderNet":
        """Give a net for inference with a copy of the module."""
        context = self._context
        self._give_context(None)
        module, optimizer = copy.deepcopy((self.module_, self.optimizer_))
        self._give_context(context)
        # Past skorch's bookkeeping of components, which is for nets under construction.
        net = object.__new__(type(self))
        net.__dict__.update(self.__dict__)
        net.module = net.module_ = module.eval()
        net.optimizer_, net.generator = optimizer, self.generator.clone_state()
        net.gradients_, net.history_ = copy.deepcopy(self.gradients_), copy.copy(self.history)
        # What belongs to the training that goes on.
        net.callbacks, net.callbacks_, net.train_split = [], [], None
        net._context = net._noise = net._learning_rate = net._ranks = None
        net._progress = QUIET
        return net

    def __getstate__(self) -> Any:
        # skorch pickles modules as bytes within the pickle, for the sake of devices. On the CPU
        # a plain pickle also takes classes that are defined in a notebook.
        state = self.__dict__.copy() if self.device.type == "cpu" else super().__getstate__()
        return {**state, "_noise": None, "_learning_rate": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "__cuda_dependent_attributes__" in state:
            super().__setstate__(state)
        else:
            self.__dict__.update(state)

"""How the estimators are fitted: for how long, judged by which rows, and what it sets."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from sklearn.base import clone
from sklearn.callback import CallbackContext
from skorch.callbacks import Callback

from sklearn_ae._data.bounds import forget_broken_bounds
from sklearn_ae._data.random import draw_seed
from sklearn_ae._data.units import column_mean_and_std
from sklearn_ae._fitting.build import build_net, int_or_share
from sklearn_ae._fitting.folds import FoldsMixin, InterruptedTraining
from sklearn_ae._fitting.messages import complain_of_divergence, complain_of_under_fitting
from sklearn_ae._fitting.record import Record, make_record
from sklearn_ae._fitting.training_length import TrainingLength
from sklearn_ae._inspection.diagnosis import is_under_fitted
from sklearn_ae.parameters import is_same
from sklearn_ae.training import (
    FULL_BATCH_OPTIMIZERS,
    AutoencoderNet,
    Monitor,
    Rows,
    check_device,
    count_operations,
)

# What can not change once the network is built.
_BUILT_WITH = (
    "n_components",
    "hidden_layer_sizes",
    "activation",
    "dropout",
    "architecture",
    "latent",
    "corruption",
    "loss",
    "output_activation",
    "linear_path",
    "optimizer",
    "weight_decay",
    "l1_penalty",
    "max_grad_norm",
    "precision",
)
# With fewer rows, a part of them is too small to judge by and too large to do without.
_MIN_SAMPLES_TO_SPLIT = 100
# Share of the error of principal components below which a gain on rows that were not seen is taken
# for chance. Over many small sets, without it every fifth fit was worse than PCA, with it every
# thirtieth; what is lost by it is at most itself.
_MIN_GAIN = 0.02
# Number of steps that max_iter="auto" aims at, and the least and the largest number of epochs.
_N_STEPS, _MIN_EPOCHS, _MAX_EPOCHS = 6000, 15, 100
# Arithmetic of all these steps, beyond which there are fewer: a minute's work for two cores.
_MAX_OPERATIONS = 6e12


class FittingMixin(FoldsMixin):
    """Mixin of the estimators: all that ``fit`` and ``partial_fit`` do with checked rows."""

    n_components: Any
    optimizer: Any
    linear_path: Any
    learning_rate: float
    learning_rate_schedule: str
    batch_size: Any
    max_iter: Any
    tol: float
    early_stopping: Any
    validation_fraction: float
    n_iter_no_change: int | None
    warm_start: bool
    device: Any
    callbacks: Any
    random_state: Any
    verbose: Any
    loss: Any
    net_: AutoencoderNet
    initial_loss_: float
    _record_: Record
    _check_rows: Any
    _scale: Any
    _max_found_components: Any
    _init_callback_context: Any

    def _fit(self, X: Any, sample_weight: Any) -> None:
        """Train on X, from scratch or, with `warm_start`, on from the weights there are."""
        first = not (self.warm_start and hasattr(self, "net_"))
        with self._unchanged_on_error(first=first):
            rows = self._check_rows(X, sample_weight, first=first)
            seed = draw_seed(self.random_state)
            parts = self._hold_out_before(rows, seed) if first else None
            known = rows if parts is None else parts[0].extract()
            net = self._new_net(known, seed) if first else self._current_net(rows)
            max_iter = self._max_epochs(net, len(rows))
            callbacks = self._skorch_callbacks()
            # y is X: ScoringMonitor scores only where there is a y.
            data = {
                "estimator": self,
                "X": X,
                "y": X,
                "metadata": None if sample_weight is None else {"sample_weight": sample_weight},
            }
            context = self._init_callback_context(max_subtasks=max_iter)
            context.call_on_fit_task_begin(**data)
            length = None
            try:
                if first and self._cross_validates(len(rows)):
                    net, length = self._cross_validate(net, rows, max_iter, seed)
                monitor = self._monitor(net, first=first, follows=length)
                if getattr(self, "_skl_callbacks", ()):
                    self._report_epochs(monitor, net, rows, length, context, data)
                if parts is None:
                    parts = self._hold_out(rows, net.generator, unless=length)
                rival = None
                if first and parts[1] is not None and self._has_second_start(net):
                    rival = self._plain_net(net, known, seed)
                    watcher = self._monitor(rival, first=True, follows=None)
                    self._train_to_compare(rival, parts, watcher, max_iter)
                self._train_so_long(net, parts, monitor, length, max_iter, callbacks)
                if rival and not net.interrupted_ and _leads_further(watcher, monitor):
                    watcher.initial_loss_ = monitor.initial_loss_
                    net, monitor = rival, watcher
                is_trained = not net.interrupted_ and monitor.best_loss_ < monitor.initial_loss_
                if is_trained and (length is None or length.fits_decoder):
                    self._fit_decoder(net, parts)
            except InterruptedTraining as interruption:
                # What is trained so far: a network of a part of the rows, or of another start.
                net, monitor = interruption.net, interruption.monitor
            self._finish(net, rows, monitor, length)
            if is_under_fitted(self._record_, self.initial_loss_):
                complain_of_under_fitting(max_iter)
            context.call_on_fit_task_end(**data, reconstruction_attributes={})

    def _train_so_long(
        self,
        net: AutoencoderNet,
        parts: tuple[Rows, Rows | None],
        monitor: Monitor,
        length: TrainingLength | None,
        max_iter: int,
        callbacks: list[Callback],
    ) -> None:
        """Train for as long as cross-validation says, if it took place."""
        settings: dict[str, Any] = {}
        if length is not None:
            net.n_epochs_beyond = len(length.held_out_curve) - length.n_epochs
            settings = {"n_epochs": length.n_epochs, "held_out_losses": length.held_out_curve}
        self._train(net, parts, monitor, max_iter, callbacks=callbacks, **settings)

    def _partial_fit(self, X: Any, sample_weight: Any) -> None:
        """Train for one epoch on X, the first time from scratch."""
        first = not hasattr(self, "net_")
        with self._unchanged_on_error(first=first):
            rows = self._check_rows(X, sample_weight, first=first)
            if first:
                net = self._new_net(rows, draw_seed(self.random_state))
            else:
                net = self._current_net(rows)
            monitor = Monitor(self.tol, None, keep_last=True)
            callbacks = self._skorch_callbacks()
            self._train(net, (rows, None), monitor, 1, callbacks=callbacks, schedule="constant")
            self._finish(net, rows, monitor, None, on_stream=True)

    def _report_epochs(
        self,
        monitor: Monitor,
        net: AutoencoderNet,
        rows: Rows,
        length: TrainingLength | None,
        context: CallbackContext,
        data: dict[str, Any],
    ) -> None:
        """Have the monitor call scikit-learn's callbacks around every epoch."""
        epoch: CallbackContext

        def begin() -> None:
            nonlocal epoch
            epoch = context.subcontext(task_name="epoch")
            epoch.call_on_fit_task_begin(**data)

        def end() -> bool:
            # Lazily: the attributes, and the copy of the network, take time.
            return epoch.call_on_fit_task_end(
                **data,
                reconstruction_attributes=lambda: self._fitted_attributes(
                    net.snapshot(monitor.kept_weights()), monitor, rows, length
                ),
            )

        monitor.begin, monitor.end = begin, end

    def _fitted_attributes(
        self,
        net: AutoencoderNet,
        monitor: Monitor,
        rows: Rows,
        length: TrainingLength | None,
        *,
        on_stream: bool = False,
    ) -> dict[str, Any]:
        """Give everything that fitting sets, by name."""
        loss_curve = [epoch["train_loss"] for epoch in net.history if "train_loss" in epoch]
        validation_curve = [epoch["valid_loss"] for epoch in net.history if "valid_loss" in epoch]
        initial_loss, best_loss = monitor.initial_loss_, monitor.best_loss_
        if length is not None:
            initial_loss, best_loss = length.initial_loss, length.best_loss
            validation_curve = length.held_out_curve
        return {
            "net_": net,
            "n_components_": net.n_components,
            "n_iter_": len(loss_curve) + net.n_epochs_beyond,
            "loss_curve_": loss_curve,
            "validation_curve_": validation_curve or None,
            "loss_": loss_curve[-1] if loss_curve else initial_loss,
            "initial_loss_": initial_loss,
            "best_loss_": best_loss,
            "_record_": make_record(
                net, monitor, length, getattr(self, "_record_", None) if on_stream else None
            ),
            "_density_": None,
        }

    @contextmanager
    def _unchanged_on_error(self, *, first: bool) -> Iterator[None]:
        """Leave what was fitted before as it was where fitting fails."""
        before = {name: value for name, value in vars(self).items() if _is_fitted(name)}
        state = None if first else self.net_.state()
        try:
            yield
        except BaseException:
            for name in [name for name in vars(self) if _is_fitted(name)]:
                delattr(self, name)
            self.__dict__.update(before)
            if state is not None:
                self.net_.restore(state)
            raise

    def _new_net(
        self,
        rows: Rows,
        seed: int,
        n_components: int | None = None,
        *,
        tries_linear_path: bool = True,
    ) -> AutoencoderNet:
        mean, std = column_mean_and_std(rows.X, rows.sample_weight)
        net = build_net(
            self,
            rows,
            shift=mean,
            scale=self._scale(std),
            n_components=int_or_share(self.n_components) if n_components is None else n_components,
            max_found_components=self._max_found_components(len(mean)),
            seed=seed,
            tries_linear_path=tries_linear_path,
        )
        net.built_with = {name: _copy(getattr(self, name)) for name in _BUILT_WITH}
        return net

    def _current_net(self, rows: Rows) -> AutoencoderNet:
        """Give the net that is trained further, having checked that the parameters fit it."""
        net = self.net_
        for name, value in net.built_with.items():
            if not is_same(getattr(self, name), value):
                raise ValueError(
                    f"{name}={getattr(self, name)!r} differs from {value!r}, with which the "
                    "network was built; fit with warm_start=False to change it."
                )
        if self.device != "auto" and check_device(self.device).type != net.device.type:
            raise ValueError(
                f"device={str(self.device)!r} differs from {str(net.device)!r}, where the fitted "
                "network is; fit with warm_start=False to move it."
            )
        forget_broken_bounds(net.module_.bounds, rows.X)
        return net

    def _max_epochs(self, net: AutoencoderNet, n_rows: int) -> int:
        n_operations = count_operations(net.module_, min(self._batch_size(n_rows), n_rows))
        # Not known, and therefore not above, where there are not only matrix products.
        is_large = n_operations * _N_STEPS > _MAX_OPERATIONS
        n_steps = int(_MAX_OPERATIONS / n_operations) if is_large else _N_STEPS
        return self._epochs_for(n_rows, n_steps=n_steps, fewest=_MIN_EPOCHS, most=_MAX_EPOCHS)

    def _epochs_for(self, n_rows: int, *, n_steps: int, fewest: int, most: int) -> int:
        """Give the number of epochs that is asked for, or makes so many steps."""
        if self.max_iter != "auto":
            return int(self.max_iter)
        steps_of_epoch = -(-n_rows // min(self._batch_size(n_rows), n_rows))
        return min(max(n_steps // steps_of_epoch, fewest), most)

    def _batch_size(self, n_rows: int) -> int:
        if self.batch_size != "auto":
            return int(self.batch_size)
        if self.optimizer in FULL_BATCH_OPTIMIZERS:
            return n_rows
        # Small data need many steps an epoch, large data few steps a second.
        return min(max(n_rows // 32, 64), 256)

    def _fit_decoder(self, net: AutoencoderNet, parts: tuple[Rows, Rows | None]) -> None:
        """Train the decoder alone on, where that follows, and judge it by the held-out part."""

    def _hold_out(
        self, rows: Rows, generator: torch.Generator, *, unless: TrainingLength | None
    ) -> tuple[Rows, Rows | None]:
        """Split rows into those that are trained on and those that are held out, if any."""
        splits = self.early_stopping
        if splits == "auto":
            splits = unless is None and len(rows) >= _MIN_SAMPLES_TO_SPLIT
        if not splits or len(rows) == 1:
            return rows, None
        return rows.split(self.validation_fraction, generator)

    def _hold_out_before(self, rows: Rows, seed: int) -> tuple[Rows, Rows | None] | None:
        """Split rows before anything is made of them; None: that can wait."""
        return None

    def _monitor(
        self, net: AutoencoderNet, *, first: bool, follows: TrainingLength | None
    ) -> Monitor:
        """Give what judges the epochs."""
        if follows is not None:
            return Monitor(self.tol, None, keep_last=True)
        return Monitor(
            self.tol,
            self.n_iter_no_change,
            warm_up=net.module_.latent.warm_up,
            min_gain=_min_gain(net) if first and self.early_stopping else 0.0,
        )

    def _train(
        self,
        net: AutoencoderNet,
        parts: tuple[Rows, Rows | None],
        monitor: Monitor,
        max_epochs: int,
        *,
        callbacks: Sequence[Callback] = (),
        schedule: str | None = None,
        **settings: Any,
    ) -> None:
        rows, held_out = parts
        net.train(
            rows,
            callbacks=[monitor, *callbacks],
            learning_rate=self.learning_rate,
            schedule=self.learning_rate_schedule if schedule is None else schedule,
            batch_size=self._batch_size(len(rows)),
            max_epochs=max_epochs,
            verbose=bool(self.verbose),
            held_out=held_out,
            judging=self._judging(net, max_epochs),
            **settings,
        )
        if monitor.diverged_:
            net.forget_steps()  # they led here

    def _finish(
        self,
        net: AutoencoderNet,
        rows: Rows,
        monitor: Monitor,
        length: TrainingLength | None,
        *,
        on_stream: bool = False,
    ) -> None:
        """Tell what went wrong, if anything did, and set what fitting sets."""
        if monitor.diverged_ or (length is not None and length.diverged):
            complain_of_divergence(monitor.initial_loss_, self.loss, self.learning_rate)
        if net.interrupted_:
            warnings.warn("Training interrupted by user: the best weights so far are kept.")
        attributes = self._fitted_attributes(net, monitor, rows, length, on_stream=on_stream)
        for name, value in attributes.items():
            setattr(self, name, value)

    def _skorch_callbacks(self) -> list[Callback]:
        callbacks = [] if self.callbacks is None else list(self.callbacks)
        for callback in callbacks:
            each = callback[1] if isinstance(callback, (tuple, list)) else callback
            each = each if isinstance(each, type) else type(each)
            if not issubclass(each, Callback):
                raise TypeError(
                    f"callbacks must be callbacks of skorch, got {callback!r}. Those of "
                    "scikit-learn are set by set_callbacks."
                )
        return callbacks


def _leads_further(rival: Monitor, monitor: Monitor) -> bool:
    best = rival.best_loss_
    return best < monitor.best_loss_ and best < (1 - _MIN_GAIN) * monitor.initial_loss_


def _min_gain(net: AutoencoderNet) -> float:
    return 0.0 if net.module_.linear_path is None else _MIN_GAIN


def _copy(parameter: Any) -> Any:
    # set_params changes parameter objects in place.
    return clone(parameter) if hasattr(parameter, "get_params") else parameter


def _is_fitted(name: str) -> bool:
    return name.endswith("_") and not name.startswith("__")

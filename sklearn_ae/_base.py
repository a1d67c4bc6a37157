"""What both estimators share: parameters, validation, fitting and scoring."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.callback import CallbackContext, CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    RealNotInt,
    StrOptions,
)
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)
from skorch.callbacks import Callback

from sklearn_ae._diagnosis import DiagnosisMixin, is_under_fitted
from sklearn_ae._generation import GenerationMixin
from sklearn_ae._network import build_net
from sklearn_ae._parameter_object import is_same
from sklearn_ae._record import make_record
from sklearn_ae._standard_units import column_mean_and_std
from sklearn_ae.corruption import CORRUPTIONS
from sklearn_ae.latents import LATENTS
from sklearn_ae.losses import LOSSES, OUTPUT_ACTIVATIONS
from sklearn_ae.nn import ACTIVATIONS
from sklearn_ae.training import (
    FULL_BATCH_OPTIMIZERS,
    OPTIMIZERS,
    SCHEDULES,
    AutoencoderNet,
    Monitor,
    Rows,
    check_device,
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
# Entries from which on threads pay for a sum.
_LARGE = 2**20


class BaseAutoencoder(GenerationMixin, DiagnosisMixin, CallbackSupportMixin, BaseEstimator):
    """Base class of the estimators; see them for the parameters."""

    _parameter_constraints: dict[str, list[Any]] = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            StrOptions({"auto"}),
        ],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "architecture": [HasMethods("build"), tuple, None],
        "latent": [StrOptions(set(LATENTS)), HasMethods("build"), None],
        "corruption": [StrOptions(set(CORRUPTIONS)), HasMethods("build"), None],
        "loss": [StrOptions(set(LOSSES)), callable],
        "output_activation": [StrOptions({"auto", "identity", *OUTPUT_ACTIVATIONS})],
        "linear_path": [StrOptions({"auto", "pca"}), None],
        "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "learning_rate_schedule": [StrOptions(set(SCHEDULES))],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "l1_penalty": [Interval(Real, 0, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
        "warm_start": ["boolean"],
        "device": [str, torch.device],
        "precision": [StrOptions({"auto", "float32", "float64", "bfloat16"}), None],
        "callbacks": ["array-like", None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # --- public to both ---------------------------------------------------------------------

    def reconstruct(self, X: Any) -> np.ndarray:
        """Encode and decode rows.

        The same as ``inverse_transform(transform(X))`` of the transformer, in one pass.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            Their reconstructions, in input units.

        Raises
        ------
        NotFittedError
            If the estimator was not fitted.
        ValueError
            If X is not like the data it was fitted on.
        """
        check_is_fitted(self)
        module = self.net_.module_
        return self.net_.compute(lambda x: module.decode(module.encode(x)), self._check_X(X))

    def __sklearn_is_fitted__(self) -> bool:
        # scikit-learn would look through all attributes, at each call.
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # --- for the subclasses -----------------------------------------------------------------

    def _fit(self, X: Any, sample_weight: Any) -> None:
        """Train on X, from scratch or, with `warm_start`, on from the weights there are."""
        first = not (self.warm_start and hasattr(self, "net_"))
        with self._unchanged_on_error(first=first):
            rows = self._check_rows(X, sample_weight, first=first)
            net = self._new_net(rows) if first else self._current_net()
            # y is X: ScoringMonitor scores only where there is a y.
            data = {
                "estimator": self,
                "X": X,
                "y": X,
                "metadata": None if sample_weight is None else {"sample_weight": sample_weight},
            }
            context = self._init_callback_context(max_subtasks=self.max_iter)
            context.call_on_fit_task_begin(**data)
            warm_up = net.module_.latent.warm_up
            monitor = Monitor(self.tol, self.n_iter_no_change, warm_up=warm_up)
            if getattr(self, "_skl_callbacks", ()):
                self._report_epochs(monitor, net, rows, context, data)
            splits = self.early_stopping
            if splits == "auto":
                splits = len(rows) >= _MIN_SAMPLES_TO_SPLIT
            splits = splits and len(rows) > 1
            self._train(
                net,
                rows,
                monitor,
                schedule=self.learning_rate_schedule,
                max_epochs=self.max_iter,
                validation_fraction=self.validation_fraction if splits else 0.0,
            )
            if is_under_fitted(self._record_, self.initial_loss_):
                warnings.warn(
                    f"The loss was still falling when training reached max_iter={self.max_iter}: "
                    "raise max_iter. diagnose() tells more.",
                    ConvergenceWarning,
                )
            context.call_on_fit_task_end(**data, reconstruction_attributes={})

    def _report_epochs(
        self,
        monitor: Monitor,
        net: AutoencoderNet,
        rows: Rows,
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
                    net.snapshot(monitor.weights_), monitor, rows
                ),
            )

        monitor.begin, monitor.end = begin, end

    def _partial_fit(self, X: Any, sample_weight: Any) -> None:
        """Train for one epoch on X, the first time from scratch."""
        first = not hasattr(self, "net_")
        with self._unchanged_on_error(first=first):
            rows = self._check_rows(X, sample_weight, first=first)
            net = self._new_net(rows) if first else self._current_net()
            monitor = Monitor(self.tol, None, keep_last=True)
            self._train(
                net, rows, monitor, schedule="constant", max_epochs=1, validation_fraction=0.0
            )

    def _fitted_attributes(
        self, net: AutoencoderNet, monitor: Monitor, rows: Rows
    ) -> dict[str, Any]:
        """Give everything that fitting sets, by name."""
        loss_curve = [epoch["train_loss"] for epoch in net.history if "train_loss" in epoch]
        validation_curve = [epoch["valid_loss"] for epoch in net.history if "valid_loss" in epoch]
        return {
            "net_": net,
            "n_components_": net.n_components,
            "n_iter_": len(loss_curve),
            "loss_curve_": loss_curve,
            "validation_curve_": validation_curve or None,
            "loss_": loss_curve[-1] if loss_curve else monitor.initial_loss_,
            "initial_loss_": monitor.initial_loss_,
            "best_loss_": monitor.best_loss_,
            "_record_": make_record(
                net, monitor, getattr(self, "_record_", None) if monitor.keep_last else None
            ),
            "_density_": None,
        }

    def _scale(self, std: np.ndarray) -> np.ndarray:
        """Give what the centred columns are divided by: one scale, or one a column."""
        raise NotImplementedError

    def _max_found_components(self, n_features: int) -> int:
        """Give how many components a share of the variance may amount to."""
        return n_features

    def _check_X(self, X: Any, *, reset: bool = False, n_samples: int = 1) -> Any:
        """Check X and give it as a float array or CSR matrix."""
        return validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            order="C",
            ensure_min_samples=n_samples,
            # scikit-learn would look at the sum as well, but on one thread, which takes a tenth of
            # the time of the network.
            ensure_all_finite=not _has_finite_sum(X),
        )

    def _squared_residuals(self, net: AutoencoderNet, X: Any, *, per_row: bool) -> np.ndarray:
        """Give squared residuals in standard units: of each entry, or the mean of each row."""

        def compute(x: torch.Tensor) -> torch.Tensor:
            # Rows so far out that the network overflows are infinitely far out, not undefined.
            squares = net.module_.residual(x).square().nan_to_num(torch.inf, torch.inf)
            return squares.mean(dim=-1) if per_row else squares

        return net.compute(compute, X)

    # --- the steps of fitting ---------------------------------------------------------------

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

    def _check_rows(self, X: Any, sample_weight: Any, *, first: bool) -> Rows:
        """Check the training data."""
        if isinstance(self.n_components, (bool, np.bool_)):
            raise InvalidParameterError(
                f"The 'n_components' parameter of {type(self).__name__} must be an int in the "
                "range [1, inf), a float in the range (0.0, 1.0) or a str among {'auto'}. Got "
                f"{self.n_components!r} instead."
            )
        X = self._check_X(X, reset=first, n_samples=2 if first else 1)
        self._check_range(X)
        if sample_weight is None:
            return Rows(X)
        weight = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
        positive = weight > 0
        if first and positive.sum() < 2:
            raise ValueError(
                "Found 1 sample with a positive sample_weight while a minimum of 2 is required by "
                f"{type(self).__name__}."
            )
        if not positive.all():
            X, weight = X[positive], weight[positive]
        mean = float(weight.mean())
        return Rows(X, weight / mean, mean_weight=mean)

    def _check_range(self, X: Any) -> None:
        """Check that X has values that the loss has a meaning for."""
        if self.loss == "binary_cross_entropy":
            low, high = X.min(), X.max()
            if low < 0 or high > 1:
                raise ValueError(
                    "X must be in [0, 1] for loss='binary_cross_entropy', got values from "
                    f"{low:g} to {high:g}; scale it with MinMaxScaler."
                )

    def _new_net(self, rows: Rows) -> AutoencoderNet:
        mean, std = column_mean_and_std(rows.X, rows.sample_weight)
        net = build_net(
            self,
            rows,
            shift=mean,
            scale=self._scale(std),
            max_found_components=self._max_found_components(len(mean)),
        )
        net.built_with = {name: _copy(getattr(self, name)) for name in _BUILT_WITH}
        return net

    def _current_net(self) -> AutoencoderNet:
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
        return net

    def _train(self, net: AutoencoderNet, rows: Rows, monitor: Monitor, **settings: Any) -> None:
        batch_size = self.batch_size
        if batch_size == "auto" and self.optimizer in FULL_BATCH_OPTIMIZERS:
            batch_size = len(rows)
        elif batch_size == "auto":
            # Small data need many steps an epoch, large data few steps a second.
            batch_size = min(max(len(rows) // 32, 64), 256)
        net.train(
            rows,
            callbacks=[monitor, *self._skorch_callbacks()],
            learning_rate=self.learning_rate,
            batch_size=int(batch_size),
            verbose=bool(self.verbose),
            **settings,
        )
        if monitor.diverged_:
            net.forget_steps()  # they led here
            self._complain_of_divergence(monitor)
        if net.interrupted_:
            warnings.warn("Training interrupted by user: the best weights so far are kept.")
        for name, value in self._fitted_attributes(net, monitor, rows).items():
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

    def _complain_of_divergence(self, monitor: Monitor) -> None:
        if not np.isfinite(monitor.initial_loss_):
            raise ValueError(
                f"The loss is {monitor.initial_loss_} before training: loss={self.loss!r} or the "
                "modules of the architecture give no finite number for these data."
            )
        warnings.warn(
            "Training stopped because the loss is no longer finite: the best weights so far are "
            f"kept. Lower learning_rate (now {self.learning_rate:g}), or scale columns of very "
            "different size, for example with StandardScaler.",
            RuntimeWarning,
        )


def _copy(parameter: Any) -> Any:
    # set_params changes parameter objects in place.
    return clone(parameter) if hasattr(parameter, "get_params") else parameter


def _has_finite_sum(X: Any) -> bool:
    """Tell whether X is a large array without infinities and NaNs; False if in doubt."""
    return (
        isinstance(X, np.ndarray)
        and X.dtype in (np.float32, np.float64)
        and X.size > _LARGE
        # PyTorch does not take others, or warns of them.
        and X.flags.c_contiguous
        and X.flags.writeable
        and bool(torch.from_numpy(X).sum().isfinite())
    )


def _is_fitted(name: str) -> bool:
    return name.endswith("_") and not name.startswith("__")

"""What both estimators share: parameters, validation and scoring."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    RealNotInt,
    StrOptions,
)
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ae._compat import CallbackSupportMixin, check_sample_weight
from sklearn_ae._data.array_api import (
    as_numpy,
    follows_input,
    is_dispatched,
    like,
    namespace_of,
)
from sklearn_ae._data.array_likes import (
    as_array_like,
    float_types,
    has_finite_sum,
    naming_columns,
)
from sklearn_ae._data.random import draw_seed
from sklearn_ae._data.ranks import Ranks, current_ranks
from sklearn_ae._data.rows import Rows
from sklearn_ae._data.spread import make_statistics, spread_rows
from sklearn_ae._data.streams.opening import open_source
from sklearn_ae._data.streams.source import Source
from sklearn_ae._data.streams.stream import Stream, read_through
from sklearn_ae._data.streams.writing import compute
from sklearn_ae._fitting.build import build_net
from sklearn_ae._fitting.callbacks import skorch_callbacks
from sklearn_ae._fitting.fit import Fit, Hooks, fit, fit_further, fit_partially, make_progress
from sklearn_ae._fitting.fit_stream import fit_stream
from sklearn_ae._fitting.forecast import FitForecast, forecast_fit, is_shape, rows_of_shape
from sklearn_ae._fitting.plan import FitPlan, make_plan
from sklearn_ae._fitting.project import fit_projected
from sklearn_ae._fitting.record import make_record
from sklearn_ae._fitting.warn import warn_of_training
from sklearn_ae._inspection.diagnosis import Diagnosis, diagnose
from sklearn_ae._inspection.html import describe_training, documentation_url
from sklearn_ae._persistence.model import compact, expand, is_fitted, save
from sklearn_ae.architectures import MLP
from sklearn_ae.corruption import CORRUPTIONS
from sklearn_ae.latents import LATENTS
from sklearn_ae.losses import LOSSES, OUTPUT_ACTIVATIONS
from sklearn_ae.nn import ACTIVATIONS
from sklearn_ae.parameters import check_is_instance, did_you_mean, is_same
from sklearn_ae.training import (
    OPTIMIZERS,
    SCHEDULES,
    AutoencoderNet,
    Checkpoint,
    check_device,
    describe_parameters,
    fingerprint,
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
    "max_grad_norm",
    "precision",
)


def _options(names: Iterable[str]) -> StrOptions:
    """Give options that error messages list in alphabetical order: a set has none."""
    return StrOptions(dict.fromkeys(sorted(names)).keys())


class BaseAutoencoder(CallbackSupportMixin, BaseEstimator):
    """Base class of the estimators; see them for the parameters."""

    _parameter_constraints: dict[str, list[Any]] = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            StrOptions({"auto"}),
        ],
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "activation": [_options(ACTIVATIONS)],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "architecture": [HasMethods("build"), tuple, None],
        "latent": [_options(LATENTS), HasMethods("build"), None],
        "corruption": [_options(CORRUPTIONS), HasMethods("build"), None],
        "loss": [_options(LOSSES), callable],
        "output_activation": [_options({"auto", "identity", "clip", *OUTPUT_ACTIVATIONS})],
        "linear_path": [StrOptions({"auto", "pca"}), None],
        "optimizer": [_options(OPTIMIZERS), callable],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "learning_rate_schedule": [_options(SCHEDULES)],
        "weight_decay": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_iter": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
        "warm_start": ["boolean"],
        "device": [str, torch.device],
        "precision": [_options({"float32", "float64", "bfloat16"}), None],
        "callbacks": ["array-like", None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # Without an address of the site, scikit-learn's default makes no link.
    if documentation_url() is not None:
        _doc_link_module = "sklearn_ae"
        _doc_link_template = (
            f"{documentation_url()}/api/generated/{{estimator_module}}.{{estimator_name}}.html"
        )

    # --- public to both ---------------------------------------------------------------------

    @follows_input
    def reconstruct(self, X: Any, *, out: Any = None) -> Any:
        """Encode and decode rows.

        The same as ``inverse_transform(transform(X))`` of the transformer, in one pass.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        out : array of shape (n_samples, n_features) or None, default=None
            Where the result is written, block by block: an array of NumPy, zarr or h5py or
            anything else that takes slices. None: a new array.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            Their reconstructions, in input units, or `out`.
        """
        check_is_fitted(self)
        return self._compute(lambda X: self.net_.compute(self._reconstruct, X), X, out)

    def diagnose(self) -> Diagnosis:
        """Tell what went wrong in the last training, if anything did.

        Looks for under-fitting, over-fitting, vanishing and exploding gradients, dead units,
        unused entries of the code, posterior collapse, a reconstruction no better than that
        of PCA and inputs out of range of the output's activation.

        Returns
        -------
        diagnosis : Diagnosis
            The report: ``symptoms`` are the names, ``findings`` have evidence and advice as
            well, ``figures`` are the numbers behind them. It prints as text and shows as
            HTML in a notebook.
        """
        check_is_fitted(self)
        return diagnose(type(self).__name__, self._record_)

    def plan_for(self, X: Any) -> FitForecast:
        """Tell what `fit` would do, and how long it would take, without changing anything.

        Fits a small part of X for a moment, and scales the time. That takes less than a second,
        or some seconds for a detector of many rows. On an idle machine, expect the true time within
        a factor of 2, and within a factor of 3 if X is a shape with more than 2,000 columns. If the
        trial of few rows finds that training does not help, the fit ends early. The time of
        callbacks is not counted. ``seconds`` is None for data larger than memory, which have to be
        read from disk, and if the loss is not finite.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or (int, int)
            The training data, or only their shape. float64 is assumed for a shape.

        Returns
        -------
        forecast : FitForecast
            Rows, columns, components, weights, epochs, steps, floating-point operations, expected
            ``seconds`` on this machine, and the ``plan``: what "auto" stands for. A size of the
            code that is a share of the variance is that of the part.

        Raises
        ------
        ValueError
            If data or parameters are invalid, or X has to be read to know how many rows it has.

        Examples
        --------
        >>> from sklearn_ae import AutoencoderTransformer
        >>> forecast = AutoencoderTransformer(n_components=8).plan_for((20_000, 60))
        >>> forecast.n_epochs, forecast.n_steps
        (49, 1764)
        """
        copy = clone(self).set_params(verbose=False)
        copy._validate_params()
        skorch_callbacks(copy)  # checks them
        is_noise = is_shape(X)
        X = X if is_noise else open_source(X)
        is_stream = isinstance(X, Source)
        if is_noise:
            n_rows, n_features = X
            if n_rows < 2 or n_features < 1:
                raise ValueError(f"The shape of X must be at least (2, 1), got {X}.")
            rows = None
        else:
            rows = copy._check_rows(X.head if is_stream else X, None, first=True, minimum=2)
            n_rows, n_features = X.n_rows if is_stream else len(rows), rows.X.shape[1]
            if n_rows is None:
                raise ValueError("X does not tell its number of rows: give its shape instead.")
        plan = copy._plan(n_rows, n_features, is_stream=is_stream)
        if rows is None:
            rows = rows_of_shape(X, plan)
        return forecast_fit(
            copy,
            rows,
            n_rows,
            plan,
            copy._fitted_attributes,
            is_noise=is_noise,
            is_stream=is_stream,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the fitted estimator to a file, which :func:`sklearn_ae.load` loads.

        Unlike a pickle, the file is safe to load even if you do not trust its author: it holds
        numbers and names, no code. It is a safetensors file with the weights and arrays; everything
        else is JSON in its metadata.
        Objects of your own among the parameters, such as an architecture or callbacks, are not in
        it: pass them to ``load`` again. Callbacks of scikit-learn are left out.

        Parameters
        ----------
        path : str or os.PathLike
            Path of the file. If a file is there, it is replaced in one step once the new one is
            complete.

        Raises
        ------
        TypeError
            If something in the estimator can not be saved.
        """
        check_is_fitted(self)
        save(self, path)

    def __getstate__(self) -> dict[str, Any]:
        # Fitted attributes as text and arrays: nets are large, and may be on a device that is not
        # there when they are loaded.
        return compact(super().__getstate__())

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(expand(state))

    def _repr_html_inner(self) -> str:
        return super()._repr_html_inner() + describe_training(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle = super()._repr_mimebundle_(**kwargs)
        return bundle | ({"text/html": self._repr_html_inner()} if "text/html" in bundle else {})

    def __sklearn_is_fitted__(self) -> bool:
        # scikit-learn would look through all attributes, at each call.
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = True
        return tags

    # --- for the subclasses -----------------------------------------------------------------

    _is_detector = False
    # The fit that a search has made, which takes the place of a training.
    _trained: Fit | None = None

    def _validate_params(self) -> None:
        """Check the parameters, and name the option nearest to an unknown string."""
        for name in ("n_components", "hidden_layer_sizes"):
            if isinstance(getattr(self, name), (bool, np.bool_)):
                raise InvalidParameterError(
                    f"The {name!r} parameter of {type(self).__name__} must be a number, not a "
                    f"boolean. Got {getattr(self, name)!r} instead."
                )
        try:
            super()._validate_params()
        except InvalidParameterError as error:
            raise InvalidParameterError(f"{error}{self._nearest_option(str(error))}") from None

    def _nearest_option(self, message: str) -> str:
        for name, constraints in self._parameter_constraints.items():
            value = getattr(self, name)
            if isinstance(value, str) and f"{name!r} parameter" in message:
                kinds = [each for each in constraints if isinstance(each, StrOptions)]
                return did_you_mean(value, [option for kind in kinds for option in kind.options])
        return ""

    def _requested_refinement_steps(self) -> int | str:
        """Give the number of refinement steps that the parameters ask for, or "auto"."""
        return 0

    def _describe_fit(self, done: Fit, *, on_stream: bool = False) -> dict[str, Any]:
        """Give the fitted attributes of the estimator beside those of both."""
        raise NotImplementedError

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        """Give the codes of rows in input units."""
        return self.net_.module_.encode(x)

    def _reconstruct(self, x: torch.Tensor) -> torch.Tensor:
        """Give the reconstructions of rows in input units."""
        return self.net_.module_.reconstruct(x)

    def _fit(self, X: Any, sample_weight: Any, path: Any) -> None:
        """Train on X, from scratch or, with `warm_start`, on from the current weights."""
        first = not (self.warm_start and hasattr(self, "net_"))
        ranks = current_ranks()
        with self._unchanged_on_error(first=first):
            opened, stream = open_source(X), None
            if isinstance(opened, Source):
                if ranks is not None:
                    raise ValueError(
                        "Data larger than memory are not supported within all_ranks: give each "
                        "rank an array of its own rows."
                    )
                stream = self._read(opened, sample_weight, first=first)
                rows = stream.sample
                plan = self._plan(stream.n_rows, rows.X.shape[1], is_stream=True)
            else:
                rows = self._rows(opened, sample_weight, ranks, first=first)
                plan = self._plan(rows.total_weight, rows.X.shape[1])
            skorch_callbacks(self, can_resume=path is not None)  # checks them
            checkpoint = path if isinstance(path, Checkpoint) else None
            if path is not None and checkpoint is None:
                of_fit = fingerprint(self, rows, plan)
                if stream is not None:
                    of_fit["n_rows"] = str(stream.n_rows)
                checkpoint = Checkpoint(path, of_fit, ranks)
            # y is X: ScoringMonitor scores only where there is a y.
            data = {
                "estimator": self,
                "X": X,
                "y": X,
                "metadata": None if sample_weight is None else {"sample_weight": sample_weight},
            }
            context = self._init_callback_context(max_subtasks=plan.max_iter)
            context.call_on_fit_task_begin(**data)
            hooks = (
                self._epoch_hooks(context, data, ranks)
                if getattr(self, "_skl_callbacks", ())
                else None
            )
            net = None if first else self._checked_net()
            seed = 0
            if first and self._trained is None:
                draw = draw_seed if checkpoint is None else checkpoint.draw_seed
                seed = _same_on_all(ranks, lambda: draw(self.random_state))
            if self._trained is not None:
                done = self._trained
            elif stream is not None:
                done = fit_stream(self, net, stream, plan, seed, hooks=hooks, checkpoint=checkpoint)
            elif net is None:
                fit_new = fit if plan.n_projected is None else fit_projected
                done = fit_new(self, rows, plan, seed, hooks=hooks, checkpoint=checkpoint)
            else:
                done = fit_further(self, net, rows, plan, hooks, checkpoint)
            self._finish(done, opened)
            if ranks is not None:
                # They differ only if the processors of the ranks do, which may round otherwise.
                ranks.share_(done.net.weights())
            context.call_on_fit_task_end(**data, reconstruction_attributes={})
            if checkpoint is not None and not done.net.interrupted_:
                checkpoint.remove()

    def _partial_fit(self, X: Any, sample_weight: Any) -> None:
        """Train for one epoch on X, the first time from scratch."""
        first = not hasattr(self, "net_")
        with self._unchanged_on_error(first=first):
            rows = self._rows(X, sample_weight, current_ranks(), first=first)
            plan = self._plan(rows.total_weight, rows.X.shape[1])
            if first:
                seed = _same_on_all(current_ranks(), lambda: draw_seed(self.random_state))
                net = build_net(self, plan, make_statistics(rows), seed)
            else:
                net = self._checked_net()
            done = fit_partially(self, net, rows, plan)
            self._finish(done, X, on_stream=True)

    def _plan(self, n_rows: float, n_features: int, *, is_stream: bool = False) -> FitPlan:
        return make_plan(
            self,
            n_rows,
            n_features,
            is_detector=self._is_detector,
            n_refinement_steps=self._requested_refinement_steps(),
            is_plain=_asks_for_plain(self),
            is_stream=is_stream,
        )

    def _compute(self, function: Callable[[Any], Any], X: Any, out: Any = None) -> Any:
        """Apply a function of checked rows to X, see `compute`."""
        return compute(function, self._check_X, X, out)

    def _epoch_hooks(self, context: Any, data: dict[str, Any], ranks: Ranks | None) -> Hooks:
        """Have scikit-learn's callbacks called around every epoch."""
        epoch: Any = None

        def begin() -> None:
            nonlocal epoch
            epoch = context.subcontext(task_name="epoch")
            epoch.call_on_fit_task_begin(**data)

        def end(make_fit: Any) -> bool:
            # Lazily: the attributes, and the copy of the network, take time.
            stop = epoch.call_on_fit_task_end(
                **data, reconstruction_attributes=lambda: self._fitted_attributes(make_fit())
            )
            return stop if ranks is None else any(ranks.gather(stop))

        return Hooks(begin, end)

    def _finish(self, done: Fit, X: Any, *, on_stream: bool = False) -> None:
        """Warn of what went wrong, and set the fitted attributes."""
        warn_of_training(self, done, on_stream=on_stream)
        if not on_stream:
            done.progress.begin("scores" if self._is_detector else "codes")
        with done.progress:
            attributes = self._fitted_attributes(done, on_stream=on_stream)
        if is_dispatched(X):
            attributes = {
                name: like(value, X) if isinstance(value, np.ndarray) else value
                for name, value in attributes.items()
            }
        for name, value in {**attributes, "_namespace_": namespace_of(X)}.items():
            setattr(self, name, value)

    def _fitted_attributes(self, done: Fit, *, on_stream: bool = False) -> dict[str, Any]:
        """Give everything that fitting sets, by name."""
        net = done.net
        train_losses = [epoch["train_loss"] for epoch in net.history if "train_loss" in epoch]
        losses = [epoch["valid_loss"] for epoch in net.history if "valid_loss" in epoch]
        return {
            "net_": net,
            "plan_": done.plan,
            "n_components_": net.n_components,
            "n_iter_": len(train_losses),
            "loss_curve_": train_losses,
            "validation_curve_": losses or None,
            "loss_": train_losses[-1] if train_losses else done.initial_loss,
            "initial_loss_": done.initial_loss,
            "best_loss_": done.best_loss,
            "_record_": None if done.for_scoring else make_record(done),
        } | self._describe_fit(done, on_stream=on_stream)

    @contextmanager
    def _unchanged_on_error(self, *, first: bool) -> Iterator[None]:
        """Leave what was fitted before as it was if fitting fails."""
        before = {name: value for name, value in vars(self).items() if is_fitted(name)}
        state = None if first else self.net_.state()
        try:
            # Tensors of a training can not be made in inference mode.
            with torch.inference_mode(False):
                yield
        except BaseException:
            for name in [name for name in vars(self) if is_fitted(name)]:
                delattr(self, name)
            self.__dict__.update(before)
            if state is not None:
                self.net_.restore(state)
            raise

    def _built_with(self) -> dict[str, Any]:
        """Give the parameters that can not change once the network is built."""
        return {name: _copy(getattr(self, name)) for name in _BUILT_WITH}

    def _checked_net(self) -> AutoencoderNet:
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

    def _check_X(self, X: Any, *, reset: bool = False, n_samples: int = 1) -> Any:
        """Check X and give it as a float array or CSR matrix."""
        X = open_source(as_array_like(X))
        if isinstance(X, Source):
            raise ValueError(
                "X is larger than the working memory, which is not supported here: give it in "
                "parts."
            )
        if isinstance(X, np.ndarray) and X.ndim > 2:
            raise ValueError(
                f"Found array with dim {X.ndim}. {type(self).__name__} expected <= 2. Give each "
                "image or sequence as a row, X.reshape(len(X), -1); Convolutional and Recurrent "
                "take its shape as a parameter."
            )
        with naming_columns(X):
            return validate_data(
                self,
                X,
                reset=reset,
                accept_sparse="csr",
                dtype=float_types(X),
                order="C",
                ensure_min_samples=n_samples,
                # scikit-learn would look at the sum as well, but on one thread, which takes a tenth
                # of the time of the network.
                ensure_all_finite=not has_finite_sum(X),
            )

    def _rows(self, X: Any, sample_weight: Any, ranks: Ranks | None, *, first: bool) -> Rows:
        """Check the training data, and give those of all ranks that fit together."""
        minimum = 2 if first else 1
        if ranks is None:
            return self._check_rows(X, sample_weight, first=first, minimum=minimum)

        def describe() -> dict[str, str]:
            names = getattr(self, "feature_names_in_", None)
            return describe_parameters(self) | {"the names of the columns": str(names)}

        def check() -> Rows:
            return self._check_rows(X, sample_weight, first=first, minimum=0)

        return spread_rows(ranks, check, describe, minimum)

    def _check_rows(self, X: Any, sample_weight: Any, *, first: bool, minimum: int) -> Rows:
        """Check the training data."""
        for name in ("architecture", "latent", "corruption"):
            check_is_instance(name, getattr(self, name))
        # Units and principal components are computed on the CPU; batches go where the net is.
        X = as_numpy(self._check_X(X, reset=first, n_samples=minimum))
        if X.shape[0] > 0:
            self._check_range(X)
        if sample_weight is None:
            return Rows(X)
        weight = check_sample_weight(as_numpy(as_array_like(sample_weight)), X, dtype=X.dtype)
        positive = weight > 0
        if positive.sum() < minimum:
            raise ValueError(
                f"Found {positive.sum()} sample with a positive sample_weight while a minimum "
                f"of {minimum} is required by {type(self).__name__}."
            )
        if not positive.all():
            X, weight = X[positive], weight[positive]
        mean = float(weight.mean()) if len(weight) > 0 else 1.0
        return Rows(X, weight / mean, mean_weight=mean)

    def _read(self, source: Source, sample_weight: Any, *, first: bool) -> Stream:
        """Check training data on disk, and read them once."""
        if sample_weight is not None:
            raise ValueError("sample_weight is not supported with X that is larger than memory.")
        head = self._check_rows(source.head, None, first=first, minimum=2 if first else 1).X
        stream = read_through(
            source,
            head.dtype,
            head.shape[1],
            type(self).__name__,
            progress=make_progress(self),
        )
        self._check_range(stream.statistics.extremes)
        return stream

    def _check_range(self, X: Any) -> None:
        """Check that X has values that the loss has a meaning for."""
        if self.loss == "binary_cross_entropy":
            low, high = X.min(), X.max()
            if low < 0 or high > 1:
                raise ValueError(
                    "X must be in [0, 1] for loss='binary_cross_entropy', got values from "
                    f"{low:g} to {high:g}; scale it with MinMaxScaler."
                )


def _same_on_all(ranks: Ranks | None, draw: Callable[[], int]) -> int:
    """Draw a seed: that of the first rank, if there are several."""
    return draw() if ranks is None else ranks.of_first(draw)


def _asks_for_plain(parameters: BaseAutoencoder) -> bool:
    """Tell whether parameters ask for a plain network that starts at PCA and its plain training."""
    architecture = parameters.architecture
    return (
        (architecture is None or _is_plain_mlp(architecture))
        and parameters.dropout == 0
        and parameters.latent is None
        and parameters.corruption is None
        and parameters.loss == "squared_error"
        and parameters.output_activation in ("auto", "clip", "identity")
        and parameters.linear_path is not None
        and parameters.optimizer in ("adam", "adamw")
        and parameters.learning_rate_schedule != "reduce_on_plateau"
        and parameters.precision != "bfloat16"
    )


def _is_plain_mlp(architecture: Any) -> bool:
    return type(architecture) is MLP and not architecture.tied and architecture.dropout == 0


def _copy(parameter: Any) -> Any:
    # set_params changes parameter objects in place.
    return clone(parameter) if hasattr(parameter, "get_params") else parameter

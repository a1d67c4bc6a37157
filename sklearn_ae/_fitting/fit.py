"""Fit a network to rows: build, split, train, keep the best. Read from `fit` downwards."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from skorch.callbacks import Callback, EpochScoring, InputShapeSetter, PrintLog
from torch import Tensor

from sklearn_ae._data.bounds import forget_broken_bounds
from sklearn_ae._data.rows import Rows, to_tensor
from sklearn_ae._fitting.build import build_net
from sklearn_ae._fitting.folds import fold_paths, validation_of_folds, weigh_folds
from sklearn_ae._fitting.plan import MIN_ROWS_FOR_FOLDS, FitPlan
from sklearn_ae.nn import Autoencoder, LinearPath, is_plain
from sklearn_ae.training import (
    RISING,
    SCHEDULES,
    AutoencoderNet,
    Epoch,
    Judge,
    Members,
    Validation,
    count_operations,
    threads_by_size,
    train,
)

# More validation rows would say little more, and take longer than an epoch.
_MAX_VALIDATION_ROWS, _MAX_VALIDATION_ENTRIES = 4096, 2**21
# Where a gain can not be tested row by row: share of the error of PCA below which it counts for
# chance.
_MIN_GAIN = 0.02


class Hooks(NamedTuple):
    """What to call around each epoch: `end` is given a function that gives the fit so far.

    Attributes
    ----------
    begin : callable
        ``() -> None``.
    end : callable
        ``(make_fit) -> stop``.
    """

    begin: Callable[[], None]
    end: Callable[[Callable[[], "Fit"]], bool]


@dataclass
class Fit:
    """A fitted network and the course of its training.

    Attributes
    ----------
    net : AutoencoderNet
        The net with the weights that are kept.
    plan : FitPlan
        The plan.
    rows, training : Rows
        All rows, and those that the network was trained on.
    validation : Rows or None
        Rows that were split off.
    judge : Judge
        What judged the epochs.
    folds : Judge or None
        What judged the networks of the folds.
    curve, validation_curve : list of float
        Losses of the epochs of this training.
    ended_early : bool
        Whether training stopped before the last epoch of the plan.
    projected : Fit or None
        The fit on the leading principal components, of which this one is made.
    explained : float
        Share of the variance in these components.
    """

    net: AutoencoderNet
    plan: FitPlan
    rows: Rows
    training: Rows
    validation: Rows | None
    judge: Judge
    folds: Judge | None = None
    curve: list[float] = field(default_factory=list)
    validation_curve: list[float] = field(default_factory=list)
    ended_early: bool = False
    projected: "Fit | None" = None
    explained: float = 1.0

    @property
    def is_initial(self) -> bool:
        """Tell whether no training lowered the loss."""
        return not self.judge.best_loss < self.judge.initial_loss

    @property
    def initial_loss(self) -> float:
        """Loss before the first epoch, of rows that were not trained on if there are some."""
        return (self.folds or self.judge).initial_loss

    @property
    def best_loss(self) -> float:
        """Loss of the weights that are kept, of rows that were not trained on likewise."""
        return self.initial_loss if self.is_initial else (self.folds or self.judge).best_loss


def fit(
    parameters: Any,
    rows: Rows,
    plan: FitPlan,
    seed: int,
    *,
    units_per_column: bool,
    max_components: int,
    hooks: Hooks | None = None,
) -> Fit:
    """Fit a new network.

    Parameters
    ----------
    parameters : BaseAutoencoder
        The estimator, of which only the parameters are read.
    rows : Rows
        The training data.
    plan : FitPlan
        The plan.
    seed : int
        Source of all randomness.
    units_per_column : bool
        Whether each column is divided by its standard deviation, as the detector does. Its
        validation rows then take no part in units and principal components: they give p-values.
    max_components : int
        Upper limit of the code size if a share of the variance decides it.
    hooks : Hooks or None, default=None
        What to call around each epoch.
    """
    training, validation = _split(rows, plan, parameters, seed, exchangeable=units_per_column)
    known = training.extract() if units_per_column else rows
    net = build_net(
        parameters,
        plan,
        known,
        seed,
        units_per_column=units_per_column,
        max_components=max_components,
    )
    started = Fit(net, plan, rows, training, validation, _make_judge(parameters, net, plan))
    by_folds = plan.validation == "cross-validation" and net.module_.linear_path is not None
    if not by_folds or not _is_for_engine(net, parameters):
        _train(started, parameters, plan.max_iter, hooks)
        return started
    started.folds = folds = _cross_validate(started, parameters, seed)
    if folds.best_loss < folds.initial_loss:
        _train(started, parameters, plan.max_iter, hooks)
        return started
    started.judge.begin(folds.initial_loss, net.weights())
    started.judge.diverged = folds.diverged
    _note_course(started, 0, plan.n_fold_epochs)
    if parameters.verbose:
        print("Cross-validation: training does not lower the loss of new rows. The result is PCA.")
    return started


def fit_further(
    parameters: Any, net: AutoencoderNet, rows: Rows, plan: FitPlan, hooks: Hooks | None = None
) -> Fit:
    """Train a fitted network further, on the same split of the same rows."""
    forget_broken_bounds(net.module_.bounds, rows.X)
    exchangeable = net.module_.scale.dim() > 0  # the detector's
    training, validation = _split(rows, plan, parameters, net.split_seed, exchangeable=exchangeable)
    # The weights are no longer those of PCA: any gain counts.
    plan = replace(plan, min_certainty=0.0)
    started = Fit(net, plan, rows, training, validation, _make_judge(parameters, net, plan, 0.0))
    _train(started, parameters, plan.max_iter, hooks)
    return started


def fit_partially(parameters: Any, net: AutoencoderNet, rows: Rows, plan: FitPlan) -> Fit:
    """Train a network for an epoch on a part of a stream, at the full learning rate."""
    forget_broken_bounds(net.module_.bounds, rows.X)
    started = Fit(net, plan, rows, rows, None, Judge(parameters.tol, None, keep_last=True))
    _train(started, parameters, 1, None, schedule="constant")
    return started


def _split(
    rows: Rows, plan: FitPlan, parameters: Any, seed: int, *, exchangeable: bool
) -> tuple[Rows, Rows | None]:
    if plan.validation != "split" or len(rows) == 1:
        return rows, None
    generator = torch.Generator().manual_seed(seed)
    training, validation = rows.split(
        parameters.validation_fraction, generator, keep_equal_together=not exchangeable
    )
    return (training, validation) if len(validation) > 0 else (rows, None)


def _make_judge(
    parameters: Any, net: AutoencoderNet, plan: FitPlan, min_gain: float | None = None
) -> Judge:
    rising = RISING.get(parameters.learning_rate_schedule, 0.0) * plan.max_iter
    if min_gain is None:
        starts_at_pca = net.module_.linear_path is not None and plan.validation == "split"
        by_rows = _is_for_engine(net, parameters)
        min_gain = _MIN_GAIN if starts_at_pca and not by_rows else 0.0
    return Judge(
        parameters.tol,
        parameters.n_iter_no_change,
        n_settling=max(int(rising), net.module_.latent.warm_up),
        min_gain=min_gain,
    )


def _cross_validate(started: Fit, parameters: Any, seed: int) -> Judge:
    """Tell by short trainings whether training lowers the loss of rows that it has not seen.

    Returns
    -------
    judge : Judge
        Its best loss is the initial one, that of PCA, if training does not.
    """
    net, rows, plan = started.net, started.rows, started.plan
    judge = Judge(0.0, None)
    judge.begin(_mean_error(net, rows), net.weights())
    fold = rows.folds(plan.n_folds, seed)
    if len(np.unique(fold)) < plan.n_folds or len(rows.distinct()[1]) < MIN_ROWS_FOR_FOLDS:
        return judge
    net.batch_size = _rows_in_batch(parameters, plan, rows)
    epochs = train(
        _make_members(net, parameters, plan, fold_paths(net, rows, fold)),
        net.get_iterator(weigh_folds(rows, fold), training=True),
        _standardize_by(net.module_),
        validation_of_folds(net, rows, fold, n_refinement_steps(net, plan.n_judging_steps)),
        judge,
        learning_rate=_rate(plan, parameters.learning_rate_schedule),
        max_epochs=plan.n_fold_epochs,
        judge_every=plan.judge_every,
        min_certainty=plan.min_certainty,
    )
    seen: list[Epoch] = []
    try:
        with threads_by_size(count_operations(net.module_, plan.batch_size)):
            seen.extend(epochs)
    except KeyboardInterrupt:
        net.interrupted_ = True
        judge.reject()
    if not judge.best_loss < judge.initial_loss:  # these epochs are all there is to show
        for epoch in seen:
            _record(net, epoch)
    return judge


def _mean_error(net: AutoencoderNet, rows: Rows) -> float:
    """Give the mean squared error of the rows in standard units."""
    x, weight = rows.take(slice(None))
    with torch.no_grad():
        residual = net.module_.residual(to_tensor(x, net.device, net.data_dtype))
    return float(np.average(residual.square().mean(-1).cpu().numpy(), weights=weight))


def _is_for_engine(net: AutoencoderNet, parameters: Any) -> bool:
    """Tell whether the engine trains a network; otherwise skorch's loop does."""
    return (
        is_plain(net.module_)
        and net.criterion_.is_squared_error
        and parameters.optimizer in ("adam", "adamw")
        and parameters.learning_rate_schedule != "reduce_on_plateau"
        and not net.autocast
        and not parameters.callbacks
    )


def _train(
    started: Fit,
    parameters: Any,
    max_epochs: int,
    hooks: Hooks | None,
    *,
    schedule: str | None = None,
) -> None:
    """Train, and set the course of the training."""
    net, plan, judge = started.net, started.plan, started.judge
    schedule = parameters.learning_rate_schedule if schedule is None else schedule
    n_before = len(net.history)
    net.interrupted_ = False
    if _is_for_engine(net, parameters):
        with threads_by_size(count_operations(net.module_, plan.batch_size)):
            _train_by_engine(started, parameters, max_epochs, schedule, hooks)
    else:

        def epochs_so_far() -> Fit:
            snapshot = net.snapshot()
            snapshot.set_weights(judge.kept_weights())
            return _so_far(started, snapshot, n_before)

        net.train(
            started.training,
            started.validation,
            judge,
            callbacks=skorch_callbacks(parameters),
            learning_rate=plan.learning_rate,
            schedule=schedule,
            batch_size=_rows_in_batch(parameters, plan, started.rows),
            max_epochs=max_epochs,
            n_refinement_steps=n_refinement_steps(net, plan.n_judging_steps),
            judge_every=plan.judge_every,
            verbose=bool(parameters.verbose),
            hooks=None if hooks is None else (hooks.begin, lambda: hooks.end(epochs_so_far)),
        )
    _note_course(started, n_before, max_epochs)
    if judge.diverged:
        net.optimizer_.state.clear()  # the steps that led here


def _note_course(started: Fit, n_before: int, max_epochs: int) -> None:
    epochs = started.net.history[n_before:]
    started.curve = [epoch["train_loss"] for epoch in epochs if "train_loss" in epoch]
    started.validation_curve = [epoch["valid_loss"] for epoch in epochs if "valid_loss" in epoch]
    started.ended_early = started.ended_early or len(started.curve) < max_epochs


def _so_far(started: Fit, net: AutoencoderNet, n_before: int) -> Fit:
    """Give the fit as if training ended now, with a copy of the net."""
    copy = replace(started, net=net)
    _note_course(copy, n_before, started.plan.max_iter)
    return copy


def _train_by_engine(
    started: Fit,
    parameters: Any,
    max_epochs: int,
    schedule: str,
    hooks: Hooks | None,
) -> None:
    net, plan, judge = started.net, started.plan, started.judge
    members = _make_members(net, parameters, plan)
    members.load_state(net.optimizer_)
    net.batch_size = _rows_in_batch(parameters, plan, started.rows)
    log = PrintLog().initialize() if parameters.verbose else None
    net.gradients_ = {}
    n_before = len(net.history)
    # skorch's loop draws the seeds of noise first: the rows come in the same order in both loops.
    torch.randint(2**62, (2,), generator=net.generator)

    def epochs_so_far() -> Fit:
        members.store(judge.kept_weights()[0])
        return _so_far(started, net.snapshot(), n_before)

    epochs = train(
        members,
        net.get_iterator(started.training, training=True),
        _standardize_by(net.module_),
        _make_validation(net, started),
        judge,
        learning_rate=_rate(plan, schedule),
        max_epochs=max_epochs,
        judge_every=plan.judge_every,
        min_certainty=plan.min_certainty if net.module_.linear_path is not None else 0.0,
    )
    start = time.perf_counter()
    try:
        if hooks is not None:
            hooks.begin()
        for epoch in epochs:
            for name, size in (epoch.gradient_norms or {}).items():
                net.gradients_.setdefault(name, []).append(size)
            _record(net, epoch)
            net.history.record("dur", time.perf_counter() - start)
            start = time.perf_counter()
            if log is not None:
                net.verbose = True
                log.on_epoch_end(net)
            if hooks is not None:
                if hooks.end(epochs_so_far):
                    break
                if not epoch.is_last:
                    hooks.begin()
    except KeyboardInterrupt:
        net.interrupted_ = True
    finally:
        epochs.close()
        kept = judge.finish()
        if kept:
            members.store(kept[0], net.optimizer_)


def _record(net: AutoencoderNet, epoch: Epoch) -> None:
    net.history.new_epoch()
    net.history.record("epoch", len(net.history))
    net.history.record("train_loss", epoch.train_loss)
    if epoch.validation_loss is not None:
        net.history.record("valid_loss", epoch.validation_loss)


def _rows_in_batch(parameters: Any, plan: FitPlan, rows: Rows) -> int:
    """Give the number of rows of a batch: by default, batches are cut by weight."""
    if parameters.batch_size != "auto":
        return plan.batch_size
    return max(1, round(plan.batch_size * len(rows) / rows.total_weight))


def _make_members(
    net: AutoencoderNet,
    parameters: Any,
    plan: FitPlan,
    linear_paths: list[LinearPath] | None = None,
) -> Members:
    return Members(
        net.module_,
        plan.weight_decay,
        decoupled=parameters.optimizer == "adamw",
        max_grad_norm=parameters.max_grad_norm,
        linear_paths=linear_paths,
    )


def _standardize_by(module: Autoencoder) -> Callable[[Tensor], Tensor]:
    """Give a function that takes rows to standard units in place."""
    return lambda x: x.sub_(module.shift).div_(module.scale).to(module.dtype)


def _rate(plan: FitPlan, schedule: str) -> Callable[[float], float]:
    """Give the learning rate as a function of the progress."""
    return lambda progress: plan.learning_rate * SCHEDULES[schedule](progress)


def _make_validation(net: AutoencoderNet, started: Fit) -> Validation | None:
    """Give the validation rows in standard units."""
    if started.validation is None:
        return None
    width = started.rows.X.shape[1]
    n_rows = min(_MAX_VALIDATION_ROWS, max(64, _MAX_VALIDATION_ENTRIES // width))
    x, weight = started.validation.subsample(n_rows).take(slice(None))
    return Validation(
        net.module_.standardize(to_tensor(x, net.device, net.data_dtype)),
        torch.ones(len(x), dtype=net.dtype, device=net.device)
        if weight is None
        else to_tensor(weight, net.device, net.dtype) * started.rows.mean_weight,
        n_refinement_steps(net, started.plan.n_judging_steps),
    )


def n_refinement_steps(net: AutoencoderNet, n_steps: int) -> int:
    """Give the number of refinement steps: none where the nearest code is not the right one."""
    refines = (
        net.module_.latent.is_identity
        and net.module_.corruption is None
        and net.criterion_.is_squared_error
    )
    return n_steps if refines else 0


def skorch_callbacks(parameters: Any) -> list[Callback]:
    """Give skorch's callbacks of an estimator, having checked them."""
    callbacks = [] if parameters.callbacks is None else list(parameters.callbacks)
    for callback in callbacks:
        each = callback[1] if isinstance(callback, (tuple, list)) else callback
        each = each if isinstance(each, type) else type(each)
        if not issubclass(each, Callback):
            raise TypeError(
                f"callbacks must be callbacks of skorch, got {callback!r}. Those of "
                "scikit-learn are set by set_callbacks."
            )
        if issubclass(each, (EpochScoring, InputShapeSetter)):
            raise TypeError(
                f"{each.__name__} is not supported: the target of an autoencoder is its input, and "
                "its shape is known. For scores, set scikit-learn's ScoringMonitor by "
                "set_callbacks."
            )
    return callbacks

"""Fit a network to rows: build, split, train, keep the best. Read from `fit` downwards."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sklearn_ae._data.bounds import forget_broken_bounds
from sklearn_ae._data.progress import QUIET, Progress
from sklearn_ae._data.rows import Rows, to_tensor
from sklearn_ae._data.spread import make_statistics
from sklearn_ae._data.statistics import Statistics
from sklearn_ae._data.streams.stream import Stream
from sklearn_ae._fitting.build import build_net
from sklearn_ae._fitting.callbacks import skorch_callbacks
from sklearn_ae._fitting.denoising import follow
from sklearn_ae._fitting.members import (
    is_for_engine,
    learning_rate,
    make_members,
    n_refinement_steps,
    record_epoch,
    rows_in_batch,
    standardize_in_place,
)
from sklearn_ae._fitting.plan import FitPlan
from sklearn_ae._fitting.trial import run_trial
from sklearn_ae.nn import DenoisingAutoencoder
from sklearn_ae.training import (
    RISING,
    AutoencoderNet,
    Checkpoint,
    Course,
    Judge,
    Validation,
    count_operations,
    plan_course,
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
        All rows, and those that the network was trained on from the beginning.
    validation : Rows or None
        Rows that were split off. They may have joined the training rows.
    judge : Judge
        What judged the epochs.
    by_engine : bool
        Whether the engine trains the network; otherwise skorch's loop does.
    trial : Judge or None
        What judged the networks of the trial.
    curve, validation_curve : list of float
        Losses of the epochs of this training.
    ended_early : bool
        Whether training stopped before the last epoch of the plan.
    projected : Fit or None
        The fit on the leading principal components, of which this one is made.
    for_scoring : bool
        Whether the estimator is only scored, and thrown away: it then lacks what `sample` and
        `diagnose` need.
    stream : Stream or None
        The stream that the network was trained on; the rows above are then a sample of it.
    progress : Progress
        Tells how far the fit is.
    """

    net: AutoencoderNet
    plan: FitPlan
    rows: Rows
    training: Rows
    validation: Rows | None
    judge: Judge
    by_engine: bool
    trial: Judge | None = None
    curve: list[float] = field(default_factory=list)
    validation_curve: list[float] = field(default_factory=list)
    ended_early: bool = False
    projected: "Fit | None" = None
    for_scoring: bool = False
    stream: Stream | None = None
    progress: Progress = QUIET

    @property
    def trained_on(self) -> Rows | Stream:
        """What the network is trained on."""
        return self.training if self.stream is None else self.stream

    @property
    def starts_at_pca(self) -> bool:
        """Tell whether a new network of this kind is PCA before training."""
        return self.net.module_.linear_path is not None

    @property
    def is_initial(self) -> bool:
        """Tell whether no training lowered the loss."""
        return not self.judge.best_loss < self.judge.initial_loss

    @property
    def initial_loss(self) -> float:
        """Loss before the first epoch, of rows that were not trained on if there are some."""
        return (self.trial or self.judge).initial_loss

    @property
    def best_loss(self) -> float:
        """Loss of the weights that are kept, of rows that were not trained on likewise."""
        return self.initial_loss if self.is_initial else (self.trial or self.judge).best_loss


def fit(
    parameters: Any,
    rows: Rows,
    plan: FitPlan,
    seed: int,
    *,
    hooks: Hooks | None = None,
    checkpoint: Checkpoint | None = None,
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
    hooks : Hooks or None, default=None
        What to call around each epoch.
    checkpoint : Checkpoint or None, default=None
        What the training resumes from, and where it is saved. Everything before its first epoch,
        with the trial, is done again, with the same result.
    """
    started = start(parameters, rows, plan, seed)
    if needs_training(started, parameters, seed):
        run_training(started, parameters, plan.max_iter, hooks, checkpoint)
    return started


def needs_training(started: Fit, parameters: Any, seed: int) -> bool:
    """Tell whether a fit needs a training: it does not if there is a trial, which finds that."""
    net, plan = started.net, started.plan
    if plan.validation != "trial" or not started.starts_at_pca or not started.by_engine:
        return True
    started.trial = trial = run_trial(net, parameters, started.rows, plan, seed, started.progress)
    if trial.best_loss < trial.initial_loss:
        net.joined = True
        return True
    started.judge.begin(trial.initial_loss, net.weights())
    started.judge.diverged = trial.diverged
    note_course(started, 0, plan.n_trial_epochs)
    if started.curve and not net.interrupted_:
        started.progress.note(
            "The trial does not lower the loss of rows it was not trained on. The result is PCA."
        )
    return False


def start(
    parameters: Any, rows: Rows, plan: FitPlan, seed: int, statistics: Statistics | None = None
) -> Fit:
    """Build a network that has not been trained, and split the rows.

    `statistics` are those of all rows, for a transformer, if they are there already.
    """
    training, validation = _split(rows, plan, parameters, seed)
    if plan.is_detector:
        # Its validation rows give p-values: they take no part in the units.
        statistics = make_statistics(training.extract())
    net = build_net(parameters, plan, statistics or make_statistics(rows), seed)
    if rows.ranks is not None:  # the user's own modules may differ
        rows.ranks.share_(net.weights())
    training, validation = _aim(net, rows, training, validation)
    return begin(net, parameters, rows, plan, training, validation)


def fit_further(
    parameters: Any,
    net: AutoencoderNet,
    rows: Rows,
    plan: FitPlan,
    hooks: Hooks | None = None,
    checkpoint: Checkpoint | None = None,
) -> Fit:
    """Train a fitted network further: on the same split of the same rows, or on all rows.

    Rows that the network was trained on do not judge it, unless the user asks for a split.
    """
    follow_rows(net, rows, plan)
    if net.joined and parameters.early_stopping == "auto":
        plan = replace(plan, validation="none", join_certainty=None)
    training, validation = _split(rows, plan, parameters, net.split_seed)
    training, validation = _aim(net, rows, training, validation)
    # The weights are no longer those of PCA: any gain counts.
    plan = replace(plan, min_certainty=0.0)
    started = begin(net, parameters, rows, plan, training, validation)
    started.judge.min_gain = 0.0
    run_training(started, parameters, plan.max_iter, hooks, checkpoint)
    return started


def fit_partially(parameters: Any, net: AutoencoderNet, rows: Rows, plan: FitPlan) -> Fit:
    """Train a network for an epoch on a part of a stream, at the full learning rate."""
    if len(net.history) > 0:
        follow_rows(net, rows, plan)
    training, _ = _aim(net, rows, rows, None)
    started = begin(net, parameters, rows, plan, training, None)
    started.judge = Judge(parameters.tol, None, keep_last=True)
    started.progress = make_progress(parameters, rows, has_header=len(net.history) == 0)
    run_training(started, parameters, 1, None, on_stream=True)
    return started


def follow_rows(
    net: AutoencoderNet, rows: Rows, plan: FitPlan, extremes: np.ndarray | None = None
) -> None:
    """Have what is not trained follow other rows, or a sample of rows with these extremes."""

    def find_extremes() -> np.ndarray:
        return make_statistics(rows).extremes if extremes is None else extremes

    forget_broken_bounds(net.module_.bounds, find_extremes)
    if isinstance(net.module_, DenoisingAutoencoder):
        seed = int(torch.randint(2**31, (), generator=net.generator))
        random_state = np.random.RandomState(seed)
        follow(net.module_, rows, is_clean=plan.is_clean, random_state=random_state)


def _split(rows: Rows, plan: FitPlan, parameters: Any, seed: int) -> tuple[Rows, Rows | None]:
    if plan.validation != "split" or len(rows) == 1:
        return rows, None
    training, validation = rows.split(
        parameters.validation_fraction,
        torch.Generator().manual_seed(seed),
        keep_equal_together=not plan.is_detector,
    )
    return (training, validation) if len(validation) > 0 else (rows, None)


def begin(
    net: AutoencoderNet,
    parameters: Any,
    rows: Rows,
    plan: FitPlan,
    training: Rows,
    validation: Rows | None,
) -> Fit:
    rising = RISING.get(parameters.learning_rate_schedule, 0.0) * plan.max_iter
    by_engine = is_for_engine(net, parameters)
    if net.module_.latent.has_targets and training.target is None:
        raise ValueError(
            f"latent={parameters.latent!r} needs all training rows at once: it is not supported "
            "with data larger than memory and within all_ranks."
        )
    judge = Judge(
        parameters.tol,
        parameters.n_iter_no_change,
        n_settling=max(int(rising), net.module_.latent.warm_up),
        # Each epoch has other noise: the lowest training loss is luck.
        keep_last=plan.denoises and validation is None,
    )
    progress = make_progress(parameters, rows)
    started = Fit(net, plan, rows, training, validation, judge, by_engine, progress=progress)
    if started.starts_at_pca and plan.validation == "split" and not by_engine:
        judge.min_gain = _MIN_GAIN
    return started


def make_progress(
    parameters: Any, rows: Rows | None = None, *, has_header: bool = True
) -> Progress:
    """Make what tells how far a fit is. Of several ranks, the first does."""
    is_first = rows is None or rows.ranks is None or rows.ranks.rank == 0
    return Progress(bool(parameters.verbose) and is_first, has_header=has_header)


def _aim(
    net: AutoencoderNet, rows: Rows, training: Rows, validation: Rows | None
) -> tuple[Rows, Rows | None]:
    """Have the latent tell what the codes of the rows should be, if it does that."""
    latent = net.module_.latent
    if not latent.has_targets or rows.ranks is not None:
        return training, validation
    code = net.compute(net.module_.encode, rows.X) if len(net.history) > 0 else None
    target = latent.targets(rows.X, code, net.n_components, net.split_seed)
    return (
        replace(training, target=target),
        None if validation is None else replace(validation, target=target),
    )


def run_training(
    started: Fit,
    parameters: Any,
    max_epochs: int,
    hooks: Hooks | None,
    checkpoint: Checkpoint | None = None,
    *,
    on_stream: bool = False,
) -> None:
    """Train, and set the course of the training."""
    net, plan, judge = started.net, started.plan, started.judge
    # On a stream, the learning rate stays as it is.
    schedule = "constant" if on_stream else parameters.learning_rate_schedule
    n_before = len(net.history)
    net.interrupted_ = False
    if checkpoint is not None:
        checkpoint.begin(net)
    phase = "training"
    if isinstance(net.module_, DenoisingAutoencoder):
        phase = f"{len(net.module_.gaussians.mean)} members"
    started.progress.begin(
        phase, len(started.trained_on), max_epochs, n_before if on_stream else None
    )
    with started.progress:
        if started.by_engine:
            with threads_by_size(count_operations(net.module_, plan.batch_size)):
                _train_by_engine(started, parameters, max_epochs, schedule, hooks, checkpoint)
        else:

            def epochs_so_far() -> Fit:
                snapshot = net.snapshot()
                snapshot.set_weights(judge.kept_weights())
                return so_far(started, snapshot, n_before)

            net.train(
                started.trained_on,
                started.validation,
                judge,
                callbacks=skorch_callbacks(parameters),
                learning_rate=plan.learning_rate,
                schedule=schedule,
                batch_size=rows_in_batch(parameters, plan, started.rows),
                max_epochs=max_epochs,
                n_refinement_steps=n_refinement_steps(net, plan.n_judging_steps),
                judge_every=plan.judge_every,
                progress=started.progress,
                hooks=None if hooks is None else (hooks.begin, lambda: hooks.end(epochs_so_far)),
                checkpoint=checkpoint,
            )
    note_course(started, n_before, max_epochs)
    # Moments of diverged steps would spoil the next training. Those of denoisers would only make
    # pickles large: another fit starts without them.
    if judge.diverged or (plan.denoises and not on_stream):
        net.optimizer_.state.clear()


def note_course(started: Fit, n_before: int, max_epochs: int) -> None:
    epochs = started.net.history[n_before:]
    started.curve = [epoch["train_loss"] for epoch in epochs if "train_loss" in epoch]
    started.validation_curve = [epoch["valid_loss"] for epoch in epochs if "valid_loss" in epoch]
    started.ended_early = started.ended_early or len(started.curve) < max_epochs


def so_far(started: Fit, net: AutoencoderNet, n_before: int) -> Fit:
    """Give the fit as if training ended now, with a copy of the net."""
    copy = replace(started, net=net)
    note_course(copy, n_before, started.plan.max_iter)
    return copy


def _train_by_engine(
    started: Fit,
    parameters: Any,
    max_epochs: int,
    schedule: str,
    hooks: Hooks | None,
    checkpoint: Checkpoint | None,
) -> None:
    net, judge = started.net, started.judge
    members = make_members(net, parameters, started.plan, ranks=started.rows.ranks)
    members.load_state(net.optimizer_)
    if checkpoint is not None:
        checkpoint.watch(members=members)
    n_before = len(net.history)

    def epochs_so_far() -> Fit:
        members.store(judge.kept_weights())
        return so_far(started, net.snapshot(), n_before)

    course = make_course(started, parameters, max_epochs, schedule, members.weights(0), checkpoint)
    epochs = train(members, course)
    start = time.perf_counter()
    try:
        if hooks is not None:
            hooks.begin()
        for epoch, gradient_norms in epochs:
            for name, size in (gradient_norms or {}).items():
                net.gradients_.setdefault(name, []).append(size)
            record_epoch(net, epoch, time.perf_counter() - start)
            start = time.perf_counter()
            if hooks is not None:
                if hooks.end(epochs_so_far):
                    break
                if not epoch.is_last:
                    hooks.begin()
    except KeyboardInterrupt:
        if started.rows.ranks is not None:
            raise  # the other ranks go on
        net.interrupted_ = True
    finally:
        epochs.close()
        net.joined = net.joined or judge.joined
        kept = judge.finish()
        if kept:
            members.store(kept, net.optimizer_)


def make_course(
    started: Fit,
    parameters: Any,
    max_epochs: int,
    schedule: str,
    weights: list[Tensor],
    checkpoint: Checkpoint | None = None,
) -> Course:
    """Plan the course of a training by the engine, which changes these weights."""
    net, plan = started.net, started.plan
    net.batch_size = rows_in_batch(parameters, plan, started.rows)
    net.gradients_ = {}
    # skorch's loop draws the seeds of noise first: the rows come in the same order in both loops.
    torch.randint(2**62, (2,), generator=net.generator)
    all_batches = None
    if started.validation is not None and plan.join_certainty is not None:
        all_batches = net.get_iterator(started.rows, training=True)
    return plan_course(
        net.get_iterator(started.trained_on, training=True),
        standardize_in_place(net),
        _make_validation(started),
        started.judge,
        weights,
        learning_rate=learning_rate(plan, schedule),
        max_epochs=max_epochs,
        judge_every=plan.judge_every,
        min_certainty=plan.min_certainty if started.starts_at_pca else 0.0,
        all_batches=all_batches,
        join_certainty=plan.join_certainty or 0.0,
        checkpoint=checkpoint,
        progress=started.progress,
    )


def _make_validation(started: Fit) -> Validation | None:
    """Give the validation rows in standard units."""
    if started.validation is None:
        return None
    net, width = started.net, started.rows.X.shape[1]
    n_rows = min(_MAX_VALIDATION_ROWS, max(64, _MAX_VALIDATION_ENTRIES // width))
    some = started.validation.subsample(n_rows)
    return Validation(
        net.module_.standardize(to_tensor(some[:][0], net.device, net.data_dtype)),
        to_tensor(some.weight() * some.mean_weight, net.device, net.dtype),
        n_refinement_steps(net, started.plan.n_judging_steps),
        started.rows.ranks,
    )

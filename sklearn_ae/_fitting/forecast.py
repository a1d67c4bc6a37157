"""What a fit would do, and how long it would take: a small part of it is made and timed."""

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback

from sklearn_ae._data.progress import QUIET, duration
from sklearn_ae._data.rows import Rows
from sklearn_ae._fitting.build import int_or_share
from sklearn_ae._fitting.fit import Fit, Hooks, fit
from sklearn_ae._fitting.plan import FitPlan, has_callbacks
from sklearn_ae._fitting.project import fit_projected
from sklearn_ae._fitting.trial import run_trial
from sklearn_ae.training import AutoencoderNet, count_operations

# Rows of the part that is timed: so many batches, within limits. Larger batches are cut.
_N_BATCHES, _MIN_ROWS, _MOST_ROWS, _MAX_BATCH = 8, 512, 4096, 2048
# Its epochs are timed for so many seconds. The first one is slower: there are at least two.
_SECONDS = 0.1
# What comes before the training looks at no more rows than this, and what comes after it: but a
# detector scores all rows.
_MAX_ROWS = 8192


@dataclass(frozen=True)
class FitForecast:
    """What a fit would do.

    Attributes
    ----------
    n_rows, n_features : int
        Rows and columns.
    n_components : int or None
        Size of the code; None: the rows decide it.
    n_weights : int
        Number of weights; without the rows, those of the largest code.
    n_epochs, n_steps : int
        Number of epochs and of optimizer steps, at most.
    n_operations : float
        Floating-point operations of the matrix products and convolutions of the training.
    seconds : float or None
        Expected time on this machine; None: it can not be told.
    plan : FitPlan
        What "auto" stands for.
    """

    n_rows: int
    n_features: int
    n_components: int | None
    n_weights: int
    n_epochs: int
    n_steps: int
    n_operations: float
    seconds: float | None
    plan: FitPlan

    def __repr__(self) -> str:
        size = "the rows decide" if self.n_components is None else f"{self.n_components:,}"
        seconds = "not known" if self.seconds is None else f"about {duration(self.seconds)}"
        return "\n".join(
            [
                f"Fit of {self.n_rows:,} rows x {self.n_features:,} columns:",
                f"  components   {size}",
                f"  weights      {self.n_weights:,}",
                f"  epochs       {self.n_epochs:,}",
                f"  steps        {self.n_steps:,} of {self.plan.batch_size:,} rows",
                f"  operations   {self.n_operations:.1e}",
                f"  time         {seconds}",
            ]
        )


def is_shape(X: Any) -> bool:
    """Tell whether X is the shape of rows instead of rows."""
    return isinstance(X, tuple) and len(X) == 2 and all(isinstance(n, Integral) for n in X)


def rows_of_shape(shape: tuple[int, int], plan: FitPlan) -> Rows:
    """Give as many rows of noise as are timed."""
    n_rows, n_features = min(shape[0], _n_timed(plan)), shape[1]
    return Rows(np.random.default_rng(0).uniform(size=(n_rows, n_features)))


def forecast_fit(
    parameters: Any,
    rows: Rows,
    n_rows: int,
    plan: FitPlan,
    finish: Callable[[Fit], Any],
    *,
    is_noise: bool = False,
    is_stream: bool = False,
) -> FitForecast:
    """Tell what a fit would do, by fitting a small part of the rows for a moment.

    Parameters
    ----------
    parameters : BaseAutoencoder
        A copy of the estimator.
    rows : Rows
        Some of the rows, or all.
    n_rows : int
        Number of all rows.
    plan : FitPlan
        The plan of the fit.
    finish : callable
        What follows the training.
    is_noise : bool, default=False
        Whether the rows are noise of the same shape.
    is_stream : bool, default=False
        Whether the rows are read from disk, which takes time that is not known.
    """
    if has_callbacks(parameters):  # those of the user are not called, but decide the loop
        parameters.callbacks = [Callback()]
    some = rows.subsample(_n_timed(plan)).extract()
    with torch.inference_mode(False), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fit itself warns
        net, per_row, before, after = _time_part(parameters, some, plan, finish)
    n_epochs, n_trained = plan.max_iter, n_rows
    if plan.validation == "split" and plan.join_certainty is None:
        n_trained = max(1, round((1 - parameters.validation_fraction) * n_rows))
    n_passes = n_epochs * n_trained + plan.n_trial_epochs * max(0, plan.n_folds - 1) * n_rows
    seconds = None
    if per_row is not None and not is_stream:
        most = min(n_rows, _MAX_ROWS)
        n_seen_after = n_rows if plan.is_detector else most
        seconds = per_row * n_epochs * n_trained
        seconds += (before * most + after * n_seen_after) / len(some)
    is_open = is_noise and isinstance(int_or_share(parameters.n_components), float)
    return FitForecast(
        n_rows=n_rows,
        n_features=rows.X.shape[1],
        n_components=None if is_open else net.n_components,
        n_weights=sum(parameter.numel() for parameter in net.module_.parameters()),
        n_epochs=n_epochs,
        n_steps=n_epochs * math.ceil(n_trained / plan.batch_size),
        n_operations=float(_count_operations(net) * n_passes),
        seconds=seconds,
        plan=plan,
    )


def _n_timed(plan: FitPlan) -> int:
    if plan.denoises:  # the number of its prototypes grows with the rows, up to some 3,400
        return _MOST_ROWS
    return min(max(_N_BATCHES * plan.batch_size, _MIN_ROWS), _MOST_ROWS)


def _count_operations(net: AutoencoderNet) -> float:
    """Count the operations for a row: a pass forward, and two backward."""
    n_operations = count_operations(net.module_, 1)
    if not math.isnan(n_operations):
        return n_operations
    # At the top, this import would make `import sklearn_ae` slower.
    from torch.utils.flop_counter import FlopCounterMode

    shift = net.module_.shift
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net.module_.reconstruct(shift.new_zeros(2, len(shift)))
    return 3.0 * counter.get_total_flops() / 2


def _time_part(
    parameters: Any, rows: Rows, plan: FitPlan, finish: Callable[[Fit], Any]
) -> tuple[AutoencoderNet, float | None, float, float]:
    """Fit some rows for a moment: give the net, and seconds.

    They are those for a row in an epoch, None if no epoch could be timed, and those before and
    after the training.
    """
    part = replace(
        plan,
        batch_size=min(plan.batch_size, _MAX_BATCH),
        max_iter=1000,
        validation="none",
        join_certainty=None,
    )
    epochs: list[float] = []
    started = last = time.perf_counter()

    def begin() -> None:
        nonlocal last
        last = time.perf_counter()

    def end(_: Any) -> bool:
        epochs.append(time.perf_counter() - last)
        return len(epochs) > 1 and sum(epochs) >= _SECONDS

    fit_new = fit if plan.n_projected is None else fit_projected
    done = fit_new(parameters, rows, part, 0, hooks=Hooks(begin, end))
    inner = done.projected or done
    if inner.net.interrupted_:
        raise KeyboardInterrupt
    if plan.validation == "trial":
        run_trial(inner.net, parameters, inner.rows, plan, 0, QUIET)
    trained = time.perf_counter()
    finish(done)
    after = time.perf_counter() - trained
    per_row = float(np.median(epochs[1:])) / len(rows) if len(epochs) > 1 else None
    return inner.net, per_row, trained - started - sum(epochs), after

"""What fitting warns of."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_ae._fitting.fit import Fit

# Share of the fall of the loss in the second half of a training that has not ended early.
STILL_FALLING = 0.1


def warn_of_training(parameters: Any, done: Fit, *, on_stream: bool) -> None:
    """Warn of a training that went wrong, or raise if no loss was finite.

    Parameters
    ----------
    parameters : BaseAutoencoder
        The estimator, of which only the parameters are read.
    done : Fit
        The fit.
    on_stream : bool
        Whether it is a part of a stream.

    Raises
    ------
    ValueError
        If the loss is not finite before the first epoch.
    """
    judge = done.judge
    if judge.diverged and not np.isfinite(judge.initial_loss):
        raise ValueError(
            f"The loss is {judge.initial_loss} before training: loss={parameters.loss!r} or the "
            "modules of the architecture give no finite number for these data."
        )
    if judge.diverged:
        warnings.warn(
            "Training stopped because the loss is no longer finite: the best weights so far are "
            f"kept. Lower learning_rate (now {done.plan.learning_rate:g}), or scale columns of "
            "very different size, for example with StandardScaler.",
            RuntimeWarning,
        )
    if done.net.interrupted_:
        warnings.warn("Training interrupted by user: the best weights so far are kept.")
        return
    if on_stream:
        return
    curve = done.validation_curve or done.curve
    share = still_falling(curve, judge.initial_loss)
    if parameters.max_iter != "auto" and not done.ended_early and share > STILL_FALLING:
        warnings.warn(
            "The loss was still falling when training reached "
            f"max_iter={parameters.max_iter}: raise max_iter. diagnose() tells more.",
            ConvergenceWarning,
        )
    is_pca = done.is_initial and done.net.module_.linear_path is not None
    if is_pca and parameters.architecture is not None and not judge.diverged:
        warnings.warn(
            f"The result is PCA: training {parameters.architecture!r} did not lower the loss of "
            "rows that it was not trained on. diagnose() tells more."
        )


def still_falling(curve: list[float], start: float) -> float:
    """Give the share of its fall that a loss made in the second half of the training."""
    losses = np.array([start, *curve])
    fall = losses[0] - losses.min()
    if len(curve) < 2 or not fall > 0:
        return 0.0
    return float(np.clip((losses[len(losses) // 2] - losses[-1]) / fall, 0, 1))

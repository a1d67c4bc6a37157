"""What fitting warns of."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning


def complain_of_under_fitting(max_iter: int) -> None:
    """Warn that training was cut short.

    Parameters
    ----------
    max_iter : int
        Number of epochs.
    """
    warnings.warn(
        f"The loss was still falling when training reached max_iter={max_iter}: "
        "raise max_iter. diagnose() tells more.",
        ConvergenceWarning,
    )


def complain_of_divergence(initial_loss: float, loss: object, learning_rate: float) -> None:
    """Warn, or raise where nothing was finite.

    Parameters
    ----------
    initial_loss : float
        Loss before the first epoch.
    loss : str or callable
        The parameter of the estimator.
    learning_rate : float
        Likewise.

    Raises
    ------
    ValueError
        If the loss is not finite from the start.
    """
    if not np.isfinite(initial_loss):
        raise ValueError(
            f"The loss is {initial_loss} before training: loss={loss!r} or the "
            "modules of the architecture give no finite number for these data."
        )
    warnings.warn(
        "Training stopped because the loss is no longer finite: the best weights so far are "
        f"kept. Lower learning_rate (now {learning_rate:g}), or scale columns of very "
        "different size, for example with StandardScaler.",
        RuntimeWarning,
    )

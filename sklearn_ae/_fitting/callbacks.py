"""Callbacks of skorch that the user gives."""

from typing import Any

from skorch.callbacks import (
    Callback,
    EarlyStopping,
    EpochScoring,
    InputShapeSetter,
    LRScheduler,
    ParamMapper,
)


def skorch_callbacks(parameters: Any, *, can_resume: bool = False) -> list[Callback]:
    """Give skorch's callbacks of an estimator, having checked them."""
    callbacks = [] if parameters.callbacks is None else list(parameters.callbacks)
    for callback in callbacks:
        each = callback[1] if isinstance(callback, (tuple, list)) else callback
        each = each if isinstance(each, type) else type(each)
        if not issubclass(each, Callback):
            raise TypeError(
                f"callbacks must be callbacks of skorch, got {callback!r}. Those of "
                "scikit-learn (1.9 or newer) are set by set_callbacks."
            )
        if issubclass(each, (EpochScoring, InputShapeSetter)):
            raise TypeError(
                f"{each.__name__} is not supported: the target of an autoencoder is its input, and "
                "its shape is known. For scores, set scikit-learn's ScoringMonitor by "
                "set_callbacks (scikit-learn 1.9 or newer)."
            )
        if can_resume and issubclass(each, (EarlyStopping, LRScheduler, ParamMapper)):
            raise ValueError(
                f"checkpoint is not supported with {each.__name__}, whose own state it does not "
                "keep; use n_iter_no_change or learning_rate_schedule instead."
            )
    return callbacks

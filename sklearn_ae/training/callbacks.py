"""What skorch's callbacks are up to."""

from skorch.callbacks import Callback, EarlyStopping, LRScheduler

from sklearn_ae.training.monitor import StopTraining


def is_signal(interruption: KeyboardInterrupt) -> bool:
    """Tell a callback that ends the training, which skorch has raise this, from Ctrl-C.

    Parameters
    ----------
    interruption : KeyboardInterrupt
        What was raised.

    Returns
    -------
    is_signal : bool
    """
    if isinstance(interruption, StopTraining):
        return True
    traceback = interruption.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and isinstance(
        traceback.tb_frame.f_locals.get("self"), EarlyStopping
    )


def watches_batches(callback: Callback) -> bool:
    """Tell whether a callback wants to know of single batches.

    Parameters
    ----------
    callback : Callback
        The callback.

    Returns
    -------
    watches_batches : bool
    """
    if isinstance(callback, LRScheduler) and callback.step_every == "epoch":
        return False
    hooks = ("on_batch_begin", "on_batch_end", "on_grad_computed")
    return any(
        # Of the instance, too: a mock has its hooks there.
        getattr(getattr(callback, hook), "__func__", None) is not getattr(Callback, hook)
        for hook in hooks
    )

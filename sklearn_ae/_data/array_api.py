"""Arrays of other libraries, on their devices, where scikit-learn dispatches to them."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any

import numpy as np
import torch
from sklearn import get_config
from sklearn.utils._array_api import _convert_to_numpy, device, get_namespace
from torch import Tensor

_IS_INSIDE: ContextVar[bool] = ContextVar("is_inside", default=False)


def is_dispatched(X: Any) -> bool:
    """Tell whether X is an array of another library than NumPy, and is to stay one."""
    return get_config()["array_api_dispatch"] and _is_foreign(X)


def _is_foreign(X: Any) -> bool:
    if isinstance(X, (np.ndarray, np.generic)):
        return False
    return isinstance(X, Tensor) or hasattr(X, "__array_namespace__")


def as_tensor(X: Any) -> Tensor:
    """Give an array of any library as a tensor on its device."""
    if isinstance(X, Tensor):
        return X
    try:
        return torch.utils.dlpack.from_dlpack(X)
    except (AttributeError, BufferError, RuntimeError, TypeError):  # a device unknown to PyTorch
        return torch.from_numpy(_convert_to_numpy(X, get_namespace(X)[0]).copy())


def as_numpy(X: Any) -> Any:
    """Give an array of another library as an array of NumPy; all else as it is."""
    return as_tensor(X).detach().cpu().numpy() if _is_foreign(X) else X


def namespace_of(X: Any) -> str:
    """Give the name of the library of an array."""
    return get_namespace(X)[0].__name__ if is_dispatched(X) else "numpy"


def _short(namespace: str) -> str:
    return namespace.rpartition(".")[2]


def like(result: Any, X: Any) -> Any:
    """Give a tensor or an array of NumPy in the library of an array, on its device."""
    if not isinstance(result, (Tensor, np.ndarray)):
        return result
    tensor = torch.as_tensor(result)
    if isinstance(X, Tensor):
        return tensor.to(X.device)
    xp = get_namespace(X)[0]
    if tensor.device.type == "cpu":
        return xp.asarray(tensor.numpy(), device=device(X))
    return xp.from_dlpack(tensor)


def follows_input(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method of an estimator give arrays of the library of its input, on its device.

    Inside, the arrays are tensors. Without scikit-learn's `array_api_dispatch`, and with arrays of
    NumPy, nothing changes. An estimator that was fitted on arrays of another library takes only
    those, as estimators of scikit-learn do.
    """

    @wraps(method)
    def wrapped(self: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        if _IS_INSIDE.get() or not get_config()["array_api_dispatch"]:
            return method(self, X, *args, **kwargs)
        own, given = getattr(self, "_namespace_", "numpy"), namespace_of(X)
        if own not in ("numpy", given):
            raise ValueError(
                f"Inputs passed to {type(self).__name__}.{method.__name__}() must use the same "
                f"namespace as those passed to fit(): expected {_short(own)}, got {_short(given)}."
            )
        if not is_dispatched(X):
            return method(self, X, *args, **kwargs)

        def inner(value: Any) -> Any:
            return as_tensor(value) if is_dispatched(value) else value

        token = _IS_INSIDE.set(True)
        try:
            result = method(
                self,
                inner(X),
                *map(inner, args),
                **{name: inner(value) for name, value in kwargs.items()},
            )
        finally:
            _IS_INSIDE.reset(token)
        return like(result, X)

    return wrapped

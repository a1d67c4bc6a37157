"""What differs between the supported versions of scikit-learn: no other module asks for one."""

from typing import Any

import numpy as np
from sklearn.utils.validation import _check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    def with_callbacks(method: Any) -> Any:
        """Give the method as it is."""
        return method

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """An estimator without `set_callbacks`, whose fits call no callback."""

        def _init_callback_context(self, **kwargs: Any) -> Any:
            return _NoCallbacks()

    class _NoCallbacks:
        def call_on_fit_task_begin(self, **kwargs: Any) -> None:
            pass

        def call_on_fit_task_end(self, **kwargs: Any) -> None:
            pass


__all__ = ["CallbackSupportMixin", "check_sample_weight", "with_callbacks"]


def check_sample_weight(sample_weight: Any, X: Any, dtype: Any = None) -> np.ndarray:
    # numpydoc ignore=PR01,RT01
    """Check that each row has a weight, none negative and not all zero; None gives ones."""
    weight = _check_sample_weight(sample_weight, X, dtype=dtype, ensure_non_negative=True)
    if not weight.any():  # scikit-learn < 1.9 lets them pass
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weight

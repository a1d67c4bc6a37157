"""Apply a network to many rows, as many at once as is fast."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_ae._data.rows import Rows, to_tensor

# Rows of a batch outside training: enough for full speed, and no more than the cache holds.
_INFERENCE_ROWS = 4096
_INFERENCE_ENTRIES = 2**20


class InferenceMixin:
    """Mixin of the net: what it computes outside training."""

    module_: Any
    device: torch.device
    data_dtype: torch.dtype
    get_iterator: Any
    _set_training: Any

    def compute(self, method: Callable[[Tensor], Tensor], X: Any) -> np.ndarray:
        """Apply a method of the module to all rows of a matrix, a batch at a time.

        Dropout and the like are off.

        Parameters
        ----------
        method : callable
            Maps a batch to a tensor of as many rows.
        X : ndarray or CSR matrix or array of shape (n_samples, n_columns)
            The rows.

        Returns
        -------
        result : ndarray of shape (n_samples, ...)
        """
        if self.module_.training:
            self._set_training(False)
        result: np.ndarray | None = None
        start = 0
        with torch.inference_mode():
            if isinstance(X, np.ndarray) and len(X) <= self.inference_rows(X):
                # Without any ado, for the sake of single rows.
                x = to_tensor(X, self.device, self.data_dtype)
                return method(x).cpu().numpy()
            batches = self.get_iterator(Rows(X))
            batches.copy = batches.resident = False  # a single pass
            for x, _ in batches:
                part = method(x).cpu().numpy()
                if result is None:
                    result = np.empty((X.shape[0], *part.shape[1:]), dtype=part.dtype)
                result[start : start + len(part)] = part
                start += len(part)
        assert result is not None, "there is at least one row"
        return result

    def inference_rows(self, X: Any) -> int:
        """Give how many rows are computed at once.

        Parameters
        ----------
        X : ndarray or CSR matrix or array of shape (n_samples, n_columns)
            The rows.

        Returns
        -------
        n_rows : int
        """
        width = max(X.shape[1], self.module_.shift.shape[0])  # codes become as wide as rows
        return max(1, min(_INFERENCE_ROWS, _INFERENCE_ENTRIES // width))

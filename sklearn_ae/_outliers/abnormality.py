"""How abnormal rows are to a trained net."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_ae._data.principal_components import StandardizedMatrix, principal_components
from sklearn_ae._data.rows import Rows
from sklearn_ae._data.single_thread import one_blas_thread
from sklearn_ae._data.units import blocks
from sklearn_ae._fitting.build import AUTO_SHARE
from sklearn_ae._outliers.robust_distance import clip_to_finite
from sklearn_ae._outliers.score import OutlierScore, Views
from sklearn_ae.nn import Autoencoder
from sklearn_ae.training import AutoencoderNet

# More training rows would hardly change the score, but enlarge the pickle.
_MAX_ROWS, _MAX_ENTRIES = 2**14, 2**23
# Errors below this share of a standard deviation are rounding.
_LEAST_ERROR = 1e-3


class Abnormality:
    """Scores rows by what a net makes of them, compared with training rows."""

    def __init__(self, net: AutoencoderNet, rows: Rows) -> None:
        n_features = rows.X.shape[1]
        some = rows.subsample(min(_MAX_ROWS, max(64, _MAX_ENTRIES // n_features)))
        X, weight = some.distinct()
        squares = net.compute(lambda x: net.module_.residual(x).square(), X).astype(np.float64)
        usual = np.average(np.nan_to_num(squares), axis=0, weights=weight)
        # The errors of a column that is reconstructed almost exactly are rounding.
        usual += 1e-3 * usual.mean() + _LEAST_ERROR**2
        self._usual_error = torch.from_numpy(usual).to(net.data_dtype)
        with one_blas_thread():
            components = net.principal_axes
            if components is None:
                components = _principal_axes(net.module_, X, weight)
            # All components together would repeat what the rows say.
            self._components = components[: max(1, n_features - 1)].T
            self._score = OutlierScore(self._views(net, X), weight)

    def __call__(self, net: AutoencoderNet, X: Any) -> np.ndarray:
        """Compute how abnormal rows are to the same net: float64, higher is more abnormal."""
        abnormality = np.empty(X.shape[0])
        with one_blas_thread():
            for rows in blocks(X.shape[0], 4 * X.shape[1]):
                abnormality[rows] = self._score(self._views(net, X[rows]))
        return abnormality

    def _views(self, net: AutoencoderNet, X: Any) -> Views:
        usual_error = self._usual_error.to(net.device)
        module = net.module_

        def compute(x: Tensor) -> Tensor:
            error = (module.residual(x).square() / usual_error).mean(dim=-1, keepdim=True)
            return torch.cat([module.standardize(x).to(error.dtype), error], dim=-1)

        both = net.compute(compute, X)
        standard = both[:, :-1]
        return Views(standard, clip_to_finite(standard) @ self._components, both[:, -1])


def _principal_axes(module: Autoencoder, X: Any, weight: np.ndarray) -> np.ndarray:
    shift, scale = (unit.cpu().numpy().astype(np.float64) for unit in (module.shift, module.scale))
    matrix = StandardizedMatrix(X, shift, scale, weight / weight.sum())
    # A fixed seed for the approximate solver: scores of equal nets are equal.
    return principal_components(matrix, AUTO_SHARE, np.random.RandomState(0))

"""How abnormal rows are to a trained net."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_ae._data.principal_components import StandardizedMatrix, principal_components
from sklearn_ae._data.single_thread import one_blas_thread
from sklearn_ae._data.units import blocks
from sklearn_ae._fitting.build import AUTO_SHARE
from sklearn_ae._outliers.robust_distance import bounded
from sklearn_ae._outliers.score import OutlierScore, Views
from sklearn_ae.nn import Autoencoder
from sklearn_ae.training import AutoencoderNet, Rows

# More training rows would hardly tell more of what is usual, and weigh on pickles.
_N_ROWS = 2**14
_N_ENTRIES = 2**23


class Abnormality:
    """Scores rows by what they look like to a net, beside those that it was trained on.

    Parameters
    ----------
    net : AutoencoderNet
        The net, trained.
    rows : Rows
        What it was trained on; of more than 16,384 rows, or of very wide ones, a part.
    """

    def __init__(self, net: AutoencoderNet, rows: Rows) -> None:
        n_rows = min(_N_ROWS, max(64, _N_ENTRIES // rows.X.shape[1]))
        X, weight = rows.thin_out(n_rows).distinct()
        squares = net.compute(lambda x: net.module_.residual(x).square(), X).astype(np.float64)
        usual = np.average(np.nan_to_num(squares), axis=0, weights=weight)
        # Columns that are reconstructed almost exactly have errors of rounding, which are none.
        rounding = 1000 * torch.finfo(net.dtype).eps
        usual += 1e-3 * usual.mean() + rounding**2
        self._usual = torch.from_numpy(usual).to(net.data_dtype)
        with one_blas_thread():
            components = net.principal_axes
            if components is None:
                components = _principal_axes(net.module_, X, weight)
            # All of them together would say again what the rows say.
            self._components = components[: max(1, X.shape[1] - 1)].T
            self._score = OutlierScore(self._view(net, X), weight)

    def __call__(self, net: AutoencoderNet, X: Any) -> np.ndarray:
        """Compute how abnormal rows are.

        Parameters
        ----------
        net : AutoencoderNet
            The same net.
        X : ndarray or CSR matrix or array of shape (n_rows, n_features)
            The rows.

        Returns
        -------
        abnormality : ndarray of shape (n_rows,), float64
            The higher, the more abnormal.
        """
        abnormality = np.empty(X.shape[0])
        with one_blas_thread():
            for rows in blocks(X.shape[0], 4 * X.shape[1]):
                abnormality[rows] = self._score(self._view(net, X[rows]))
        return abnormality

    def _view(self, net: AutoencoderNet, X: Any) -> Views:
        usual = self._usual.to(net.device)
        module = net.module_

        def compute(x: Tensor) -> Tensor:
            error = (module.residual(x).square() / usual).mean(dim=-1, keepdim=True)
            return torch.cat([module.standardize(x).to(error.dtype), error], dim=-1)

        both = net.compute(compute, X)
        standard = both[:, :-1]
        return Views(standard, bounded(standard) @ self._components, both[:, -1])


def _principal_axes(module: Autoencoder, X: Any, weight: np.ndarray) -> np.ndarray:
    shift, scale = (unit.cpu().numpy().astype(np.float64) for unit in (module.shift, module.scale))
    matrix = StandardizedMatrix(X, shift, scale, weight / weight.sum())
    # By a seed of its own: where there is anything random in it, accuracy is all it does.
    return principal_components(matrix, AUTO_SHARE, np.random.RandomState(0))

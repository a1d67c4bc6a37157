"""Who reduces and reconstructs: each fits so many numbers a row, and gives back a function."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from sklearn import decomposition
from sklearn.neural_network import MLPRegressor

from sklearn_ae import AutoencoderTransformer

Reconstruct = Callable[[np.ndarray], np.ndarray]
# Takes training rows, code size and seed.
Contender = Callable[[np.ndarray, int, int], Reconstruct]

PCA, OURS, KERNEL_PCA = "PCA", "ours", "KernelPCA"
# Its memory and time grow with the square and the cube of the rows.
KERNEL_PCA_ROWS = 2000


def pca(X: np.ndarray, n_components: int, seed: int) -> Reconstruct:
    """Fit the linear reduction."""
    return _there_and_back(decomposition.PCA(n_components, random_state=seed).fit(X))


def ours(X: np.ndarray, n_components: int, seed: int, **parameters: Any) -> Reconstruct:
    """Fit the autoencoder as it is by default, or with parameters that are tried."""
    estimator = AutoencoderTransformer(n_components, random_state=seed, **parameters)
    return _there_and_back(estimator.fit(X))


def plain(X: np.ndarray, n_components: int, seed: int) -> Reconstruct:
    """Fit an autoencoder as it is mostly built: no linear path, so many epochs and no care."""
    estimator = AutoencoderTransformer(
        n_components,
        linear_path=None,
        output_activation="identity",
        activation="relu",
        optimizer="adam",
        learning_rate=1e-3,
        early_stopping=False,
        n_iter_no_change=None,
        learning_rate_schedule="constant",
        n_refinement_steps=0,
        batch_size=32,
        max_iter=100,
        random_state=seed,
    )
    return _there_and_back(estimator.fit(X))


def mlp_regressor(X: np.ndarray, n_components: int, seed: int) -> Reconstruct:
    """Regress rows on themselves, through a narrow layer in the middle."""
    hidden = (256, 128) if len(X) >= 5000 else (128, 64) if len(X) >= 500 else (96, 48)
    layers = (*hidden, n_components, *hidden[::-1])
    return (
        MLPRegressor(hidden_layer_sizes=layers, max_iter=200, random_state=seed).fit(X, X).predict
    )


def kernel_pca(X: np.ndarray, n_components: int, seed: int) -> Reconstruct:
    """Fit kernel PCA, with less of a ridge than by default: that would hardly reconstruct."""
    estimator = decomposition.KernelPCA(
        n_components, kernel="rbf", fit_inverse_transform=True, alpha=1e-3, random_state=seed
    )
    # Its matrices are ill-conditioned in float32.
    reconstruct = _there_and_back(estimator.fit(X.astype(np.float64)))
    return lambda rows: reconstruct(rows.astype(np.float64))


CONTENDERS: dict[str, Contender] = {
    PCA: pca,
    OURS: ours,
    "plain": plain,
    "MLPRegressor": mlp_regressor,
    KERNEL_PCA: kernel_pca,
}


def taking_part(names: Iterable[str], n_rows: int) -> list[str]:
    """Leave out who can not be fitted on so many rows."""
    return [name for name in names if name != KERNEL_PCA or n_rows <= KERNEL_PCA_ROWS]


def _there_and_back(estimator: Any) -> Reconstruct:
    return lambda X: estimator.inverse_transform(estimator.transform(X))

"""The folds of cross-validation as members of one training."""

import numpy as np
import torch
from scipy import sparse

from sklearn_ae._data.principal_components import StandardizedMatrix, principal_components
from sklearn_ae._data.rows import Rows, to_tensor
from sklearn_ae.nn import LinearPath
from sklearn_ae.training import AutoencoderNet, Validation


def fold_paths(net: AutoencoderNet, rows: Rows, fold: np.ndarray) -> list[LinearPath]:
    """Give a linear path for each fold, which starts at the PCA of the other folds."""
    shift, scale = (unit.double().cpu().numpy() for unit in (net.module_.shift, net.module_.scale))
    paths = []
    for i in range(int(fold.max()) + 1):
        weight = None if rows.sample_weight is None else rows.weight()[fold != i]
        matrix = StandardizedMatrix(rows.X[fold != i], shift, scale, weight)
        components = principal_components(matrix, net.n_components, np.random.RandomState(0))
        path = LinearPath(
            torch.tensor(components.copy()), net.n_components, generator=net.generator
        )
        paths.append(path.to(net.device, net.dtype))
    return paths


def weigh_folds(rows: Rows, fold: np.ndarray) -> Rows:
    """Give rows with a weight for each fold: zero for its validation rows."""
    weight = np.ones(len(rows)) if rows.sample_weight is None else rows.weight().astype(float)
    weights = weight[:, None] * (fold[:, None] != np.arange(int(fold.max()) + 1))
    return Rows(rows.X, (weights / weights.mean(axis=0)).astype(rows.X.dtype))


def validation_of_folds(
    net: AutoencoderNet, rows: Rows, fold: np.ndarray, n_steps: int
) -> Validation:
    """Give the rows of each fold in standard units, filled up to the largest."""
    weight = np.ones(len(rows)) if rows.sample_weight is None else rows.weight()
    dense = rows.X.toarray() if sparse.issparse(rows.X) else rows.X
    parts = [np.flatnonzero(fold == i) for i in range(int(fold.max()) + 1)]
    size = max(map(len, parts))
    index = np.array([np.resize(part, size) for part in parts])
    is_own = np.array([np.arange(size) < len(part) for part in parts])
    return Validation(
        net.module_.standardize(to_tensor(dense[index], net.device, net.data_dtype)),
        to_tensor(weight[index] * is_own * rows.mean_weight, net.device, net.dtype),
        n_steps,
    )

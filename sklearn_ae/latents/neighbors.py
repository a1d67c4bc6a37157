"""Codes that keep neighbours together: maps of the rows."""

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state, check_scalar
from torch import Tensor

from sklearn_ae import nn
from sklearn_ae._data.layout import lay_out
from sklearn_ae._data.neighbors import distance_to_neighbor, nearest_neighbors, project
from sklearn_ae.latents.base import LatentParameters, mean_over_rows
from sklearn_ae.nn.latent import Network
from sklearn_ae.parameters import ParameterObject

# Steepness of the penalty, for layouts of variance 1. It is flat far from the place of a row: a row
# whose place can not be told goes to one of the places in question, not between them.
_SHARPNESS = 10.0

# How far noise moves a row in training, for the distance to its neighbour of this rank. With noise,
# new rows come closer to the places of their neighbours.
_NOISE, _NOISE_NEIGHBOR = 0.6, 15


class _NeighborNoise(ParameterObject):
    """Move rows at random, but not as far as their neighbours are."""

    def build(self, X: Any, scale: np.ndarray) -> nn.Corruption:
        distance = distance_to_neighbor(X, _NOISE_NEIGHBOR)
        std = _NOISE * distance / math.sqrt(X.shape[1])
        return nn.GaussianNoise(torch.as_tensor(np.full_like(scale, std)))


class Neighbors(LatentParameters):
    """Keep neighbouring rows together in the code, as t-SNE and UMAP do, to see the data.

    Before training, a layout of the training rows is computed: places of the size of the
    code, in which each row is close to its nearest neighbours in X and far from most other
    rows [1]_. The penalty is the squared distance of the code to the place of the row. The
    encoder thus learns the layout, for new rows too, and the decoder learns the way back.

    Parameters
    ----------
    n_neighbors : int, default=15
        Number of nearest neighbours of each row, by Euclidean distance. A larger number shows
        more of the overall structure, and less of the detail.
    weight : float, default=0.5
        Factor of the penalty. A smaller number gives better reconstructions, and a worse map.

    Notes
    -----
    In training, the encoder sees rows with normal noise, unless the estimator has another
    `corruption`. The noise moves a row by 0.6 times the distance to its 15th neighbour. New
    rows then come closer to their neighbours.

    Neighbours are found among the leading 50 principal components. If rows have more than 100
    columns, the network is trained on the leading 100 components, or on 1.5 times
    `n_components` if that is more. It is trained on the columns if the estimator has an
    `architecture`, a `corruption`, another `loss` or another `output_activation`, or if
    `n_components` is a share of the variance.

    Up to 100,000 rows, the search is exact. For more rows, it needs pynndescent:
    ``pip install "sklearn-ae[maps]"``.

    Sample weights count in training, but not in the layout. All training rows have to be in
    memory at once. ``partial_fit`` lays out each part, beginning at the codes of its rows.

    References
    ----------
    .. [1] Damrich, Boehm, Hamprecht and Kobak, "From t-SNE to UMAP with contrastive
       learning", ICLR 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.metrics import trustworthiness
    >>> X = load_digits().data
    >>> autoencoder = AutoencoderTransformer(n_components=2, latent="neighbors", random_state=0)
    >>> codes = autoencoder.fit_transform(X)
    >>> bool(trustworthiness(X, codes) > 0.97)
    True
    """

    # Two or three numbers tell where a row is, if a deep network reads and writes them.
    hidden_layer_sizes = (256, 256, 256, 256)
    corruption = _NeighborNoise()
    # Neighbours are those of the leading components, too.
    max_columns = 100

    def __init__(self, n_neighbors: int = 15, weight: float = 0.5) -> None:
        self.n_neighbors = n_neighbors
        self.weight = weight

    def _build(self, n_components: int, generator: torch.Generator | None) -> nn.Latent:
        check_scalar(self.n_neighbors, "n_neighbors", Integral, min_val=1)
        check_scalar(self.weight, "weight", Real, min_val=0)
        return _Neighbors(self.n_neighbors, self.weight)


class _Neighbors(nn.Latent):
    trades_reconstruction = True
    has_targets = True

    def __init__(self, n_neighbors: int, weight: float) -> None:
        super().__init__()
        self.n_neighbors, self.weight = n_neighbors, weight

    def targets(self, X: Any, code: np.ndarray | None, n_components: int, seed: int) -> np.ndarray:
        random_state = check_random_state(seed)
        if X.shape[0] < 3:
            return np.zeros((X.shape[0], n_components)) if code is None else code
        projected = project(X, n_components, random_state)
        n_neighbors = min(self.n_neighbors, len(projected) - 1)
        neighbors = nearest_neighbors(projected, n_neighbors, random_state)
        if code is None:
            code = np.zeros((len(projected), n_components))
            code[:, : projected.shape[1]] = projected[:, :n_components]
            # Rows that are equal have to be told apart, to move away from each other.
            code += 1e-4 * code.std() * random_state.normal(size=code.shape)
        return lay_out(neighbors, code, seed)

    def penalty(self, autoencoder: Network, output: nn.Output, weight: Tensor | None) -> Tensor:
        assert self.context is not None, "penalties are computed in training only"
        assert self.context.target is not None, "given to latents with targets"
        squares = (output.code - self.context.target).square().sum(dim=-1)
        return self.weight * mean_over_rows((_SHARPNESS * squares).log1p(), weight)

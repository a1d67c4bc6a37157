"""Who draws maps, where the packages are installed."""

import importlib.metadata
import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from sklearn_ae import AutoencoderTransformer


@dataclass(frozen=True)
class Contender:
    """How to make an estimator from a seed, and what it needs."""

    make: Callable[[int], BaseEstimator]
    modules: tuple[str, ...] = ()
    package: str = ""
    maps_new_rows: bool = True

    @property
    def is_at_hand(self) -> bool:
        """Tell whether all it needs is installed."""
        return all(importlib.util.find_spec(module) is not None for module in self.modules)


def _umap(seed: int) -> BaseEstimator:
    from umap import UMAP

    # With a seed, it computes on one thread.
    return UMAP(n_components=2, random_state=seed, n_jobs=1)


def _parametric_umap(seed: int) -> BaseEstimator:
    from umap.parametric_umap import ParametricUMAP

    return ParametricUMAP(
        n_components=2, random_state=seed, n_jobs=1, parametric_reconstruction=True, verbose=False
    )


def _pacmap(seed: int) -> BaseEstimator:
    import pacmap

    logging.getLogger("pacmap").setLevel(logging.ERROR)  # it warns of every seed

    class PaCMAP(pacmap.PaCMAP):
        """PaCMAP that remembers the training rows, which it needs to place new ones."""

        def fit(self, X: np.ndarray, y: Any = None) -> "PaCMAP":
            self.training_rows_ = X
            return super().fit(X)

        def transform(self, X: np.ndarray) -> np.ndarray:
            return super().transform(X, basis=self.training_rows_)

    return PaCMAP(n_components=2, random_state=seed, save_tree=True)


DEFAULT, NEIGHBORS, UMAP = "Autoencoder", "neighbors", "UMAP"
CONTENDERS = {
    "PCA": Contender(lambda seed: PCA(2, random_state=seed)),
    DEFAULT: Contender(lambda seed: AutoencoderTransformer(2, random_state=seed)),
    NEIGHBORS: Contender(
        lambda seed: AutoencoderTransformer(2, latent="neighbors", random_state=seed)
    ),
    UMAP: Contender(_umap, ("umap",), "umap-learn"),
    "ParametricUMAP": Contender(_parametric_umap, ("umap", "tensorflow"), "tensorflow"),
    "PaCMAP": Contender(_pacmap, ("pacmap",), "pacmap"),
    "t-SNE": Contender(lambda seed: TSNE(2, random_state=seed), maps_new_rows=False),
}


def missing() -> list[str]:
    """Give the contenders whose packages are not installed."""
    return [name for name, contender in CONTENDERS.items() if not contender.is_at_hand]


def versions() -> dict[str, str]:
    """Give the versions of the packages of the others."""
    return {
        contender.package: importlib.metadata.version(contender.package)
        for contender in CONTENDERS.values()
        if contender.package and contender.is_at_hand
    }

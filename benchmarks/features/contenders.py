"""Who gives the features of a row, and who classifies rows by them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.decomposition import PCA as PrincipalComponents  # noqa: N811
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.latents import LATENTS

Transform = Callable[[np.ndarray], np.ndarray]
# Takes training rows, number of features and seed.
Contender = Callable[[np.ndarray, int, int], Transform]

RAW, PCA, OURS, ENCODER, DENOISING = "raw", "PCA", "ours", "encoder", "denoising"
ONE_STEP, NEIGHBORS = "one step", "neighbors"


def raw(X: np.ndarray, n_components: int, seed: int) -> Transform:  # noqa: ARG001
    """Give the columns themselves."""
    return lambda rows: rows


def pca(X: np.ndarray, n_components: int, seed: int) -> Transform:
    """Fit the principal components."""
    return PrincipalComponents(n_components, random_state=seed).fit(X).transform


def ours(X: np.ndarray, n_components: int, seed: int, **parameters: Any) -> Transform:
    """Fit the autoencoder as it is by default, or with some parameters."""
    estimator = AutoencoderTransformer(n_components, random_state=seed, **parameters)
    return estimator.fit(X).transform


CONTENDERS: dict[str, Contender] = {
    RAW: raw,
    PCA: pca,
    OURS: ours,
    ENCODER: partial(ours, n_refinement_steps=0),
    ONE_STEP: partial(ours, n_refinement_steps=1),
    # More epochs take longer, and are hardly better.
    DENOISING: partial(ours, corruption="gaussian", max_iter=60),
}
if NEIGHBORS in LATENTS:
    CONTENDERS[NEIGHBORS] = partial(ours, latent=NEIGHBORS)


def logistic_regression(seed: int) -> ClassifierMixin:  # noqa: ARG001
    """Make the linear classifier, whose penalty needs columns of one scale."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))


def nearest_neighbor(seed: int) -> ClassifierMixin:  # noqa: ARG001
    """Make the classifier that looks at distances alone."""
    return KNeighborsClassifier(n_neighbors=1)


def boosted_trees(seed: int) -> ClassifierMixin:
    """Make the classifier that looks at columns one by one; more trees are hardly better."""
    return HistGradientBoostingClassifier(max_iter=50, random_state=seed)


LINEAR = "logistic regression"
CLASSIFIERS: dict[str, Callable[[int], ClassifierMixin]] = {
    LINEAR: logistic_regression,
    "1-NN": nearest_neighbor,
    "boosted trees": boosted_trees,
}

"""Who looks for outliers: each fits on some rows and scores others, higher for outliers."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from sklearn.covariance import MinCovDet
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from benchmarks.options import pick
from benchmarks.outliers.tables import Task
from sklearn_ae import AutoencoderOutlierDetector

# Takes a task and a seed.
Contender = Callable[[Task, int], np.ndarray]

OURS, WITHOUT_NETWORK = "ours", "without network"
NEIGHBORS, PYOD_AUTOENCODER = "k-NN", "AutoEncoder (PyOD)"
_N_NEIGHBORS = 5  # as in the study whose protocol this is
# Beyond, its covariances take minutes, for hardly more than their principal components say.
MAX_MCD_FEATURES = 200


def ours(task: Task, seed: int) -> np.ndarray:
    """Fit the autoencoder as it is by default."""
    detector = AutoencoderOutlierDetector(random_state=seed).fit(task.X_train)
    return -detector.score_samples(task.X_scored)


def without_network(task: Task, seed: int) -> np.ndarray:
    """Score by the Gaussian that the same detector starts at: what its network is worth."""
    detector = AutoencoderOutlierDetector(random_state=seed, max_iter=1).fit(task.X_train)
    net = detector.net_
    energies = net.compute(lambda x: net.module_.energies(x)[:, 0], task.X_scored)
    return np.log(energies.astype(np.float64)).mean(axis=1)


def neighbors(task: Task, seed: int) -> np.ndarray:  # noqa: ARG001
    """Measure the distance to the fifth nearest training row, other than the row itself."""
    n_neighbors = min(_N_NEIGHBORS, len(task.X_train) - 1)
    search = NearestNeighbors(n_neighbors=n_neighbors).fit(task.X_train)
    return _known_and_new(
        task, lambda: search.kneighbors()[0][:, -1], lambda rows: search.kneighbors(rows)[0][:, -1]
    )


def local_outlier_factor(task: Task, seed: int) -> np.ndarray:  # noqa: ARG001
    """Compare densities with those of neighbors."""
    n_neighbors = min(20, len(task.X_train) - 1)
    factor = LocalOutlierFactor(n_neighbors=n_neighbors, novelty=True).fit(task.X_train)
    return _known_and_new(
        task, lambda: -factor.negative_outlier_factor_, lambda rows: -factor.score_samples(rows)
    )


def isolation_forest(task: Task, seed: int) -> np.ndarray:
    """Isolate rows by random cuts."""
    return -IsolationForest(random_state=seed).fit(task.X_train).score_samples(task.X_scored)


def robust_covariance(task: Task, seed: int) -> np.ndarray:
    """Measure the Mahalanobis distance by the minimum covariance determinant."""
    if task.X_train.shape[1] > MAX_MCD_FEATURES:
        return principal_components(task, seed)
    X_train, X_scored = (X.astype(np.float64) for X in (task.X_train, task.X_scored))
    return MinCovDet(random_state=seed).fit(X_train).mahalanobis(X_scored)


def principal_components(task: Task, seed: int) -> np.ndarray:
    """Measure the Mahalanobis distance by all principal components that vary."""
    pca = PCA(random_state=seed).fit(task.X_train)
    varies = pca.explained_variance_ > 1e-10 * pca.explained_variance_[0]
    codes = pca.transform(task.X_scored)[:, varies]
    return (codes**2 / pca.explained_variance_[varies]).sum(axis=1)


def _pyod(module: str, name: str, **parameters: Any) -> Contender:
    """Give a contender of PyOD, with its default parameters."""

    def fit_and_score(task: Task, seed: int) -> np.ndarray:
        kind = getattr(import_module(f"pyod.models.{module}"), name)
        settings = dict(parameters)
        if "random_state" in kind.__init__.__code__.co_varnames:
            settings["random_state"] = seed
        detector = kind(**settings).fit(task.X_train)
        return _known_and_new(task, lambda: detector.decision_scores_, detector.decision_function)

    return fit_and_score


def _known_and_new(
    task: Task, of_known: Callable[[], np.ndarray], of_new: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Score training rows as the method does these, and the others as new ones."""
    parts = []
    if task.n_known > 0:
        parts.append(of_known())
    if len(task.X_scored) > task.n_known:
        parts.append(of_new(task.X_scored[task.n_known :]))
    return np.concatenate(parts)


CONTENDERS: dict[str, Contender] = {
    OURS: ours,
    WITHOUT_NETWORK: without_network,
    NEIGHBORS: neighbors,
    "LOF": local_outlier_factor,
    "IForest": isolation_forest,
    "MCD": robust_covariance,
    "PCA": principal_components,
    "ECOD (PyOD)": _pyod("ecod", "ECOD"),
    "CBLOF (PyOD)": _pyod("cblof", "CBLOF"),
    PYOD_AUTOENCODER: _pyod("auto_encoder", "AutoEncoder", verbose=0),
    "VAE (PyOD)": _pyod("vae", "VAE", verbose=0),
}


def at_hand(wanted: list[str] | None = None) -> tuple[list[str], list[str]]:
    """Choose the contenders, ours among them; say which are not installed."""
    chosen = pick("contender", wanted, CONTENDERS)
    names = [name for name in CONTENDERS if name == OURS or name in chosen]
    missing = [name for name in names if name.endswith("(PyOD)") and find_spec("pyod") is None]
    notes = [f"Without {', '.join(missing)}: PyOD is not installed."] if missing else []
    return [name for name in names if name not in missing], notes

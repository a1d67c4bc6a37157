"""Draw maps of a data set from several seeds, and score them."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from time import perf_counter
from typing import NamedTuple

import numpy as np
from scipy.spatial import procrustes
from sklearn.cluster import KMeans
from sklearn.metrics import v_measure_score
from sklearn.neighbors import KNeighborsClassifier

from benchmarks import machine
from benchmarks.maps.contenders import CONTENDERS
from benchmarks.maps.problems import Problem
from sklearn_ae.metrics import continuity, trustworthiness

_N_NEIGHBORS = 15
# The way back takes UMAP seconds for a hundred rows.
_N_RECONSTRUCTED = 200
# With more rows, UMAP and PaCMAP search neighbours by other functions, to be compiled first.
_FEW, _MANY = 100, 5000


@dataclass
class Scores:
    """What one map is worth; None is what a method or data set does not have."""

    nearest_neighbor: float
    v_measure: float | None
    trustworthiness: float
    continuity: float
    mse: float | None
    fit_seconds: float
    transform_seconds: float | None


class Map(NamedTuple):
    """Places of the rows that are scored, and of the training rows."""

    scored: np.ndarray
    training: np.ndarray
    mse: float | None
    fit_seconds: float
    transform_seconds: float | None


@dataclass
class Measured:
    """The scores of a method, one for each seed, and its first map."""

    method: str
    scores: list[Scores]
    disparity: float | None
    places: np.ndarray

    def mean(self, name: str) -> float | None:
        """Give the mean of a score over the seeds."""
        values = [getattr(each, name) for each in self.scores]
        return None if None in values else float(np.mean(values))


def measure(problem: Problem, method: str, seeds: Sequence[int], threads: int = 1) -> Measured:
    """Measure a method on a data set."""
    with machine.use_threads(threads), warnings.catch_warnings():
        # How long an autoencoder trains by default, and what others warn of: the figures tell.
        warnings.simplefilter("ignore")
        _warm_up(method, len(problem.X_train) >= _MANY)
        scores, maps = [], []
        for seed in seeds:
            made = draw(problem, method, seed)
            scores.append(_score(problem, method, made))
            maps.append(made.scored)
    pairs = [procrustes(*pair)[2] for pair in combinations(maps, 2)]
    return Measured(method, scores, float(np.mean(pairs)) if pairs else None, maps[0])


def draw(problem: Problem, method: str, seed: int) -> Map:
    """Draw one map: of new rows, or of as many training rows if a method has no new ones."""
    contender = CONTENDERS[method]
    estimator = contender.make(seed)
    start = perf_counter()
    estimator.fit(problem.X_train)
    fit_seconds = perf_counter() - start
    if not contender.maps_new_rows:
        training = estimator.embedding_
        return Map(training[: len(problem.X_test)], training, None, fit_seconds, None)
    start = perf_counter()
    scored = estimator.transform(problem.X_test)
    transform_seconds = perf_counter() - start
    # Some have the places of the training rows, and take long to find them again.
    training = getattr(estimator, "embedding_", None)
    if training is None:
        training = estimator.transform(problem.X_train)
    mse = None
    if hasattr(estimator, "inverse_transform"):
        rows = problem.X_test[:_N_RECONSTRUCTED]
        reconstructed = estimator.inverse_transform(scored[: len(rows)])
        mse = float(np.square(reconstructed - rows).mean())
    return Map(scored, training, mse, fit_seconds, transform_seconds)


def _score(problem: Problem, method: str, made: Map) -> Scores:
    classifier = KNeighborsClassifier(1).fit(made.training, problem.y_train)
    if CONTENDERS[method].maps_new_rows:
        X, y = problem.X_test, problem.y_test
        predicted = classifier.predict(made.scored)
    else:
        X, y = (rows[: len(made.scored)] for rows in (problem.X_train, problem.y_train))
        # A row is not its own neighbour.
        nearest = classifier.kneighbors(return_distance=False)[: len(y), 0]
        predicted = problem.y_train[nearest]
    v_measure = None
    if problem.has_classes:
        clusters = KMeans(len(np.unique(y)), n_init=10, random_state=0).fit_predict(made.scored)
        v_measure = float(v_measure_score(y, clusters))
    return Scores(
        float(np.mean(predicted == y)),
        v_measure,
        trustworthiness(X, made.scored, n_neighbors=_N_NEIGHBORS),
        continuity(X, made.scored, n_neighbors=_N_NEIGHBORS),
        made.mse,
        made.fit_seconds,
        made.transform_seconds,
    )


@cache
def _warm_up(method: str, is_large: bool) -> None:
    """Compile and load what is compiled and loaded at first use: that is not the cost of a fit."""
    if CONTENDERS[method].modules or not is_large:
        X = np.random.default_rng(0).standard_normal((_MANY if is_large else _FEW, 4), np.float32)
        estimator = CONTENDERS[method].make(0).fit(X)
        if CONTENDERS[method].maps_new_rows:
            estimator.transform(X[:_FEW] + np.float32(0.01))

"""Fit all contenders on the splits of a table."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from benchmarks import machine
from benchmarks.reconstruction import tables
from benchmarks.reconstruction.cases import Case
from benchmarks.reconstruction.contenders import CONTENDERS, taking_part


def code_sizes(n_rows: int, n_features: int, shares: Sequence[float]) -> list[int]:
    """Give code sizes that PCA can have and that are smaller than a row."""
    sizes = {max(1, round(share * n_features)) for share in shares}
    return sorted(k for k in sizes if k < min(n_rows, n_features))


def split(table: str, seed: int, max_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Split a table into training and test rows, columns scaled by the training rows."""
    X = tables.load(table)
    if len(X) > max_rows:
        X = X[np.random.default_rng(seed).choice(len(X), max_rows, replace=False)]
    X_train, X_test = train_test_split(X, test_size=0.3, random_state=seed)
    if table not in tables.IN_THEIR_UNITS:
        scaler = StandardScaler().fit(X_train)  # divides constant columns by 1
        X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    return X_train.astype(np.float32), X_test.astype(np.float32)


def squared_error(reconstruct: Callable[[np.ndarray], np.ndarray], X: np.ndarray) -> float:
    """Compute the mean squared error of reconstructions, in float64: many small squares."""
    return float(np.square(np.subtract(reconstruct(X), X, dtype=np.float64)).mean())


def measure(table: str, settings: "Settings") -> list[Case]:
    """Fit all contenders on all splits of a table: a case for each code size."""
    cases: dict[int, Case] = {}
    with machine.use_threads(1), warnings.catch_warnings():
        # So many epochs are what the contenders take by default; the errors tell.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warm_up()
        for seed in range(settings.seeds):
            X_train, X_test = split(table, seed, settings.max_rows)
            n_rows, n_features = len(X_train) + len(X_test), X_train.shape[1]
            names = taking_part(settings.contenders, len(X_train))
            for k in code_sizes(*X_train.shape, settings.sizes):
                case = cases.setdefault(k, Case.empty(table, n_rows, n_features, k, names))
                case.variance.append(float(X_test.var(axis=0, dtype=np.float64).mean()))
                for name in names:
                    start = perf_counter()
                    reconstruct = CONTENDERS[name](X_train, k, seed)
                    case.seconds[name].append(perf_counter() - start)
                    case.mse[name].append(squared_error(reconstruct, X_test))
    return list(cases.values())


@cache
def warm_up() -> None:
    """Load in this process what is loaded at first use: that is not the cost of a fit."""
    X = np.random.default_rng(0).standard_normal((20, 3), np.float32)
    for fit in CONTENDERS.values():
        fit(X, 1, 0)


@dataclass(frozen=True)
class Settings:
    """Number of splits, code sizes as shares of the columns, most rows, and who takes part."""

    seeds: int
    sizes: tuple[float, ...]
    max_rows: int
    contenders: tuple[str, ...]

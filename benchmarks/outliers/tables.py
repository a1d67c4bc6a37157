"""The tables with known outliers, and how each is divided into rows to fit on and to score."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

from benchmarks.options import pick
from benchmarks.reconstruction.tables import adbench_files, read_adbench

SEMI_SUPERVISED, UNSUPERVISED = SETTINGS = ("semi-supervised", "unsupervised")
# Ours; that of Livernoche et al., which keeps the order of the file and resamples small tables; the
# same without resampling, which puts copies of training rows among those that are scored.
OWN, RESAMPLED, FILE_ORDER = PROTOCOLS = ("own", "dte", "dte-without-copies")
_FEW_ROWS = 1000
_SHARE = 0.05  # of outliers, in tables that are made of classes


def choose(wanted: list[str] | None = None) -> tuple[list[str], list[str]]:
    """Choose the tables to measure; say which are not at hand."""
    files = adbench_files()
    if wanted is not None:
        return pick("table", wanted, [*_CARRIED, *files]), []
    if files:
        return [*files], []
    note = (
        "Classes of scikit-learn's own tables alone: for real outliers, set SKLEARN_AE_DATA to "
        "a folder that holds adbench/*.npz with arrays X and y, y being 1 for outliers."
    )
    return [*_CARRIED], [note]


def count_rows(name: str) -> int:
    """Give the number of rows of a table."""
    return len(_read(name)[1])


def divide(
    name: str, setting: str, seed: int, max_train: int, max_scored: int, protocol: str = OWN
) -> "Task":
    """Divide a table."""
    X, y = _read(name)
    rng = np.random.default_rng(seed)
    if protocol == OWN:
        order = rng.permutation(len(X))
    else:  # the order of the file
        order = np.arange(len(X))
        if protocol == RESAMPLED and len(X) < _FEW_ROWS:
            order = rng.choice(len(X), _FEW_ROWS)
    X, y = X[order], y[order]
    if setting == SEMI_SUPERVISED:
        inliers = np.flatnonzero(y == 0)
        half = len(inliers) // 2
        train, n_known = inliers[:half][:max_train], 0
        others = np.setdiff1d(np.arange(len(y)), inliers[:half])
        # Outliers of the first half would come first.
        scored = np.random.default_rng(seed).permutation(others)[:max_scored]
    else:
        scored = np.arange(len(y))
        if protocol != OWN:
            scored = rng.permutation(scored)
        scored = scored[:max_scored]
        train = scored[:max_train]
        n_known = len(train)
    scaler = StandardScaler().fit(X[train])  # divides constant columns by 1
    X_train, X_scored = (scaler.transform(X[part]).astype(np.float32) for part in (train, scored))
    return Task(X_train, X_scored, n_known, y[scored])


def _read(name: str) -> tuple[np.ndarray, np.ndarray]:
    return _CARRIED[name]() if name in _CARRIED else read_adbench(adbench_files()[name])


def _one_class_of(X: np.ndarray, y: np.ndarray, outlier: int) -> tuple[np.ndarray, np.ndarray]:
    """Take some rows of one class for the outliers among all others."""
    inliers, outliers = np.flatnonzero(y != outlier), np.flatnonzero(y == outlier)
    n_outliers = max(5, round(_SHARE * len(inliers)))
    rows = np.concatenate([inliers, outliers[:n_outliers]])
    return X[rows].astype(np.float64), (y[rows] == outlier).astype(int)


_CARRIED: dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]] = {
    "digits": lambda: _one_class_of(*datasets.load_digits(return_X_y=True), outlier=1),
    "breast-cancer": lambda: _one_class_of(
        *datasets.load_breast_cancer(return_X_y=True), outlier=0
    ),
    "wine": lambda: _one_class_of(*datasets.load_wine(return_X_y=True), outlier=2),
}


class Task(NamedTuple):
    """Rows to fit on and rows to score."""

    X_train: np.ndarray
    X_scored: np.ndarray
    n_known: int
    y_scored: np.ndarray

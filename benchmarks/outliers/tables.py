"""The tables with known outliers, and how each is divided into rows to fit on and to score."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

from benchmarks.data import BenchmarkError
from benchmarks.reconstruction.tables import adbench_files

SEMI_SUPERVISED, UNSUPERVISED = SETTINGS = ("semi-supervised", "unsupervised")
_SHARE = 0.05  # of outliers, in tables that are made of classes


class Task(NamedTuple):
    """Rows to fit on and rows to score.

    Attributes
    ----------
    X_train, X_scored : ndarray of shape (n_samples, n_features), float32
        Columns have mean 0 and variance 1 over the training rows.
    n_known : int
        So many of the first scored rows are the training rows.
    y_scored : ndarray of shape (n_samples,)
        1 for outliers.
    """

    X_train: np.ndarray
    X_scored: np.ndarray
    n_known: int
    y_scored: np.ndarray


def choose(wanted: list[str] | None = None) -> tuple[list[str], list[str]]:
    """Choose the tables to measure.

    Parameters
    ----------
    wanted : list of str or None, default=None
        Their names; None: all that are at hand.

    Returns
    -------
    chosen, notes : list of str
        The tables, and what is not at hand.

    Raises
    ------
    BenchmarkError
        If there is no table of a wanted name.
    """
    files = adbench_files()
    known = [*files] if files else [*_CARRIED]
    notes = []
    if wanted is not None:
        known = [*_CARRIED, *files]
        if unknown := [name for name in wanted if name not in known]:
            raise BenchmarkError(f"No table {', '.join(unknown)}: there are {', '.join(known)}.")
        known = [name for name in known if name in wanted]
    elif not files:
        notes.append(
            "Classes of scikit-learn's own tables alone: for real outliers, set SKLEARN_AE_DATA to "
            "a folder that holds adbench/*.npz with arrays X and y, y being 1 for outliers."
        )
    return known, notes


def divide(name: str, setting: str, seed: int, max_train: int, max_scored: int) -> Task:
    """Divide a table.

    Parameters
    ----------
    name : str
        The table.
    setting : {"semi-supervised", "unsupervised"}
        Whether to fit on half of the inliers, or on all rows.
    seed : int
        Seed of the division.
    max_train, max_scored : int
        Most rows of each; of more, the first ones in random order.

    Returns
    -------
    task : Task
    """
    X, y = _load(name)
    order = np.random.default_rng(seed).permutation(len(X))
    X, y = X[order], y[order]
    if setting == SEMI_SUPERVISED:
        inliers = np.flatnonzero(y == 0)
        half = len(inliers) // 2
        train, n_known = inliers[:half][:max_train], 0
        others = np.setdiff1d(np.arange(len(y)), inliers[:half])
        # Outliers of the first half would come first.
        scored = np.random.default_rng(seed).permutation(others)[:max_scored]
    else:
        scored = np.arange(len(y))[:max_scored]
        train = scored[:max_train]
        n_known = len(train)
    scaler = StandardScaler().fit(X[train])  # divides constant columns by 1
    X_train, X_scored = (scaler.transform(X[part]).astype(np.float32) for part in (train, scored))
    return Task(X_train, X_scored, n_known, y[scored])


def _load(name: str) -> tuple[np.ndarray, np.ndarray]:
    if name in _CARRIED:
        return _CARRIED[name]()
    return _read(adbench_files()[name])


def _read(file: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            # In floating point before anything is computed: some tables are of small integers.
            return arrays["X"].astype(np.float64), (arrays["y"].ravel() == 1).astype(int)
    except (KeyError, ValueError, OSError) as error:
        raise BenchmarkError(f"{file} could not be read: {error}") from error


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

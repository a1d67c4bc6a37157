"""The data sets to draw maps of, each split into training and new rows."""

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import make_s_curve, make_swiss_roll
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from benchmarks import data
from benchmarks.features import tables
from benchmarks.features.packages import TABLES

_MAX_ROWS = 3000
_MANIFOLDS = {"swiss-roll": make_swiss_roll, "s-curve": make_s_curve}
# Tables of a package, of many rows and of classes that are close to each other.
_TABLES = ("penbased", "satimage", "segment", "texture")
MNIST = "mnist"
NAMES = ("digits", *_MANIFOLDS, *_TABLES, MNIST)


@dataclass
class Problem:
    """A data set: its rows, their labels, and the labels or numbers that colour their places."""

    name: str
    X_train: np.ndarray
    X_test: np.ndarray
    y_train: np.ndarray
    y_test: np.ndarray
    color_train: np.ndarray
    color_test: np.ndarray
    has_classes: bool = True
    """Whether the labels are classes, which may be clusters; else, they are quarters of a curve."""


def at_hand() -> tuple[list[str], list[str]]:
    """Give the data sets that take part by default, and say which lack their package."""
    missing = [name for name in _TABLES if not TABLES[name].is_at_hand]
    # It takes minutes: measured only if it is named.
    found = [name for name in NAMES if name not in (*missing, MNIST)]
    package = TABLES[_TABLES[0]].package
    note = f"Without {', '.join(missing)}: the package {package} is not installed."
    return found, [note] if missing else []


def load(name: str, n_rows: int | None = None) -> Problem:
    """Load a data set, or the first rows of its two parts."""
    if name in _MANIFOLDS:
        return _first(_manifold(name), n_rows)
    if name in _TABLES:
        return _first(_table(name), n_rows)
    found = data.load(name)
    assert found.y_train is not None
    assert found.y_test is not None
    labels = found.y_train, found.y_test
    return _first(Problem(name, found.X_train, found.X_test, *labels, *labels), n_rows)


def _first(problem: Problem, n_rows: int | None) -> Problem:
    """Leave out all but the first rows, which are in random order."""
    arrays = {key: value for key, value in vars(problem).items() if isinstance(value, np.ndarray)}
    return Problem(**vars(problem) | {key: value[:n_rows] for key, value in arrays.items()})


def _manifold(name: str) -> Problem:
    X, position = _MANIFOLDS[name](_MAX_ROWS, random_state=0)
    y = np.searchsorted(np.quantile(position, [0.25, 0.5, 0.75]), position)
    parts = train_test_split(X.astype(np.float32), y, position, test_size=0.25, random_state=0)
    return Problem(name, *parts, has_classes=False)


def _table(name: str) -> Problem:
    X, y = tables.load(name, _MAX_ROWS)
    X_train, X_test, *labels = train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = (scaler.transform(rows).astype(np.float32) for rows in (X_train, X_test))
    return Problem(name, X_train, X_test, *labels, *labels)

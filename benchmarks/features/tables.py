"""The labelled tables: those that packages carry, and, apart from them, those of a folder."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder

from benchmarks import data
from benchmarks.data import BenchmarkError
from benchmarks.features.packages import TABLES
from benchmarks.options import pick
from benchmarks.reconstruction.tables import adbench_files, read_adbench

PACKAGES, FOLDER = GROUPS = ("packages", "folder")
_MAX_COLUMNS = 500
# A class of fewer rows is left out: five rows for each of two folds.
_MIN_ROWS_OF_CLASS = 10


class Labelled(NamedTuple):
    """Rows of numbers, and a class for each."""

    X: np.ndarray
    y: np.ndarray


def choose(
    wanted: list[str] | None = None, groups: Sequence[str] = GROUPS
) -> tuple[list[str], list[str]]:
    """Choose the tables to measure; say which are not at hand."""
    missing = [name for name, table in TABLES.items() if not table.is_at_hand]
    notes = _without(missing)
    carried = [name for name in TABLES if name not in missing]
    if wanted is not None:
        try:
            return pick("table", wanted, [*carried, *_in_folder()]), []
        except BenchmarkError as error:
            raise BenchmarkError(" ".join([str(error), *notes])) from error
    if PACKAGES not in groups:
        notes = []
    if FOLDER in groups and not _in_folder():
        notes.append(
            "For more tables, set SKLEARN_AE_DATA to a folder that holds mnist.npz, or "
            "adbench/*.npz with arrays X and y, y being 1 for outliers."
        )
    found = {PACKAGES: carried, FOLDER: _in_folder()}
    return [name for group in GROUPS if group in groups for name in found[group]], notes


def _without(missing: list[str]) -> list[str]:
    """Say which packages would bring which tables."""
    names: dict[str, list[str]] = {}
    for name in missing:
        names.setdefault(TABLES[name].package, []).append(name)
    return [
        f"Without {', '.join(of_package)}: the package {package} is not installed."
        for package, of_package in names.items()
    ]


def _in_folder() -> list[str]:
    folder = os.environ.get("SKLEARN_AE_DATA")
    has_mnist = folder and (Path(folder) / "mnist.npz").exists()
    return [*(["mnist"] if has_mnist else []), *adbench_files()]


def group_of(name: str) -> str:
    """Give the group of a table."""
    return PACKAGES if name in TABLES else FOLDER


def load(name: str, max_rows: int) -> Labelled:
    """Load a table: at most so many rows, a stratified sample, each of a class that is not rare."""
    X, y = _read(name)
    y = np.unique(y, return_inverse=True)[1]
    X, y = _without_rare_classes(X, y)
    if len(X) > max_rows:
        rows, _ = train_test_split(
            np.arange(len(X)), train_size=max_rows, stratify=y, random_state=0
        )
        X, y = _without_rare_classes(X[rows], y[rows])
    if X.shape[1] > _MAX_COLUMNS:
        columns = np.random.default_rng(0).choice(X.shape[1], _MAX_COLUMNS, replace=False)
        X = X[:, np.sort(columns)]
    return Labelled(X.astype(np.float32), y)


def _read(name: str) -> tuple[np.ndarray, np.ndarray]:
    if name in TABLES:
        frame, y = TABLES[name].read()
        return as_numbers(frame), y
    if name == "mnist":
        images = data.load("mnist")
        return images.X_train, images.y_train
    return read_adbench(adbench_files()[name])


def as_numbers(frame: pd.DataFrame) -> np.ndarray:
    """Keep columns of numbers; make a column for each value of the others, one for two values."""
    frame = frame.set_axis([str(name) for name in frame], axis=1)
    numbers = make_column_selector(dtype_include=["number", "bool"])
    encoder = OneHotEncoder(drop="if_binary", sparse_output=False)
    encode = make_column_transformer(
        ("passthrough", numbers), (encoder, lambda X: [c for c in X if c not in numbers(X)])
    )
    return np.asarray(encode.fit_transform(frame), np.float64)


def _without_rare_classes(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kept = np.bincount(y)[y] >= _MIN_ROWS_OF_CLASS
    return X[kept], np.unique(y[kept], return_inverse=True)[1]

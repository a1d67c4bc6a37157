"""The data sets of the benchmarks, each split into training and test rows."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.datasets import fetch_openml, load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

_LABEL_COLUMNS = ("y", "label", "target", "class")


def load(name: str, random_state: int = 0) -> "Data":
    """Load a data set."""
    if name == "mnist":
        return _mnist()
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        return _split((X / 16).astype(np.float32), y, random_state, image_shape=(8, 8))
    X, y = _read(Path(name))
    data = _split(X, y, random_state)
    scaler = MinMaxScaler().fit(data.X_train)
    data.X_train, data.X_test = scaler.transform(data.X_train), scaler.transform(data.X_test)
    return data


def _split(
    X: np.ndarray,
    y: np.ndarray | None,
    random_state: int,
    image_shape: tuple[int, int] | None = None,
) -> "Data":
    if y is not None and np.unique(y, return_counts=True)[1].min() < 8:
        raise BenchmarkError(
            "Some classes of the labels have fewer than 8 rows: the labels have to be classes, of "
            "which both parts of the split have some. Leave the column out to do without labels."
        )
    train, test = train_test_split(
        np.arange(len(X)), test_size=0.25, random_state=random_state, stratify=y
    )
    labels = (None, None) if y is None else (y[train], y[test])
    return Data(X[train], X[test], *labels, image_shape)


def _mnist() -> "Data":
    folder = os.environ.get("SKLEARN_AE_DATA")
    if folder and (file := Path(folder) / "mnist.npz").exists():
        with np.load(file, allow_pickle=False) as arrays:
            x_train, x_test, y_train, y_test = (
                arrays[key] for key in ("x_train", "x_test", "y_train", "y_test")
            )
    else:
        try:
            X, y = fetch_openml(
                "mnist_784", version=1, return_X_y=True, as_frame=False, n_retries=1
            )
        except OSError as error:
            raise BenchmarkError(
                "MNIST is not at hand: connect to the internet once, so that "
                "sklearn.datasets.fetch_openml can cache it, or set SKLEARN_AE_DATA to a folder "
                "that holds mnist.npz with the arrays x_train, y_train, x_test and y_test."
            ) from error
        x_train, x_test = X[:60_000], X[60_000:]
        y_train, y_test = y[:60_000].astype(int), y[60_000:].astype(int)
    x_train, x_test = (
        x.reshape(len(x), -1).astype(np.float32) / np.float32(255) for x in (x_train, x_test)
    )
    return Data(x_train, x_test, y_train, y_test, image_shape=(28, 28))


def _read(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    if not path.exists():
        raise BenchmarkError(
            f"There is no data set {str(path)!r}: give digits, mnist, or the path of a .npz or "
            ".csv file."
        )
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return arrays["X"].astype(np.float32), arrays.get("y")
        if path.suffix == ".csv":
            return _read_csv(path)
    except (KeyError, ValueError) as error:
        raise BenchmarkError(f"{path} could not be read: {error}") from error
    raise BenchmarkError(f"{path} is neither a .npz nor a .csv file.")


def _read_csv(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    if len(rows) < 2:
        raise ValueError("it has fewer than two rows")
    table = np.array(rows)
    is_label = np.isin([name.strip().lower() for name in header], _LABEL_COLUMNS)
    if is_label.sum() > 1:
        raise ValueError(f"more than one of its columns is called {', '.join(_LABEL_COLUMNS)}")
    y = table[:, is_label].ravel() if is_label.any() else None
    return table[:, ~is_label].astype(np.float32), y


class BenchmarkError(Exception):
    """The benchmark can not be run; the message says why, and what to do."""


@dataclass
class Data:
    """A data set, its columns in [0, 1] over the training rows."""

    X_train: np.ndarray
    X_test: np.ndarray
    y_train: np.ndarray | None
    y_test: np.ndarray | None
    image_shape: tuple[int, int] | None = None

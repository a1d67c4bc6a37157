"""The tables: those that scikit-learn carries, those that are drawn, and those of a folder."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn import datasets

from benchmarks import data
from benchmarks.data import BenchmarkError
from benchmarks.options import pick

NOISE = "noise"
# Pixels have one unit, which is kept; columns of other tables are scaled.
IN_THEIR_UNITS = ("digits", "mnist")


def names() -> list[str]:
    """Name all tables that there may be: MNIST is looked for when it is loaded."""
    return [*_CARRIED, *_DRAWN, "mnist", *adbench_files()]


def choose(wanted: list[str] | None = None) -> tuple[list[str], list[str]]:
    """Choose the tables to measure; say which are not at hand."""
    found, notes = pick("table", wanted, names()), []
    if wanted is None:
        if not adbench_files():
            notes.append(
                "Carried and synthetic tables alone: for more, set SKLEARN_AE_DATA to a folder "
                "that holds adbench/*.npz with arrays X and y, y being 1 for outliers."
            )
        try:
            load("mnist")
        except BenchmarkError as error:
            notes.append(str(error))
            found.remove("mnist")
    return found, notes


def load(name: str) -> np.ndarray:
    """Load or draw a table."""
    if name == "mnist":
        images = data.load("mnist")
        return np.concatenate([images.X_train, images.X_test])
    if file := adbench_files().get(name):
        X, y = read_adbench(file)
        return X[y == 0]
    return np.asarray((_CARRIED | _DRAWN)[name](), np.float64)


def adbench_files() -> dict[str, Path]:
    """Find the tables of the folder."""
    folder = os.environ.get("SKLEARN_AE_DATA")
    if not folder:
        return {}
    files = (Path(folder) / "adbench").glob("*.npz")
    # By their numbers where they have some: 2_annthyroid comes before 10_cover.
    return {file.stem: file for file in sorted(files, key=lambda file: _number_first(file.stem))}


def _number_first(name: str) -> tuple[int, str]:
    number = name.partition("_")[0]
    return int(number) if number.isdecimal() else 0, name


def read_adbench(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read all rows of a table of the folder, and labels that are 1 for outliers."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            # In floating point before anything is computed: some tables are of small integers.
            return arrays["X"].astype(np.float64), (arrays["y"].ravel() == 1).astype(int)
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise BenchmarkError(f"{file} could not be read: {error}") from error


def _linnerud() -> np.ndarray:
    both = datasets.load_linnerud()
    return np.hstack([both.data, both.target])


def _friedman() -> np.ndarray:
    """Give ten columns of which five make the eleventh, along a curved surface."""
    X, y = datasets.make_friedman1(1000, random_state=0)
    return np.column_stack([X, y])


def _low_rank() -> np.ndarray:
    """Give singular values that fall so fast that all but half a dozen are zero to rounding."""
    return datasets.make_low_rank_matrix(
        1000, 50, effective_rank=2, tail_strength=0.0, random_state=0
    )


def _noise() -> np.ndarray:
    """Give independent columns, for which nothing is better than PCA."""
    return np.random.default_rng(0).standard_normal((1000, 30))


def _word_counts() -> np.ndarray:
    """Count words of texts that mix a few topics: few are frequent, most are rare."""
    rng = np.random.default_rng(0)
    n_texts, n_words, n_topics, n_words_a_text = 2000, 200, 8, 60
    zipf = 1 / np.arange(1, n_words + 1)
    topics = zipf * rng.gamma(0.3, size=(n_topics, n_words))
    topics /= topics.sum(axis=1, keepdims=True)
    mixtures = rng.dirichlet(np.full(n_topics, 0.2), n_texts)
    return rng.poisson(n_words_a_text * mixtures @ topics)


_CARRIED: dict[str, Callable[[], np.ndarray]] = {
    "digits": lambda: datasets.load_digits().data / 16,
    "breast-cancer": lambda: datasets.load_breast_cancer().data,
    "wine": lambda: datasets.load_wine().data,
    "diabetes": lambda: datasets.load_diabetes().data,
    "iris": lambda: datasets.load_iris().data,
    "linnerud": _linnerud,
}
_DRAWN: dict[str, Callable[[], np.ndarray]] = {
    "swiss-roll": lambda: datasets.make_swiss_roll(1500, random_state=0)[0],
    "s-curve": lambda: datasets.make_s_curve(1500, random_state=0)[0],
    "friedman1": _friedman,
    "low-rank": _low_rank,
    NOISE: _noise,
    "word-counts": _word_counts,
}

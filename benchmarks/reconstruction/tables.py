"""The tables: those that scikit-learn carries, those that are drawn, and those of a folder."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn import datasets

from benchmarks import data
from benchmarks.data import BenchmarkError

NOISE = "noise"
# Pixels have one unit, which is kept; columns of other tables are scaled.
IN_THEIR_UNITS = ("digits", "mnist")
_FOLDER = "SKLEARN_AE_DATA"
_SUBFOLDER = "adbench"


def names() -> list[str]:
    """Name all tables that there may be: MNIST is looked for when it is loaded."""
    return [*_CARRIED, *_DRAWN, "mnist", *adbench_files()]


def choose(wanted: list[str] | None = None) -> tuple[list[str], list[str]]:
    """Choose the tables to measure.

    Parameters
    ----------
    wanted : list of str or None, default=None
        Their names; None: all that are at hand.

    Returns
    -------
    chosen : list of str
        The tables.
    notes : list of str
        Which are not at hand, and why.

    Raises
    ------
    BenchmarkError
        If there is no table of a wanted name.
    """
    found, notes = names(), []
    if wanted is not None:
        if unknown := [name for name in wanted if name not in found]:
            raise BenchmarkError(f"No table {', '.join(unknown)}: there are {', '.join(found)}.")
        return [name for name in found if name in wanted], []
    if not adbench_files():
        notes.append(
            "Carried and synthetic tables alone: for more, set SKLEARN_AE_DATA to a folder that "
            f"holds {_SUBFOLDER}/*.npz with arrays X and y, y being 1 for outliers."
        )
    try:
        load("mnist")
    except BenchmarkError as error:
        notes.append(str(error))
        found.remove("mnist")
    return found, notes


def load(name: str) -> np.ndarray:
    """Load or draw a table.

    Parameters
    ----------
    name : str
        One of ``names()``.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        All its rows, as floating-point numbers.
    """
    if name == "mnist":
        images = data.load("mnist")
        return np.concatenate([images.X_train, images.X_test])
    if file := adbench_files().get(name):
        return _inliers(file)
    return np.asarray((_CARRIED | _DRAWN)[name](), np.float64)


def adbench_files() -> dict[str, Path]:
    """Find the tables of the folder.

    Returns
    -------
    files : dict of str to Path
        Archives with arrays X and y, y being 1 for outliers, by name.
    """
    folder = os.environ.get(_FOLDER)
    if not folder:
        return {}
    files = (Path(folder) / _SUBFOLDER).glob("*.npz")
    # By their numbers where they have some: 2_annthyroid comes before 10_cover.
    return {file.stem: file for file in sorted(files, key=lambda file: _number_first(file.stem))}


def _number_first(name: str) -> tuple[int, str]:
    number = name.partition("_")[0]
    return int(number) if number.isdecimal() else 0, name


def _inliers(file: Path) -> np.ndarray:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            # In floating point before anything is computed: some tables are of small integers.
            return arrays["X"].astype(np.float64)[arrays["y"].ravel() != 1]
    except (KeyError, ValueError, IndexError, OSError, zipfile.BadZipFile) as error:
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

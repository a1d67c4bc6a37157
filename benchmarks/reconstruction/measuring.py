"""Fit all contenders on one split of a table, at one code size."""

import traceback
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from benchmarks.reconstruction import tables
from benchmarks.reconstruction.cases import Case
from benchmarks.reconstruction.contenders import CONTENDERS, OURS, taking_part
from benchmarks.speed.rounds import use_threads

_TEST_SHARE = 0.3


class Job(NamedTuple):
    """One split of a table, at one code size.

    Attributes
    ----------
    table : str
        Name of the table.
    n_components : int
        Code size.
    seed : int
        Seed of the split, and of the contenders.
    """

    table: str
    n_components: int
    seed: int


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes
    ----------
    seeds : int
        Number of splits.
    sizes : tuple of float
        Code sizes as shares of the number of columns.
    max_rows : int
        Most rows of a table, training and test.
    contenders : tuple of str
        Keys of ``CONTENDERS``.
    parameters : dict
        Parameters of ours that are not the default ones.
    """

    seeds: int
    sizes: tuple[float, ...]
    max_rows: int
    contenders: tuple[str, ...]
    parameters: dict[str, Any] = field(default_factory=dict)

    def jobs(self, table: str, shape: tuple[int, int]) -> list[Job]:
        """List what there is to do for a table of this shape."""
        n_rows, n_features = min(shape[0], self.max_rows), shape[1]
        n_train = n_rows - int(np.ceil(_TEST_SHARE * n_rows))
        sizes = code_sizes(n_train, n_features, self.sizes)
        return [Job(table, k, seed) for seed in range(self.seeds) for k in sizes]


class Measured(NamedTuple):
    """What one job found.

    Attributes
    ----------
    n_rows, n_features : int
        Size of the table, as far as it was used.
    variance : float
        Variance of the test rows, mean over the columns.
    mse, seconds : dict of str to float
        Error on the test rows and time of the fit, by contender.
    """

    n_rows: int
    n_features: int
    variance: float
    mse: dict[str, float]
    seconds: dict[str, float]


def code_sizes(n_rows: int, n_features: int, shares: Sequence[float]) -> list[int]:
    """Give code sizes that PCA can have and that are smaller than a row.

    Parameters
    ----------
    n_rows, n_features : int
        Training rows and columns.
    shares : sequence of float
        Wanted sizes, as shares of the number of columns.

    Returns
    -------
    sizes : list of int
        Without repetitions, in ascending order.
    """
    sizes = {max(1, round(share * n_features)) for share in shares}
    return sorted(k for k in sizes if k < min(n_rows, n_features))


# Jobs of one split follow each other.
@lru_cache(maxsize=1)
def split(table: str, seed: int, max_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Split a table into training and test rows.

    Parameters
    ----------
    table : str
        Its name.
    seed : int
        Seed of the split, and of the rows that are taken where there are too many.
    max_rows : int
        Most rows to take.

    Returns
    -------
    X_train, X_test : ndarray of shape (n_samples, n_features), float32
        Columns have mean 0 and variance 1 over the training rows, but for pixels.
    """
    X = tables.load(table)
    if len(X) > max_rows:
        X = X[np.random.default_rng(seed).choice(len(X), max_rows, replace=False)]
    X_train, X_test = train_test_split(X, test_size=_TEST_SHARE, random_state=seed)
    if table not in tables.IN_THEIR_UNITS:
        scaler = StandardScaler().fit(X_train)  # divides constant columns by 1
        X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    return X_train.astype(np.float32), X_test.astype(np.float32)


def measure(job: Job, settings: Settings) -> Measured:
    """Fit all contenders and take their errors on the test rows.

    Parameters
    ----------
    job : Job
        What to fit them on.
    settings : Settings
        How to measure.

    Returns
    -------
    measured : Measured
    """
    X_train, X_test = split(job.table, job.seed, settings.max_rows)
    mse, seconds = {}, {}
    with use_threads(1), warnings.catch_warnings():
        # So many epochs are what the contenders take by default; the errors tell.
        warnings.simplefilter("ignore", ConvergenceWarning)
        _warm_up()
        for name in taking_part(list(settings.contenders), len(X_train)):
            fit = CONTENDERS[name]
            if name == OURS:
                fit = partial(fit, **settings.parameters)
            start = perf_counter()
            reconstruct = fit(X_train, job.n_components, job.seed)
            seconds[name] = perf_counter() - start
            # In float64: a mean of many small squares.
            residuals = np.subtract(reconstruct(X_test), X_test, dtype=np.float64)
            mse[name] = float(np.square(residuals).mean())
    variance = float(X_test.var(axis=0, dtype=np.float64).mean())
    n_rows = len(X_train) + len(X_test)
    return Measured(n_rows, X_train.shape[1], variance, mse, seconds)


def try_to_measure(job: Job, settings: Settings) -> Measured | str:
    """Measure, or give what went wrong: the other tables are worth having."""
    try:
        return measure(job, settings)
    except Exception:
        return traceback.format_exc()


def gather(found: dict[Job, Measured]) -> list[Case]:
    """Put the splits of each code size of a table together.

    Parameters
    ----------
    found : dict of Job to Measured
        All splits of one table.

    Returns
    -------
    cases : list of Case
        One for each code size.
    """
    cases = []
    for k in sorted({job.n_components for job in found}):
        splits = [it for job, it in found.items() if job.n_components == k]
        first, (table, _, _) = splits[0], next(iter(found))
        case = Case(
            table,
            first.n_rows,
            first.n_features,
            k,
            [it.variance for it in splits],
            {name: [it.mse[name] for it in splits] for name in first.mse},
            {name: [it.seconds[name] for it in splits] for name in first.seconds},
        )
        cases.append(case)
    return cases


@cache
def _warm_up() -> None:
    """Load in this process what is loaded at first use: that is not the cost of a fit."""
    X = np.random.default_rng(0).standard_normal((20, 3), np.float32)
    for fit in CONTENDERS.values():
        fit(X, 1, 0)

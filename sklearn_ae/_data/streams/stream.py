"""The first pass over a source: statistics, and a sample of rows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from scipy.linalg.blas import dsyrk
from sklearn.utils import assert_all_finite
from torch.utils.data import Dataset

from sklearn_ae._data.bounds import column_bounds
from sklearn_ae._data.principal_components import components_of_covariance
from sklearn_ae._data.progress import QUIET, Progress
from sklearn_ae._data.rows import Rows
from sklearn_ae._data.single_thread import one_blas_thread
from sklearn_ae._data.statistics import Statistics
from sklearn_ae._data.streams.source import Source, arrays, rows_of_block, working_memory
from sklearn_ae._data.units import mean_and_std_of

# The sample has at most so many rows and entries, and takes at most this share of the working
# memory; but it has at least so many rows. Its validation rows are at most half of it.
_MAX_SAMPLE, _MAX_SAMPLE_ENTRIES = 2**16, 2**23
_SAMPLE_SHARE, _MIN_SAMPLE = 1 / 16, 512
_MAX_VALIDATION = 1 / 2
# Share of the working memory that the covariance may take.
_COVARIANCE_SHARE = 1 / 4


class StreamStatistics(Statistics):
    """Statistics of all rows of a source.

    Parameters
    ----------
    rows : Rows
        A random sample of the rows.
    extremes : ndarray of shape (2, n_features)
        Smallest and largest value of every column.
    mean_and_std : tuple of ndarray of shape (n_features,)
        Mean and standard deviation of every column.
    covariance : ndarray of shape (n_features, n_features) or None
        Covariance of the columns; None: there is no room for it.
    """

    def __init__(
        self,
        rows: Rows,
        extremes: np.ndarray,
        mean_and_std: tuple[np.ndarray, np.ndarray],
        covariance: np.ndarray | None,
    ) -> None:
        super().__init__(rows)
        self.extremes, self.mean_and_std, self._covariance = extremes, mean_and_std, covariance

    def with_sample(self, rows: Rows) -> "StreamStatistics":
        """Give the same statistics with another sample."""
        return StreamStatistics(rows, self.extremes, self.mean_and_std, self._covariance)

    @cached_property
    def bounds(self) -> np.ndarray | None:
        """Bounds of the columns, see `column_bounds`."""
        return column_bounds(self.rows, self.extremes)

    def principal_components(
        self, scale: np.ndarray, n_components: int | float, random_state: np.random.RandomState
    ) -> np.ndarray:
        """Compute the principal components of the rows divided by a scale."""
        if self._covariance is None:
            raise ValueError(
                f"X has {self.n_features} columns, too many for principal components: their "
                "covariance does not fit into a quarter of scikit-learn's working memory. Set a "
                "larger one by sklearn.set_config(working_memory=...), or linear_path=None and "
                "n_components to a number."
            )
        scale = np.broadcast_to(scale, (self.n_features,))
        covariance = self._covariance / scale / scale[:, None]
        return components_of_covariance(covariance, n_components, random_state)


@dataclass(eq=False, repr=False)
class Stream(Dataset[Any]):
    """The rows of a source that are trained on.

    Attributes
    ----------
    source : Source
        The source.
    statistics : StreamStatistics
        Statistics of all its rows.
    n_rows : int
        Number of all its rows.
    numbers : ndarray of int
        Numbers of the rows of the sample, ascending.
    sample : Rows
        The rows of the sample that are trained on.
    left_out : ndarray of int
        Numbers of the rows that are not trained on, ascending.
    progress : Progress
        Tells how far a fit is.
    """

    ranks: ClassVar[None] = None  # all rows are read in this process

    source: Source
    statistics: StreamStatistics
    n_rows: int
    numbers: np.ndarray
    sample: Rows
    left_out: np.ndarray
    progress: Progress = QUIET

    def __len__(self) -> int:
        return self.n_rows - len(self.left_out)

    def subsample(self, n_rows: int) -> Rows:
        """Draw at most so many of the rows at random. The draw is the same each time."""
        return self.sample.subsample(n_rows)

    def split(self, fraction: float, seed: int) -> tuple["Stream", Rows]:
        """Leave out validation rows, which are a random part of the sample.

        They still count in mean, standard deviation and covariance of the many rows.
        """
        n_sampled = len(self.numbers)
        most = min(int(_MAX_VALIDATION * n_sampled), n_sampled - 1)
        n_validation = min(max(1, round(fraction * self.n_rows)), most)
        is_chosen = np.zeros(n_sampled, bool)
        chosen = np.random.default_rng(seed).choice(n_sampled, n_validation, replace=False)
        is_chosen[chosen] = True
        rows = self.statistics.rows
        training = replace(rows, index=np.flatnonzero(~is_chosen))
        validation = replace(rows, index=np.flatnonzero(is_chosen))
        stream = replace(
            self,
            statistics=self.statistics.with_sample(training.extract()),
            sample=training,
            left_out=self.numbers[is_chosen],
        )
        return stream, validation


def read_through(
    source: Source,
    dtype: np.dtype,
    n_features: int,
    reader: str,
    *,
    progress: Progress = QUIET,
) -> Stream:
    """Read a source once, for statistics and a sample of its rows.

    Parameters
    ----------
    source : Source
        The source.
    dtype : numpy.dtype
        Type that the rows get.
    n_features : int
        Number of columns.
    reader : str
        Who reads, for errors about values that are not finite.
    progress : Progress, default=QUIET
        Tells how far a fit is.

    Returns
    -------
    stream : Stream
        The sample does not depend on how the source is cut into blocks.
    """
    moments = _Moments(n_features)
    sample = _Sample(dtype, n_features)
    # They become wider, in float64. Few rows would not pay for a step through a large covariance.
    n_rows_each = max(rows_of_block(n_features) // 4, n_features // 4, 1)
    with progress.begin("statistics", source.n_rows):
        for block in arrays(source.blocks(), dtype, n_features, n_rows_each):
            assert_all_finite(block, estimator_name=reader, input_name="X")
            moments.add(block)
            sample.add(block)
            progress.step(len(block))
    rows, numbers = sample.finish()
    statistics = StreamStatistics(
        rows, moments.extremes.astype(dtype), moments.mean_and_std(), moments.covariance()
    )
    return Stream(source, statistics, moments.n_rows, numbers, rows, np.zeros(0, int), progress)


class _Moments:
    """Mean and covariance of rows, a block at a time: Chan, Golub and LeVeque (1983)."""

    def __init__(self, n_features: int) -> None:
        self.n_rows = 0
        self.mean = np.zeros(n_features)
        self.extremes = np.stack([np.full(n_features, np.inf), np.full(n_features, -np.inf)])
        self.is_full = 8 * n_features**2 <= _COVARIANCE_SHARE * working_memory()
        # Sums of products of deviations, of which the upper triangle is filled, or of squares.
        self._squares = np.zeros(n_features)
        self._products = np.zeros((n_features,) * 2 if self.is_full else (0, 0), order="F")

    def add(self, block: np.ndarray) -> None:
        """Take a block of rows into account."""
        np.minimum(self.extremes[0], block.min(axis=0), out=self.extremes[0])
        np.maximum(self.extremes[1], block.max(axis=0), out=self.extremes[1])
        with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            mean = np.full(len(block), 1 / len(block)) @ block
            before, self.n_rows = self.n_rows, self.n_rows + len(block)
            step = mean - self.mean
            self.mean += step * (len(block) / self.n_rows)
            step *= np.sqrt(before * (len(block) / self.n_rows))
            # The step of the mean counts as one more deviation.
            deviations = np.empty((len(block) + 1, len(mean)))
            np.subtract(block, mean, out=deviations[:-1])
            deviations[-1] = step
            self._squares += np.einsum("ij,ij->j", deviations, deviations)
            if self.is_full:
                self._products = dsyrk(
                    1.0, deviations.T, beta=1.0, c=self._products, overwrite_c=True
                )

    def mean_and_std(self) -> tuple[np.ndarray, np.ndarray]:
        """Give mean and standard deviation of every column; exactly 0 of a constant one."""
        return mean_and_std_of(self.mean, self._squares / self.n_rows, self.extremes)

    def covariance(self) -> np.ndarray | None:
        """Give the covariance, if there is room for it."""
        if not self.is_full:
            return None
        covariance = self._products
        covariance /= self.n_rows
        for column in range(len(covariance)):
            covariance[column + 1 :, column] = covariance[column, column + 1 :]
        return covariance


class _Sample:
    """A random sample of rows: those with the lowest random numbers."""

    def __init__(self, dtype: np.dtype, n_features: int) -> None:
        n_bytes = n_features * dtype.itemsize
        by_memory = int(_SAMPLE_SHARE * working_memory() / n_bytes)
        most = min(_MAX_SAMPLE, _MAX_SAMPLE_ENTRIES // n_features, by_memory)
        self.n_rows = max(most, _MIN_SAMPLE)
        self._memory = np.empty((2 * self.n_rows, n_features), dtype)
        self._keys, self._numbers = np.empty(2 * self.n_rows), np.empty(2 * self.n_rows, int)
        self._n_kept = self._n_seen = 0
        self._limit = np.inf
        # The draw is the same each time, as in `Rows.subsample`.
        self._generator = np.random.default_rng(0)

    def add(self, block: np.ndarray) -> None:
        """Take a block of rows into account."""
        keys = self._generator.random(len(block))
        numbers = np.arange(self._n_seen, self._n_seen + len(block))
        self._n_seen += len(block)
        for part in self._parts(np.flatnonzero(keys < self._limit)):
            part = part[keys[part] < self._limit]
            place = slice(self._n_kept, self._n_kept + len(part))
            self._memory[place], self._keys[place] = block[part], keys[part]
            self._numbers[place] = numbers[part]
            self._n_kept += len(part)
            if self._n_kept > self.n_rows:
                self._select(np.argpartition(self._keys[: self._n_kept], self.n_rows - 1))

    def _parts(self, places: np.ndarray) -> Iterator[np.ndarray]:
        return (places[i : i + self.n_rows] for i in range(0, len(places), self.n_rows))

    def _select(self, order: np.ndarray) -> None:
        order = np.sort(order[: self.n_rows])
        size = len(order)
        for array in (self._memory, self._keys, self._numbers):
            array[:size] = array[order]
        self._n_kept, self._limit = size, self._keys[:size].max()

    def finish(self) -> tuple[Rows, np.ndarray]:
        """Give the rows of the sample and their numbers, in order."""
        kept = slice(self._n_kept)
        return Rows(self._memory[kept].copy(), None), self._numbers[kept].copy()

"""Rows that are spread over the ranks of a process group, each of which has a part of them."""

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from sklearn_ae._data.bounds import column_bounds
from sklearn_ae._data.principal_components import StandardizedMatrix, principal_components
from sklearn_ae._data.ranks import Ranks
from sklearn_ae._data.rows import Block, Rows, direction_across, half_range, hash_rows
from sklearn_ae._data.statistics import Statistics
from sklearn_ae._data.units import blocks, column_extremes, dense, mean_and_std_of

# Fewer rows than this, or than columns, are gathered: each rank then fits all of them.
_FEW_ROWS = 5000
_N_EXAMPLES = 2**14  # rows for what asks for rows of all columns


@dataclass(eq=False, repr=False)
class SpreadRows(Rows):
    """A selection of rows that are spread over ranks. All ranks make and use it together.

    `X` are the rows of this rank; `take` gives those of them that are selected. Length, weights,
    `index` and positions are those of all rows.
    """

    _: KW_ONLY
    ranks: Ranks  # type: ignore[misc]
    numbers: np.ndarray  # of the rows of X among all, ascending
    n_all: int  # rows on all ranks

    def __len__(self) -> int:
        return self.n_all if self.index is None else len(self.index)

    def take(self, selection: Any, memory: np.ndarray | None = None) -> Block:
        """Give rows of this rank and their weights, by their positions among those."""
        return self.local.take(selection, memory)

    __getitem__ = take

    @cached_property
    def local(self) -> Rows:
        """The selected rows of this rank, with their weights."""
        weight = None if self.sample_weight is None else self.sample_weight[self.numbers]
        index = None
        if self.index is not None:
            is_selected = np.zeros(self.n_all, bool)
            is_selected[self.index] = True
            index = np.flatnonzero(is_selected[self.numbers])
        return Rows(self.X, weight, index, self.mean_weight)

    @cached_property
    def positions(self) -> np.ndarray:
        """The positions of the rows of `local` in the selection."""
        if self.index is None:
            return self.numbers
        return np.searchsorted(self.index, self.numbers[self.local.index])

    def own(self, block: Any, cuts: list[int]) -> tuple[Any, list[int]]:
        """Give the part of a block, and of its cuts into batches, that is on this rank."""
        places: Any = self._places
        if isinstance(block, Tensor):
            places = torch.from_numpy(places).to(block.device)
        places = places[block]
        is_own = places >= 0
        n_own = is_own.cumsum(0)[[cut - cuts[0] - 1 for cut in cuts[1:]]]
        return places[is_own], [0, *n_own.tolist()]

    @cached_property
    def _places(self) -> np.ndarray:
        """Of each position the place in `local`, or -1 if the row is on another rank."""
        places = np.full(len(self), -1)
        places[self.positions] = np.arange(len(self.positions))
        return places

    def gathered(self) -> Rows:
        """Copy the selected rows to all ranks."""
        weight = None if self.sample_weight is None else self.weight()
        return Rows(self.gather(self.local.extract().X), weight, None, self.mean_weight)

    def extract(self) -> "SpreadRows":
        """Copy the selected rows into matrices of their own, which stay on their ranks."""
        if self.index is None:
            return self
        weight = None if self.sample_weight is None else self.weight()
        return replace(
            self,
            X=self.local.extract().X,
            sample_weight=weight,
            index=None,
            numbers=self.positions,
            n_all=len(self),
        )

    def subsample(self, n_rows: int) -> Rows:
        """Draw at most so many of the rows at random, and copy them to all ranks."""
        return super().subsample(n_rows).gathered() if len(self) > n_rows else self.gathered()

    def groups(self) -> tuple[np.ndarray, np.ndarray]:
        """Give the number of each row's group of equal rows, and the weight of each group."""
        X = self.local.extract().X
        # Of each rank that has some: its first row and the ends of its values.
        ends = None
        if X.shape[0] > 0 and isinstance(X, np.ndarray):
            ends = X[:1], np.array([X.min(), X.max()])
        known = [each for each in self.ranks.gather(ends) if each is not None]
        origin, unit = None, None
        if known:
            origin, unit = known[0][0][0], half_range(np.concatenate([each[1] for each in known]))
        hashes = self.gather(hash_rows(X, origin, unit))
        heights = self.gather(X @ direction_across(X.shape[1]))
        _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
        group = np.argsort(np.argsort(heights[first], kind="stable"))[group]
        return group, np.bincount(group, self.weight())

    def gather(self, values: Any) -> Any:
        """Give what belongs to all selected rows from what belongs to those of this rank."""
        joined = _stack(self.ranks.gather(values))
        if self.ranks.parts is None:  # in the order of the ranks
            return joined
        return joined[np.argsort(np.concatenate(self.ranks.gather(self.positions)))]


class SpreadStatistics(Statistics):
    """Statistics of rows that are spread over ranks: all ranks compute the same.

    Parameters
    ----------
    rows : SpreadRows
        The rows.
    """

    rows: SpreadRows

    @property
    def example(self) -> Any:
        """Rows with the smallest and largest values of all columns."""
        X = self.rows.subsample(_N_EXAMPLES).extract().X
        ends = self.extremes
        return _stack([ends if isinstance(X, np.ndarray) else sparse.csr_array(ends), X])

    @cached_property
    def extremes(self) -> np.ndarray:
        """The smallest and the largest value of every column."""
        X = self.rows.local.extract().X
        known = self.rows.ranks.gather(column_extremes(X) if X.shape[0] > 0 else None)
        ends = np.stack([each for each in known if each is not None])
        return np.stack([ends[:, 0].min(axis=0), ends[:, 1].max(axis=0)])

    @cached_property
    def mean_and_std(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of every column, see `column_mean_and_std`."""
        own, ranks = self.rows.local.extract(), self.rows.ranks
        X, share = own.X, own.weight().astype(np.float64) / self.rows.weight().sum()
        with np.errstate(over="ignore", invalid="ignore"):
            zero = np.zeros(X.shape[1])
            parts = list(blocks(*X.shape))
            mean = ranks.sum(sum((share[part] @ dense(X[part]) for part in parts), zero))
            squares = (share[part] @ np.square(dense(X[part]) - mean) for part in parts)
            square = ranks.sum(sum(squares, zero))
        return mean_and_std_of(mean, square, self.extremes)

    @cached_property
    def bounds(self) -> np.ndarray | None:
        """Bounds of the columns, see `column_bounds`."""
        return column_bounds(self.rows.subsample(_N_EXAMPLES), self.extremes)

    def _principal_components(
        self, scale: np.ndarray, n_components: int | float, random_state: np.random.RandomState
    ) -> np.ndarray:
        own = self.rows.local.extract()
        matrix = StandardizedMatrix(
            own.X, self.mean_and_std[0], scale, own.sample_weight, self.rows.ranks, len(self.rows)
        )
        return principal_components(matrix, n_components, random_state)


def make_statistics(rows: Rows) -> Statistics:
    """Make the object for the statistics of rows, wherever they are."""
    return SpreadStatistics(rows) if isinstance(rows, SpreadRows) else Statistics(rows)


def spread_rows(
    ranks: Ranks,
    check: Callable[[], Rows],
    describe: Callable[[], dict[str, str]],
    minimum: int,
) -> Rows:
    """Make the rows of all ranks from those of each.

    Parameters
    ----------
    ranks : Ranks
        The ranks.
    check : callable
        Gives the rows of this rank, which may be none, or raises an error: then all ranks do.
    describe : callable
        Gives what has to be the same on all ranks, by the name that an error gives it.
    minimum : int
        Least number of rows.

    Returns
    -------
    rows : Rows
        Few rows are copied to all ranks.

    Raises
    ------
    ValueError
        If the rows of a rank are invalid, or those of two ranks do not fit together.
    """
    found: list[Rows] = []

    def look() -> tuple[int, dict[str, str], np.dtype, np.ndarray | None]:
        found.append(check())
        X, weight = found[0].X, found[0].sample_weight
        about = {
            "the number of columns": str(X.shape[1]),
            "the kind of X": "an array" if isinstance(X, np.ndarray) else "a sparse matrix",
            **describe(),
        }
        return X.shape[0], about, X.dtype, None if weight is None else weight * found[0].mean_weight

    looks = ranks.gather_outcomes(look)
    _check_alike([about for _, about, _, _ in looks])
    counts = [n_rows for n_rows, *_ in looks]
    n_all = sum(counts)
    if n_all < minimum:
        raise ValueError(
            f"Found {n_all} sample(s) on all ranks together while a minimum of {minimum} is "
            "required."
        )
    types = {dtype for n_rows, _, dtype, _ in looks if n_rows > 0}
    if len(types) > 1:
        raise ValueError(f"X has types {sorted(map(str, types))} on different ranks, expected one.")
    X = found[0].X.astype(types.pop(), copy=False)
    numbers = _number(ranks, counts)
    weight, mean = None, 1.0
    if any(each is not None for *_, each in looks):
        weight = np.empty(n_all, X.dtype)
        for (n_rows, _, _, each), places in zip(looks, numbers, strict=True):
            weight[places] = np.ones(n_rows) if each is None else each
        mean = float(weight.mean())
        weight = weight / mean
    rows = SpreadRows(
        X,
        weight,
        None,
        mean,
        ranks=ranks,
        numbers=numbers[ranks.rank],
        n_all=n_all,
    )
    is_small = min(n_all, rows.total_weight) < _FEW_ROWS or n_all <= X.shape[1]
    return rows.gathered() if is_small else rows


def _number(ranks: Ranks, counts: list[int]) -> list[np.ndarray]:
    """Give the numbers of the rows of each rank among all, see `use_ranks`."""
    if ranks.parts is None:
        ends = np.cumsum(counts)
        return [np.arange(end - n_rows, end) for n_rows, end in zip(counts, ends, strict=True)]
    parts_of_all = ranks.gather(ranks.parts)
    end, ranges = 0, {}
    for part, n_rows in sorted(part for parts in parts_of_all for part in parts):
        ranges[part] = np.arange(end, end + n_rows)
        end += n_rows
    nothing = np.zeros(0, int)
    return [
        np.concatenate([nothing, *(ranges[part] for part, _ in parts)]) for parts in parts_of_all
    ]


def _check_alike(described: Sequence[dict[str, str]]) -> None:
    for rank, about in enumerate(described):
        for name, value in about.items():
            if value != described[0][name]:
                raise ValueError(
                    f"Rank {rank} differs from rank 0 in {name}: {value}, not {described[0][name]}."
                )


def _stack(parts: list[Any]) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return sparse.vstack(parts, format="csr")

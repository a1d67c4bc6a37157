"""The rows that are trained on, and the batches they are cut into."""

from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.utils.data import Dataset

from sklearn_ae._data.ranks import Ranks
from sklearn_ae._data.units import blocks, dense

# Entries that are fetched at once: 1 MiB in float32.
_BLOCK_ENTRIES = 2**18

# Rows, and their weights if they have some.
Block = tuple[np.ndarray, np.ndarray | None]


class Batch(NamedTuple):
    """Rows of a batch, with weights and targets of their codes, if they have some."""

    x: Tensor
    weight: Tensor | None
    target: Tensor | None = None

    def part(self, start: int, end: int) -> "Batch":
        """Give some of the rows."""
        x, weight, target = self
        return Batch(
            x[start:end],
            None if weight is None else weight[start:end],
            None if target is None else target[start:end],
        )


Prepare = Callable[[Tensor], Tensor]


@dataclass(eq=False, repr=False)
class Rows(Dataset[Any]):
    """A selection of the rows of a matrix, with their weights. Copies none of them."""

    X: Any  # ndarray or CSR matrix or array of shape (n_samples, n_features)
    sample_weight: np.ndarray | None = None  # of every row of X
    index: np.ndarray | None = None  # of the selected rows; None: all
    mean_weight: float = 1.0  # what the weights were divided by
    target: np.ndarray | None = None  # of the codes of every row of X, see `Latent.targets`
    # The ranks among which the rows are spread, see `SpreadRows`; None: all are in this process.
    ranks: ClassVar[Ranks | None] = None

    def __len__(self) -> int:
        return self.X.shape[0] if self.index is None else len(self.index)

    def take(self, selection: Any, memory: np.ndarray | None = None) -> Block:
        """Give dense rows and their weights. The selection is a slice or an array of positions.

        The rows may be a view of `X`. Rows at positions may be copied into `memory`, which has room
        for as many rows or more.
        """
        if self.index is not None:
            selection = self.index[selection]
        weight = None if self.sample_weight is None else self.sample_weight[selection]
        if memory is None or isinstance(selection, slice) or not self.X.flags.writeable:
            return dense(self.X[selection]), weight
        # PyTorch copies on all threads, but warns of a read-only array.
        X, index = torch.from_numpy(self.X), torch.from_numpy(selection)
        rows = memory[: len(selection)]
        torch.index_select(X, 0, index, out=torch.from_numpy(rows))
        return rows, weight

    __getitem__ = take

    def take_target(self, selection: Any) -> np.ndarray | None:
        """Give what the codes of some rows should be, if that is known."""
        if self.target is None:
            return None
        return self.target[selection if self.index is None else self.index[selection]]

    def own(self, block: Any, cuts: list[int]) -> tuple[Any, list[int]]:
        """Give the part of a block, and of its cuts into batches, that `take` gives here."""
        return block, cuts

    def select(self, places: np.ndarray) -> "Rows":
        """Select rows by sorted positions or by a mask. Their weights get a mean of 1."""
        index = np.arange(len(self))[places] if self.index is None else self.index[places]
        if self.sample_weight is None:
            return replace(self, index=index)
        mean = float(self.sample_weight[index].mean())
        return replace(
            self,
            sample_weight=self.sample_weight / mean,
            index=index,
            mean_weight=self.mean_weight * mean,
        )

    def gathered(self) -> "Rows":
        """Give the rows in this process."""
        return self

    def gather(self, values: np.ndarray) -> np.ndarray:
        """Give the values of all rows from those of the rows that `take` gives here."""
        return values

    def weight(self) -> np.ndarray:
        """Give the weights of the rows. They are ones if there are none."""
        if self.sample_weight is None:
            return np.ones(len(self))
        return self.sample_weight if self.index is None else self.sample_weight[self.index]

    @property
    def total_weight(self) -> float:
        """The sum of the weights that the user gave, or the number of rows."""
        return self.mean_weight * float(self.weight().sum())

    def extract(self) -> "Rows":
        """Copy the selected rows into a matrix of their own, unless all rows are selected."""
        if self.index is None:
            return self
        weight = None if self.sample_weight is None else self.weight()
        target = None if self.target is None else self.target[self.index]
        return Rows(self.X[self.index], weight, None, self.mean_weight, target)

    def subsample(self, n_rows: int) -> "Rows":
        """Draw at most so many of the rows at random. The draw is the same each time."""
        if len(self) <= n_rows:
            return self
        drawn = np.random.default_rng(0).choice(len(self), n_rows, replace=False)
        return self.select(np.sort(drawn))

    def split(
        self, fraction: float, generator: torch.Generator, *, keep_equal_together: bool = True
    ) -> tuple["Rows", "Rows"]:
        """Split at random into training and validation rows, which have `fraction` of the weight.

        Equal rows go to the same part. Without `keep_equal_together`, the validation rows are an
        exchangeable sample, as p-values need. Each part has at least one row, but validation has
        none if all rows are equal.
        """
        if keep_equal_together:
            group, weight = self.groups()
        else:
            group, weight = np.arange(len(self)), self.weight()
        order = torch.randperm(len(weight), generator=generator).numpy()
        reached = np.cumsum(weight[order]) / weight.sum()
        n_validation = min(1 + np.searchsorted(reached, fraction - 1e-9), len(weight) - 1)
        is_chosen = np.isin(group, order[:n_validation])
        return self.select(~is_chosen), self.select(is_chosen)

    def distinct(self) -> tuple[Any, np.ndarray]:
        """Give every row once, in the order in which they come first, and their summed weights."""
        group, weight = self.groups()
        first = np.sort(np.unique(group, return_index=True)[1])
        return self.X[first if self.index is None else self.index[first]], weight[group[first]]

    def groups(self) -> tuple[np.ndarray, np.ndarray]:
        """Give the number of each row's group of equal rows, and the weight of each group.

        The numbers depend neither on the order, the units nor the type of the rows.
        """
        return self._groups

    @cached_property
    def _groups(self) -> tuple[np.ndarray, np.ndarray]:
        X = self.extract().X
        _, first, group = np.unique(hash_rows(X), return_index=True, return_inverse=True)
        height = X[first] @ direction_across(X.shape[1])
        group = np.argsort(np.argsort(height, kind="stable"))[group]
        return group, np.bincount(group, self.weight())


def direction_across(n_features: int) -> np.ndarray:
    """Give the direction along which distinct rows are numbered."""
    return np.random.RandomState(0).normal(size=n_features)


def hash_rows(X: Any, origin: np.ndarray | None = None, unit: float | None = None) -> np.ndarray:
    """Give a number for each row, the same for equal rows, from its entries as float32.

    Differences of dense rows from `origin` in a `unit`: None stands for those of the rows.
    """
    factors = np.random.RandomState(0).randint(1, 2**62, X.shape[1], dtype=np.uint64) * 2 + 1
    if isinstance(X, np.ndarray):
        # Differences from a row: far from zero, float32 would not tell rows apart.
        unit = half_range(X) if unit is None else unit
        origin = X[0] if origin is None else origin
        parts = (X[part] / unit - origin / unit for part in blocks(*X.shape))
        of_none = np.zeros(0, np.uint64)
        return np.concatenate([of_none, *(_bits(part) @ factors for part in parts)])
    X = X.copy()
    X.sum_duplicates()
    return sparse.csr_array((_bits(X.data), X.indices, X.indptr), shape=X.shape) @ factors


def half_range(X: np.ndarray) -> float:
    """Give half the range of the values of an array, but at least 1."""
    return max(float(X.max()) / 2 - float(X.min()) / 2, 1.0)


def _bits(values: np.ndarray) -> np.ndarray:
    bits = (values.astype(np.float32) + np.float32(0)).view(np.uint32).astype(np.uint64)
    # Round numbers have empty low bits, which the products would keep empty.
    return bits ^ (bits >> np.uint64(15))


def even_edges(n_rows: int, n_parts: int) -> list[int]:
    """Give where parts of rows begin and end; their sizes differ by one row at most."""
    return [n_rows * i // n_parts for i in range(n_parts + 1)]


def to_tensor(array: np.ndarray, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Give an array as a tensor, which may be a view of it."""
    if not array.flags.writeable:  # PyTorch would warn
        array = array.copy()
    return torch.from_numpy(np.ascontiguousarray(array)).to(device, dtype)


@dataclass(eq=False, repr=False)
class Batches:
    """Iterate over batches of rows as tensors.

    Rows are fetched in blocks of several batches, and each batch is a slice of its block. A small
    batch costs no more than a slice, and a block still fits in the processor's cache.
    """

    rows: Rows
    _: KW_ONLY
    batch_size: int  # at most; batches differ by one row at most
    device: torch.device
    dtype: torch.dtype
    generator: torch.Generator | None = None  # shuffles the rows before each pass; None: in order
    copy: bool = True  # the tensors may be written into; False: they may be views of the matrix
    resident: bool = False  # the rows are sent to the device once and kept, not in each pass
    _only_batch: tuple[Prepare, Batch] | None = field(default=None, init=False)
    _memory: np.ndarray | None = field(default=None, init=False)

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def sizes(self) -> list[int]:
        """Give the number of rows of each batch, on all ranks together."""
        return [end - start for start, end in pairwise(self._edges())]

    def _edges(self) -> list[int]:
        # Alike in size: a last batch of a few rows would count as much as the others.
        return even_edges(len(self.rows), len(self))

    def iterate(self, prepare: Prepare = lambda x: x, *, reuse: bool = False) -> Iterator[Batch]:
        """Iterate over the batches.

        `prepare` is applied to each block of rows, which it may change in place where `copy` is
        True. With `reuse`, the memory of a batch may be used again once a later one is asked for.
        """
        n_rows, n_batches = len(self.rows), len(self)
        if n_batches == 1:
            # A batch that holds every row is the same in every order: build it once.
            if self._only_batch is None or self._only_batch[0] != prepare:
                block = self._fetch(slice(None))
                self._only_batch = prepare, block._replace(x=prepare(block.x))
            yield self._only_batch[1]
            return
        order: Any = None
        if self.generator is not None:
            order = torch.randperm(n_rows, generator=self.generator)
            # The same order on every device.
            order = order.to(self.device) if self.resident else order.numpy()
        edges = self._edges()
        X = self.rows.X
        per_block = max(1, _BLOCK_ENTRIES // (X.shape[1] * self.batch_size))
        if self.resident:
            per_block = n_batches
        elif reuse and self._memory is None and isinstance(X, np.ndarray):
            # Pages of new memory cost as much as what is copied there.
            self._memory = np.empty((min(per_block * self.batch_size, n_rows), X.shape[1]), X.dtype)
        for first in range(0, n_batches, per_block):
            cuts = edges[first : first + per_block + 1]
            places: Any = slice(cuts[0], cuts[-1])
            if order is not None:
                places = order[places]
            places, cuts = self.rows.own(places, cuts)
            block = self._fetch(places, self._memory if reuse else None)
            block = block._replace(x=prepare(block.x))
            for start, end in pairwise(cut - cuts[0] for cut in cuts):
                yield block.part(start, end)

    __iter__ = iterate

    def _fetch(self, selection: Any, memory: np.ndarray | None = None) -> Batch:
        if not self.resident:
            return self._send(selection, memory)
        x, weight, target = self._kept
        # A slice is a view of what is kept. Positions give a copy.
        x = x[selection].clone() if isinstance(selection, slice) else x[selection]
        return Batch(
            x,
            None if weight is None else weight[selection],
            None if target is None else target[selection],
        )

    @cached_property
    def _kept(self) -> Batch:
        return self._send(slice(None))

    def _send(self, selection: Any, memory: np.ndarray | None = None) -> Batch:
        rows, weight = self.rows.take(selection, memory)
        if self.copy:
            # A slice is a view of the user's own array. What a loss of his writes into it must not
            # get there.
            is_view = rows.base is not None and rows.base is not memory
            rows = rows.copy() if is_view else rows
            weight = None if weight is None else weight.copy()
        target = self.rows.take_target(selection)
        return Batch(
            to_tensor(rows, self.device, self.dtype),
            None if weight is None else to_tensor(weight, self.device, self.dtype),
            None if target is None else to_tensor(target, self.device, self.dtype),
        )

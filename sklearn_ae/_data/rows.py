"""The rows that are trained on, and the batches they are cut into."""

from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from sklearn_ae._data.units import blocks, dense

# Entries that are fetched at once: 1 MiB in float32.
_BLOCK_ENTRIES = 2**18


@dataclass(eq=False, repr=False)
class Rows(Dataset):
    """A selection of the rows of a matrix, with their weights. Copies none of them."""

    X: Any  # ndarray or CSR matrix or array of shape (n_samples, n_features)
    sample_weight: np.ndarray | None = None  # of every row of X
    index: np.ndarray | None = None  # of the selected rows; None: all
    mean_weight: float = 1.0  # what the weights were divided by

    def __len__(self) -> int:
        return self.X.shape[0] if self.index is None else len(self.index)

    @property
    def total_weight(self) -> float:
        """What the weights of the rows add up to; their number where they have none."""
        if self.sample_weight is None:
            return float(len(self))
        return self.mean_weight * float(self.weight().sum())

    def __getitem__(self, selection: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Give dense rows and their weights, the selection being a slice or positions."""
        return self.take(selection)

    def take(
        self, selection: Any, memory: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Give dense rows and their weights; rows at positions may be copied into `memory`."""
        if self.index is not None:
            selection = self.index[selection]
        weight = None if self.sample_weight is None else self.sample_weight[selection]
        if memory is not None and not isinstance(selection, slice):
            rows = memory[: len(selection)]
            if self.X.flags.c_contiguous and self.X.flags.writeable:
                # With all threads; of a read-only array, PyTorch would warn.
                index = torch.from_numpy(np.ascontiguousarray(selection))
                torch.index_select(torch.from_numpy(self.X), 0, index, out=torch.from_numpy(rows))
            else:
                # With mode="raise", numpy would fill a copy of the memory first.
                np.take(self.X, selection, 0, out=rows, mode="clip")
        else:
            rows = self.X[selection]
        return dense(rows), weight

    def split(
        self, fraction: float, generator: torch.Generator, *, keep_equal_together: bool = True
    ) -> tuple["Rows", "Rows"]:
        """Split at random into training and validation rows, which have `fraction` of the weight.

        Equal rows go to the same part. Without `keep_equal_together`, the validation rows are an
        exchangeable sample, as p-values need. Each part has at least one row, but validation has
        none if all rows are equal.
        """
        if keep_equal_together:
            group, weight = self._groups()
        else:
            group = np.arange(len(self))
            weight = np.ones(len(self)) if self.sample_weight is None else self.weight()
        order = torch.randperm(len(weight), generator=generator).numpy()
        reached = np.cumsum(weight[order]) / weight.sum()
        n_validation = 1 + np.searchsorted(reached, fraction - 1e-9)
        chosen = np.zeros(len(weight), bool)
        chosen[order[: min(n_validation, len(weight) - 1)]] = True
        return self._part(~chosen[group]), self._part(chosen[group])

    def extract(self) -> "Rows":
        """Give the rows as all those of a matrix, which is a copy where they are a part."""
        if self.index is None:
            return self
        weight = None if self.sample_weight is None else self.weight()
        return Rows(self.X[self.index], weight, None, self.mean_weight)

    def folds(self, n_folds: int, seed: int) -> np.ndarray:
        """Give the fold of each row, for cross-validation. Equal rows stay together."""
        group, weight = self._groups()
        return (np.random.RandomState(seed).permutation(len(weight)) % n_folds)[group]

    def distinct(self) -> tuple[Any, np.ndarray]:
        """Give every row once, in the order in which they come first, and their summed weights."""
        group, weight = self._groups()
        first = np.sort(np.unique(group, return_index=True)[1])
        return self.X[first if self.index is None else self.index[first]], weight[group[first]]

    def _groups(self) -> tuple[np.ndarray, np.ndarray]:
        """Give the group of equal rows that each row belongs to, and the weight of each group.

        Groups have an order that depends neither on the order, the units nor the type of the
        rows.
        """
        X = self.X if self.index is None else self.X[self.index]
        _, first, group = np.unique(_hash_rows(X), return_index=True, return_inverse=True)
        direction = np.random.RandomState(0).normal(size=X.shape[1])
        rank = np.argsort(np.argsort(X[first] @ direction, kind="stable"))
        group = rank[group]
        weight = None if self.sample_weight is None else self.weight()
        return group, np.bincount(group, weight).astype(float)

    def subsample(self, n_rows: int, seed: int = 0) -> "Rows":
        """Give at most so many of the rows, drawn at random."""
        if len(self) <= n_rows:
            return self
        drawn = np.random.default_rng(seed).choice(len(self), n_rows, replace=False)
        return self._part(np.sort(drawn))

    def weight(self) -> np.ndarray:
        """Give the weights of the rows, which there have to be."""
        assert self.sample_weight is not None, "there are weights"
        return self.sample_weight if self.index is None else self.sample_weight[self.index]

    def _part(self, places: np.ndarray) -> "Rows":
        index = np.arange(len(self))[places] if self.index is None else self.index[places]
        weight, mean_weight = self.sample_weight, self.mean_weight
        if weight is not None:
            mean = float(weight[index].mean())  # of mean 1 over the part
            weight, mean_weight = weight / mean, mean_weight * mean
        return Rows(self.X, weight, index, mean_weight)


def _hash_rows(X: Any) -> np.ndarray:
    """Give a number for each row, the same for equal rows, from its entries as float32."""
    factors = np.random.RandomState(0).randint(1, 2**62, X.shape[1], dtype=np.uint64) * 2 + 1
    if isinstance(X, np.ndarray):
        # Differences from a row: far from zero, float32 would not tell rows apart.
        unit = max(float(X.max()) / 2 - float(X.min()) / 2, 1.0)
        parts = (X[part] / unit - X[0] / unit for part in blocks(*X.shape))
        return np.concatenate([_bits(part) @ factors for part in parts])
    X = X.tocsr(copy=True)
    X.sum_duplicates()
    products = _bits(X.data) * factors[X.indices]
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(products, dtype=np.uint64)])
    return sums[X.indptr[1:]] - sums[X.indptr[:-1]]


def _bits(values: np.ndarray) -> np.ndarray:
    bits = (values.astype(np.float32) + np.float32(0)).view(np.uint32).astype(np.uint64)
    # Round numbers have empty low bits, which the products would keep empty.
    return bits ^ (bits >> np.uint64(15))


def to_tensor(array: np.ndarray, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Give an array as a tensor, which may be a view of it."""
    if not array.flags.writeable:  # PyTorch would warn
        array = array.copy()
    return torch.from_numpy(np.ascontiguousarray(array)).to(device, dtype)


@dataclass(eq=False, repr=False)
class Batches:
    """Iterate over batches of rows as tensors.

    Rows are fetched in blocks of several batches, of which the batches are slices: small
    batches cost no more than a slice, and a block still fits in the processor's cache.
    """

    rows: Rows
    _: KW_ONLY
    batch_size: int  # at most; batches differ by one row at most
    device: torch.device
    dtype: torch.dtype
    generator: torch.Generator | None = None  # shuffles the rows before each pass; None: in order
    copy: bool = True  # the tensors may be written into; False: they may be views of the matrix
    resident: bool = False  # the rows are sent to the device once and kept, not in each pass

    def __post_init__(self) -> None:
        self._only_batch: tuple[Any, tuple[Tensor, Tensor | None]] | None = None
        self._memory: np.ndarray | None = None
        self._kept: tuple[Tensor, Tensor | None] | None = None

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        return self.iterate()

    def iterate(
        self, prepare: Callable[[Tensor], Tensor] | None = None, *, reuse: bool = False
    ) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Iterate over the batches: their rows, and their weights, if there are any.

        `prepare` is applied to each block of rows, which it may change in place where `copy` is
        True. With `reuse`, the memory of a batch may be used again once a later one is asked for.
        """
        if len(self) == 1:
            # A batch that holds every row is the same in every order: build it once.
            if self._only_batch is None or self._only_batch[0] != prepare:
                self._only_batch = prepare, self._tensors(slice(None), prepare, None)
            yield self._only_batch[1]
            return
        order: Any = None
        if self.generator is not None:
            order = torch.randperm(len(self.rows), generator=self.generator)
            # The same order on every device.
            order = order.to(self.device) if self.resident else order.numpy()
        # Alike in size: a last batch of a few rows would count as much as the others.
        edges = [len(self.rows) * i // len(self) for i in range(len(self) + 1)]
        width = self.rows.X.shape[1]
        per_block = max(1, _BLOCK_ENTRIES // (width * self.batch_size))
        per_block = len(self) if self.resident else min(per_block, len(self))
        memory = self._memory_for(per_block * self.batch_size) if reuse else None
        for first in range(0, len(self), per_block):
            cuts = edges[first : first + per_block + 1]
            block: Any = slice(cuts[0], cuts[-1])
            if order is not None:
                block = order[block]
            x, weight = self._tensors(block, prepare, memory)
            for start, end in pairwise(cut - cuts[0] for cut in cuts):
                yield x[start:end], None if weight is None else weight[start:end]

    def _tensors(
        self,
        selection: Any,
        prepare: Callable[[Tensor], Tensor] | None,
        memory: np.ndarray | None,
    ) -> tuple[Tensor, Tensor | None]:
        if self.resident:
            kept, kept_weight = self._select(selection)
            return (kept if prepare is None else prepare(kept)), kept_weight
        rows, weight = self.rows.take(selection, memory)
        x = self._tensor(rows, is_own=memory is not None and rows.base is memory)
        if prepare is not None:
            x = prepare(x)
        return x, None if weight is None else self._tensor(weight)

    def _select(self, selection: Any) -> tuple[Tensor, Tensor | None]:
        if self._kept is None:
            rows, weight = self.rows[:]
            self._kept = self._tensor(rows), None if weight is None else self._tensor(weight)
        x, x_weight = self._kept
        selected = x[selection]
        if isinstance(selection, slice):  # a view, where a list of rows gives a copy
            selected = selected.clone()
        return selected, None if x_weight is None else x_weight[selection]

    def _tensor(self, array: np.ndarray, *, is_own: bool = False) -> Tensor:
        # A slice is a view of the user's own array: what is written into it by a loss of his own
        # must not get there.
        if array.base is not None and not is_own and self.copy:
            array = array.copy()
        return to_tensor(array, self.device, self.dtype)

    def _memory_for(self, n_rows: int) -> np.ndarray | None:
        # Pages of new memory cost as much as what is copied there.
        X = self.rows.X
        if self._memory is None and isinstance(X, np.ndarray) and not self.resident:
            self._memory = np.empty((n_rows, X.shape[1]), X.dtype)
        return self._memory

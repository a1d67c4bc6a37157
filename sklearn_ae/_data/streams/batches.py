"""Batches of a stream: rows are read from all over it and shuffled in a buffer."""

import warnings
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import KW_ONLY, dataclass, field
from itertools import pairwise

import numpy as np
import torch

from sklearn_ae._data.rows import Batch, Batches, Prepare, Rows, even_edges
from sklearn_ae._data.streams.source import arrays, working_memory
from sklearn_ae._data.streams.stream import Stream

# Share of the working memory that the buffer takes.
_BUFFER_SHARE = 1 / 4
# Rows are sorted if the mean of a column in a buffer is so many standard deviations of the column
# from that of all rows, and so many standard errors.
_FAR, _FAR_IN_ERRORS = 0.25, 5.0
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(eq=False, repr=False)
class StreamBatches:
    """Iterate over batches of a stream as tensors, like `Batches` of rows in memory."""

    rows: Stream
    _: KW_ONLY
    batch_size: int  # at most
    device: torch.device
    dtype: torch.dtype
    # Shuffles the rows; None: only the sample is read, in order, which is enough for a mean.
    generator: torch.Generator | None
    _has_warned: bool = field(default=False, init=False)

    def __len__(self) -> int:
        return sum(-(-size // self.batch_size) for size in self._buffer_sizes())

    def sizes(self) -> list[int]:
        """Give the number of rows of each batch."""
        sizes = []
        for n_rows in self._buffer_sizes():
            edges = even_edges(n_rows, -(-n_rows // self.batch_size))
            sizes += [end - start for start, end in pairwise(edges)]
        return sizes

    def iterate(self, prepare: Prepare = lambda x: x, *, reuse: bool = False) -> Iterator[Batch]:
        """Iterate over the batches, see `Batches.iterate`."""
        if self.generator is None:
            yield from self._batches_of(self.rows.sample.extract().X).iterate(prepare, reuse=reuse)
            return
        seed = int(torch.randint(2**62, (), generator=self.generator))
        sizes = self._buffer_sizes()
        dtype, width = self.rows.statistics.dtype, self.rows.statistics.n_features
        memory = np.empty((max(sizes), width), dtype)
        with closing(_shuffled(self.rows, len(sizes), np.random.default_rng(seed))) as blocks:
            rest = memory[:0]
            for size in sizes:
                buffer = memory[:size]
                rest = _fill(buffer, rest, blocks)
                if len(sizes) > 1:
                    self._warn_if_sorted(buffer)
                yield from self._batches_of(buffer).iterate(prepare, reuse=reuse)
            if len(rest) > 0 or next(blocks, None) is not None:
                raise ValueError(
                    f"X gave more rows than the {self.rows.n_rows} of the first pass. It must give "
                    "the same rows each time."
                )

    __iter__ = iterate

    def _buffer_sizes(self) -> list[int]:
        """Give the number of rows of each buffer; they differ by one at most."""
        n_rows, statistics = len(self.rows), self.rows.statistics
        n_bytes = statistics.n_features * statistics.dtype.itemsize
        most = max(int(_BUFFER_SHARE * working_memory() / n_bytes), self.batch_size)
        n_buffers = -(-n_rows // most)
        return [end - start for start, end in pairwise(even_edges(n_rows, n_buffers))]

    def _batches_of(self, X: np.ndarray) -> Batches:
        return Batches(
            Rows(X),
            batch_size=self.batch_size,
            device=self.device,
            dtype=self.dtype,
            generator=self.generator,
            resident=self.device.type == "cuda",
        )

    def _warn_if_sorted(self, buffer: np.ndarray) -> None:
        mean, std = self.rows.statistics.mean_and_std
        far = max(_FAR, _FAR_IN_ERRORS / np.sqrt(len(buffer)))
        deviation = np.abs(buffer.mean(axis=0, dtype=np.float64) - mean)
        if not self._has_warned and (deviation > far * std).any():
            self._has_warned = True
            warnings.warn(
                "The rows of X seem to be sorted: their means change along X more than the buffer "
                f"of {len(buffer)} rows can mix. Shuffle the rows, or set a larger buffer by "
                "sklearn.set_config(working_memory=...)."
            )


AnyBatches = Batches | StreamBatches  # of rows in memory or on disk


def _fill(buffer: np.ndarray, rest: np.ndarray, blocks: Iterator[np.ndarray]) -> np.ndarray:
    """Fill a buffer with the rest of a block and with blocks; give the rest of the last one."""
    n_filled = 0
    while True:
        taken = rest[: len(buffer) - n_filled]
        buffer[n_filled : n_filled + len(taken)] = taken
        n_filled += len(taken)
        rest = rest[len(taken) :]
        if n_filled == len(buffer):
            return rest
        block = next(blocks, None)
        if block is None:
            raise ValueError(
                "X gave fewer rows than in the first pass. It must give the same rows each time."
            )
        rest = block


def _shuffled(stream: Stream, n_buffers: int, rng: np.random.Generator) -> Generator[np.ndarray]:
    """Give the rows of a stream but for those left out, a block at a time, from all over it."""
    source = stream.source
    dtype, width = stream.statistics.dtype, stream.statistics.n_features
    if source.piece is None or source.starts is None:
        yield from _without(stream.left_out, 0, arrays(source.blocks(), dtype, width))
        return
    n_pieces = len(source.starts)
    order = iter(_spread(n_pieces, max(source.n_open, n_pieces // n_buffers), rng))
    opened: list[Iterator[np.ndarray]] = []
    while True:
        while len(opened) < source.n_open and (number := next(order, None)) is not None:
            piece = arrays(source.piece(number), dtype, width)
            opened.append(_without(stream.left_out, int(source.starts[number]), piece))
        if not opened:
            return
        for piece in list(opened):
            block = next(piece, None)
            if block is None:
                opened.remove(piece)
            else:
                yield block


def _spread(n_pieces: int, n_parts: int, rng: np.random.Generator) -> np.ndarray:
    """Shuffle the numbers of pieces so that any few in a row are from all parts of the source.

    A piece is drawn from each of the parts in turn, whose order is that of the multiples of the
    golden ratio: any few of them in a row are far from each other.
    """
    n_parts = min(max(1, n_parts), n_pieces)
    turn = np.argsort(np.argsort((rng.random() + _GOLDEN * np.arange(n_parts)) % 1))
    place = np.empty(n_parts)
    place[turn] = np.arange(n_parts) / n_parts
    rank = np.empty(n_pieces)
    for number, part in enumerate(np.array_split(np.arange(n_pieces), n_parts)):
        rank[part] = (rng.permutation(len(part)) + place[number]) / len(part)
    return np.argsort(rank)


def _without(
    left_out: np.ndarray, first: int, blocks: Iterator[np.ndarray]
) -> Iterator[np.ndarray]:
    """Drop the rows with these numbers from blocks that begin with a number."""
    for block in blocks:
        here = slice(*np.searchsorted(left_out, [first, first + len(block)]))
        places = left_out[here] - first
        first += len(block)
        block = np.delete(block, places, axis=0) if len(places) > 0 else block
        if len(block) > 0:
            yield block

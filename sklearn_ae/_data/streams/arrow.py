"""Arrow: datasets of files, and what gives batches through `__arrow_c_stream__`, as sources."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sklearn_ae._data.streams.source import Source, rows_of_block, working_memory

# A file of Parquet that is read holds for each column a page, packed and unpacked, of this size.
_PAGE_BYTES, _BUFFER_BYTES = 2**20, 2**16
_MAX_OPEN = 16
_SHARE_OF_MEMORY = 0.2


def dataset_source(dataset: Any) -> Source:
    """Give a dataset of pyarrow as a source. The pieces of Parquet files are their row groups."""
    import pyarrow as pa

    names = dataset.schema.names
    n_rows_each = rows_of_block(len(names))
    pieces = _row_groups(dataset)
    if pieces is None:

        def blocks() -> Iterator[Any]:
            batches = dataset.to_batches(
                batch_size=n_rows_each, batch_readahead=1, fragment_readahead=1
            )
            return (pa.Table.from_batches([batch]) for batch in batches)

        return Source(blocks, None, len(names))

    def piece(number: int) -> Iterator[Any]:
        from pyarrow.parquet import ParquetFile

        fragment, group, _ = pieces[number]
        with fragment.open() as opened:
            file = ParquetFile(opened, metadata=fragment.metadata, buffer_size=_BUFFER_BYTES)
            for batch in file.iter_batches(n_rows_each, row_groups=[group], columns=names):
                yield pa.Table.from_batches([batch]).select(names)

    def all_blocks() -> Iterator[Any]:
        return (block for number in range(len(pieces)) for block in piece(number))

    ends = np.cumsum([size for _, _, size in pieces], dtype=int)
    starts = np.concatenate([[0], ends[:-1]])
    n_bytes = 2 * _PAGE_BYTES * max(1, len(names))
    n_open = int(np.clip(_SHARE_OF_MEMORY * working_memory() / n_bytes, 1, _MAX_OPEN))
    n_rows = int(ends[-1]) if len(ends) > 0 else 0
    return Source(all_blocks, n_rows, len(names), piece, starts, n_open)


def _row_groups(dataset: Any) -> list[tuple[Any, int, int]] | None:
    """Give fragment, number and size of each row group; None if not all files are of Parquet."""
    try:
        fragments = list(dataset.get_fragments())
    except ValueError:  # of a filtered dataset
        return None
    names, groups = set(dataset.schema.names), []
    for fragment in fragments:
        if not hasattr(fragment, "row_groups") or not names <= set(fragment.physical_schema.names):
            return None
        groups += [(fragment, group.id, group.num_rows) for group in fragment.row_groups]
    return [group for group in groups if group[2] > 0]


def factory_source(make: Callable[[], Any]) -> Source:
    """Give a function that returns an iterator of blocks, or an Arrow stream, as a source."""

    def blocks() -> Iterator[Any]:
        made = make()
        if hasattr(made, "__arrow_c_stream__"):
            import pyarrow as pa

            made = pa.RecordBatchReader.from_stream(made)
        for block in made:
            yield _as_table(block)

    return Source(blocks)


def _as_table(block: Any) -> Any:
    """Give a batch or a table of any library as one of pyarrow; an array as it is."""
    if hasattr(block, "iloc"):
        import pyarrow as pa

        return pa.Table.from_pandas(block, preserve_index=False)
    if hasattr(block, "__arrow_c_array__") or hasattr(block, "__arrow_c_stream__"):
        import pyarrow as pa

        return pa.table(block)
    return block if hasattr(block, "shape") else np.asarray(block)

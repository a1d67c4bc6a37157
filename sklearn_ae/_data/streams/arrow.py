"""Arrow: datasets of files, and what gives batches through `__arrow_c_stream__`, as sources."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sklearn_ae._data.streams.source import Source, n_open_pieces, rows_of_block

# A row group of Parquet that is open holds for each column a dictionary and a page, each of this
# size as files are usually written. At least two are open, so that their rows mix.
_PAGE_BYTES, _MIN_OPEN = 2**20, 2
# Read ahead in each column. By default, pyarrow would read whole row groups.
_BUFFER_BYTES = 2**16


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

        fragment, group = pieces[number]
        with fragment.open() as opened:
            file = ParquetFile(
                opened, metadata=fragment.metadata, buffer_size=_BUFFER_BYTES, pre_buffer=False
            )
            for batch in file.iter_batches(n_rows_each, row_groups=[group.id], columns=names):
                yield pa.Table.from_batches([batch]).select(names)

    def all_blocks() -> Iterator[Any]:
        return (block for number in range(len(pieces)) for block in piece(number))

    ends = np.cumsum([0, *(group.num_rows for _, group in pieces)])
    largest = max((group.total_byte_size for _, group in pieces), default=0)
    n_open = max(_MIN_OPEN, n_open_pieces(2 * min(_PAGE_BYTES * len(names), largest)))
    return Source(all_blocks, int(ends[-1]), len(names), piece, ends[:-1], n_open)


def _row_groups(dataset: Any) -> list[tuple[Any, Any]] | None:
    """Give every row group, and the file it is in; None if not all files are of Parquet."""
    try:
        fragments = list(dataset.get_fragments())
    except ValueError:  # of a filtered dataset
        return None
    names, groups = set(dataset.schema.names), []
    for fragment in fragments:
        if not hasattr(fragment, "row_groups") or not names <= set(fragment.physical_schema.names):
            return None
        groups += [(fragment, group) for group in fragment.row_groups if group.num_rows > 0]
    return groups


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

"""Sources: which parts of a file are read, and what is left as it is."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import dataset, parquet
from scipy import sparse
from sklearn import config_context

from sklearn_ae._data.streams.arrays import rows_of_memmap
from sklearn_ae._data.streams.opening import open_source
from sklearn_ae._data.streams.source import Source, arrays, join
from sklearn_ae._data.streams.writing import write

X = np.arange(30_000.0).reshape(10_000, 3)


@pytest.fixture
def memmap(tmp_path):
    X.tofile(tmp_path / "rows")
    return np.memmap(tmp_path / "rows", float, "r+", shape=X.shape)


@pytest.mark.parametrize("view", [slice(None), slice(700, None), slice(600, 9000), slice(5, 6)])
def test_parts_of_a_memmap_are_maps_of_their_own(memmap, view):
    read = rows_of_memmap(memmap[view])
    stop = min(500, len(X[view]))
    np.testing.assert_array_equal(read(0, stop), X[view][:stop])
    assert not np.shares_memory(read(0, stop), memmap)
    assert not read(0, stop).flags.writeable


def test_parts_of_a_memmap_with_an_offset(tmp_path):
    with open(tmp_path / "rows", "wb") as file:
        file.write(b"header")
        X.tofile(file)
    shifted = np.memmap(tmp_path / "rows", float, "r", offset=6, shape=X.shape)[40:]
    np.testing.assert_array_equal(rows_of_memmap(shifted)(1000, 1003), X[1040:1043])


def test_a_memmap_that_is_not_what_the_file_holds(memmap):
    for view in (memmap[::2], memmap[:, 1:], memmap.T):
        np.testing.assert_array_equal(rows_of_memmap(view)(1, 3), view[1:3])
    private = np.memmap(memmap.filename, float, "c", shape=X.shape)
    private[1] = 7.0
    np.testing.assert_array_equal(rows_of_memmap(private)(1, 2), [[7.0, 7.0, 7.0]])


def test_a_large_memmap_is_a_source_and_a_small_one_an_array(memmap):
    assert open_source(memmap) is memmap
    with config_context(working_memory=0.2):
        source = open_source(memmap)
        assert (source.n_rows, source.n_features) == X.shape
        np.testing.assert_array_equal(np.concatenate(list(source.blocks())), X)
        pieces = [block for number in range(len(source.starts)) for block in source.piece(number)]
        assert len(pieces) > 50
        np.testing.assert_array_equal(np.concatenate(pieces), X)
        np.testing.assert_array_equal([piece[0, 0] for piece in pieces], 3.0 * source.starts)


@pytest.mark.parametrize(
    "given",
    [
        X,
        X.tolist()[:3],
        sparse.csr_array(X),
        pd.DataFrame(X),
        pl.DataFrame(X),
        pl.DataFrame(X).lazy(),
        pa.table({"a": X[:, 0]}),
        None,
        "text",
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_is_in_memory_stays_as_it_is(given):
    with config_context(working_memory=0.01):
        assert open_source(given) is given


def test_datasets_are_read_by_row_groups(tmp_path):
    table = pa.table({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]})
    parquet.write_table(table[:4000], tmp_path / "1.parquet", row_group_size=300)
    parquet.write_table(table[4000:].select(["c", "b", "a"]), tmp_path / "2.parquet")
    data = dataset.dataset(tmp_path)
    with config_context(working_memory=0.1):
        source = open_source(data)
        assert list(source.starts[:3]) == [0, 300, 600]
        assert len(source.starts) == 15
        assert join(list(source.piece(1))).equals(table[300:600])
        assert join(list(source.piece(14))).equals(table[4000:])  # columns by name
        assert source.n_open >= 2
        filtered = open_source(data.filter(dataset.field("a") < 15_000))
        assert filtered.piece is None
        assert sum(len(block) for block in filtered.blocks()) == 5000


def test_tables_become_arrays():
    table = pa.table({"a": pa.array([1, None, 3], pa.int8()), "b": [True, False, True]})
    (found,) = arrays([table], np.dtype("f4"), 2)
    np.testing.assert_array_equal(found, [[1, 1], [np.nan, 0], [3, 1]])
    assert found.dtype == np.float32


@pytest.mark.parametrize("n_rows", [None, 1, 7, 100])
def test_blocks_are_cut_to_size(n_rows):
    blocks = [X[:10], X[:0], X[10:13], sparse.csr_array(X[13:60])]
    with config_context(working_memory=0.001):
        found = [each.copy() for each in arrays(blocks, X.dtype, 3, n_rows)]
    np.testing.assert_array_equal(np.concatenate(found), X[:60])
    assert max(map(len, found)) <= (n_rows or 5)
    assert n_rows is None or {len(each) for each in found[:-1]} <= {n_rows}


def test_writing_to_a_memmap(tmp_path):
    out = np.memmap(tmp_path / "out", float, "w+", shape=X.shape)
    assert write(iter([X[:400], X[400:]]), len(X), out) is out
    np.testing.assert_array_equal(out, X)
    read_only = np.memmap(tmp_path / "out", float, "r", shape=X.shape)
    with pytest.raises(ValueError, match="read-only"):
        write(iter([X]), len(X), read_only)


def test_sources_without_a_known_size():
    with config_context(working_memory=0.1):
        source = open_source(lambda: (X[i : i + 1000] for i in range(0, 10_000, 1000)))
        assert isinstance(source, Source)
        assert source.n_rows is None
        np.testing.assert_array_equal(source.head, X[:1000])
    da = pytest.importorskip("dask.array")
    lazy = da.from_array(X, chunks=(1000, 3))
    unknown = lazy[lazy[:, 0] >= 0]  # how many rows that are is not known yet
    with config_context(working_memory=0.1):
        assert open_source(unknown).piece is None
        assert open_source(lazy).piece is not None
    np.testing.assert_array_equal(open_source(unknown), X)

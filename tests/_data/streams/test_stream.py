"""The first pass: statistics and sample do not depend on how the source is cut into blocks."""

import numpy as np
import pytest
from sklearn import config_context

from sklearn_ae._data.statistics import Statistics
from sklearn_ae._data.streams.source import Source
from sklearn_ae._data.streams.stream import read_through

rng = np.random.default_rng(0)
# Far from zero, sorted, of very different size, with a constant column and a bounded one.
X = np.column_stack(
    [
        np.sort(rng.normal(size=4000)) + 1e6,
        rng.normal(size=(4000, 2)) @ [[1, 2], [0, 1e-3]] * 1e3,
        np.full(4000, 0.1),
        np.maximum(rng.normal(size=4000), 0),
    ]
)


def read(X, *sizes):
    cuts = np.cumsum(sizes)

    def blocks():
        return iter(np.split(X, cuts[cuts < len(X)]))

    return read_through(Source(blocks), X.dtype, X.shape[1], "Reader")


@pytest.fixture
def small_memory():
    with config_context(working_memory=0.1):
        yield


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_statistics_are_those_of_all_rows(small_memory, dtype):
    rows = X.astype(dtype)
    stream = read(rows, 1, 0, 1000, 3)
    found, expected = stream.statistics, np.cov(rows.T.astype(np.float64), bias=True)
    mean, std = found.mean_and_std
    assert stream.n_rows == len(stream) == len(X)
    np.testing.assert_allclose(mean, rows.mean(axis=0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(std**2, [*np.diagonal(expected)[:3], 0, expected[4, 4]], rtol=1e-9)
    assert std[3] == 0
    np.testing.assert_allclose(found._covariance, expected, atol=1e-6)
    np.testing.assert_array_equal(found.extremes, [rows.min(axis=0), rows.max(axis=0)])
    bounds = found.bounds
    assert bounds[0, 4] == 0
    assert bounds[1, 4] == np.finfo(dtype).max
    assert found.dtype == dtype


def test_principal_components(small_memory):
    from sklearn_ae._data.rows import Rows

    found, expected = read(X, 700).statistics, Statistics(Rows(X))
    for n_components in (2, 0.99, 5):
        states = np.random.RandomState(0), np.random.RandomState(0)
        scale = expected.mean_and_std[1] + 1
        pair = [
            each.principal_components(scale, n_components, state)
            for each, state in zip((found, expected), states, strict=True)
        ]
        np.testing.assert_allclose(*pair, atol=1e-6)


def test_the_sample_is_uniform_and_does_not_depend_on_blocks(small_memory):
    rows = np.arange(40_000.0)[:, None]
    stream = read(rows, 12_345)
    sample = stream.statistics.rows.X
    assert len(np.unique(sample)) == len(sample) == 819
    np.testing.assert_array_equal(rows[stream.numbers], sample)
    counts = np.histogram(sample, 8, (0, 40_000))[0]
    assert counts.min() > 70
    assert counts.max() < 135
    np.testing.assert_array_equal(read(rows, 7, 30_000).statistics.rows.X, sample)


def test_validation_rows(small_memory):
    stream, validation = read(X, 999).split(0.1, seed=3)
    assert len(validation) == len(stream.left_out) == min(400, len(stream.numbers) // 2)
    np.testing.assert_array_equal(X[stream.left_out], validation[:][0])
    assert len(stream) == len(X) - len(validation)
    # What a network is built from are the others.
    kept = set(stream.statistics.rows.X[:, 0])
    assert kept == set(stream.sample[:][0][:, 0])
    assert not kept & set(validation[:][0][:, 0])
    again = read(X, 5).split(0.1, seed=3)[0]
    np.testing.assert_array_equal(again.left_out, stream.left_out)


@pytest.mark.parametrize("place", [0, 1500, 3999])
def test_values_that_are_not_finite(place):
    rows = X.copy()
    rows[place, 2] = np.nan
    with pytest.raises(ValueError, match=r"Input X contains NaN\.\nReader does not accept"):
        read(rows, 1000, 3000)


def test_too_many_columns_for_a_covariance(small_memory):
    wide = rng.normal(size=(30, 100))
    statistics = read(wide, 7).statistics
    np.testing.assert_allclose(statistics.mean_and_std[1], wide.std(axis=0))
    with pytest.raises(ValueError, match="100 columns, too many for principal components"):
        statistics.principal_components(np.ones(100), 2, np.random.RandomState(0))


def test_values_whose_squares_overflow():
    with pytest.raises(ValueError, match="too large"):
        read(np.array([[1e300], [-1e300]]))

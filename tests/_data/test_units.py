import numpy as np
import pytest
from scipy import sparse

import sklearn_ae._data.units as module
from sklearn_ae._data.units import column_mean_and_std, one_scale, scale_per_column


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("block", [10, 2**22])
def test_mean_and_std(container, dtype, block, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_ENTRIES", block)
    X = np.random.default_rng(0).normal(2, 3, size=(100, 4)).astype(dtype)
    mean, std = column_mean_and_std(container(X), None)
    np.testing.assert_allclose(mean, X.mean(axis=0, dtype=float), rtol=1e-6)
    np.testing.assert_allclose(std, X.std(axis=0, dtype=float), rtol=1e-6)
    assert mean.dtype == std.dtype == float


def test_column_of_two_neighbouring_numbers_varies():
    X = np.array([[1e6], [np.nextafter(np.float32(1e6), np.float32(2e6))]], np.float32)
    assert column_mean_and_std(X, None)[1] == pytest.approx(np.diff(X.ravel())[0] / 2)


def test_weights_repeat_rows():
    X = np.random.default_rng(0).normal(size=(20, 3))
    weight = np.arange(20.0)
    weighted = column_mean_and_std(X, weight)
    repeated = column_mean_and_std(X.repeat(weight.astype(int), axis=0), None)
    np.testing.assert_allclose(weighted, repeated)


@pytest.mark.parametrize("value", [0, 0.1, 1e8, 1 / 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_column_has_no_spread(value, dtype):
    assert column_mean_and_std(np.full((1000, 1), value, dtype), None)[1] == 0


def test_scale_of_all_columns_together():
    assert one_scale(np.array([3.0, 4.0])) == pytest.approx(np.sqrt(12.5))
    assert one_scale(np.array([1e200, 0.0])) == pytest.approx(1e200 / np.sqrt(2))
    assert one_scale(np.zeros(3)) == 1


def test_scale_of_each_column():
    np.testing.assert_array_equal(scale_per_column(np.array([1.0, 0, 5, 3])), [1, 3, 5, 3])
    np.testing.assert_array_equal(scale_per_column(np.zeros(2)), [1, 1])

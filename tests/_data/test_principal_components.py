import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.decomposition import PCA

import sklearn_ae._data.principal_components as module
from sklearn_ae._data.principal_components import (
    StandardizedMatrix,
    n_components_for_share,
    principal_components,
)


def make(n_samples, n_features):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_samples, n_features)) * np.geomspace(10, 0.1, n_features) + 3


def components_of(X, n_components, sample_weight=None, scale=None):
    scale = np.array(1.0) if scale is None else scale
    mean = np.average(X.toarray() if sparse.issparse(X) else X, axis=0, weights=sample_weight)
    matrix = StandardizedMatrix(X, mean, scale, sample_weight)
    return principal_components(matrix, n_components, np.random.RandomState(0))


@pytest.fixture(params=["exact", "by iteration"])
def rounding(request, monkeypatch):
    if request.param == "by iteration":
        monkeypatch.setattr(module, "_MAX_EXACT", 7)
        monkeypatch.setattr(module, "_MAX_EXACT_SPARSE", 7)
        monkeypatch.setattr(module, "_N_OVERSAMPLES", 5)
        return 1e-2  # neighbouring components mix where the spectrum falls as slowly as here
    return 1e-8


@pytest.mark.parametrize("shape", [(200, 50), (50, 200)])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_is_pca(shape, container, rounding):
    X = make(*shape)
    found = components_of(container(X), 4)
    expected = PCA(4, svd_solver="full").fit(X).components_
    np.testing.assert_allclose(np.abs(found @ expected.T), np.eye(4), atol=rounding)
    np.testing.assert_allclose(found @ found.T, np.eye(4), atol=1e-12)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("per_column", [True, False])
def test_sparse_products_take_off_the_shift(weighted, per_column, monkeypatch):
    monkeypatch.setattr(module, "_MAX_EXACT", 7)
    monkeypatch.setattr(module, "_MAX_EXACT_SPARSE", 7)
    X = make(90, 80)
    weight = np.linspace(0.5, 1.5, 90) if weighted else None
    scale = X.std(axis=0) if per_column else np.array(2.0)
    dense, from_sparse = (
        components_of(container(X), 3, weight, scale)
        for container in (np.asarray, sparse.csr_array)
    )
    assert np.abs(np.linalg.det(dense @ from_sparse.T)) > 0.99


@pytest.mark.parametrize("blocks", [60, 1000])
def test_blocks_do_not_matter(monkeypatch, blocks):
    import sklearn_ae._data.units as units

    for X in (make(90, 20), make(20, 90)):
        expected = components_of(X, 3)
        with monkeypatch.context() as patch:
            patch.setattr(units, "_BLOCK_ENTRIES", blocks)
            np.testing.assert_allclose(components_of(X, 3), expected, atol=1e-10)


@pytest.mark.parametrize("shape", [(60, 8), (8, 60)])
def test_weights_repeat_rows(shape, rounding):
    X = make(*shape)
    weight = np.random.default_rng(1).integers(1, 4, shape[0])
    weighted = components_of(X, 2, weight.astype(float))
    repeated = components_of(X.repeat(weight, axis=0), 2)
    np.testing.assert_allclose(np.abs(weighted @ repeated.T), np.eye(2), atol=rounding)


def test_scale_per_column():
    X = make(100, 6)
    scale = X.std(axis=0)
    expected = PCA(3).fit(X / scale).components_
    found = components_of(X, 3, scale=scale)
    np.testing.assert_allclose(np.abs(found @ expected.T), np.eye(3), atol=1e-8)


def test_no_more_than_there_are():
    assert components_of(make(30, 4), 9).shape == (4, 4)
    assert components_of(np.ones((5, 30)), 2).shape == (2, 30)


def test_sign_does_not_depend_on_the_route():
    X = make(40, 40)
    tall, wide = components_of(X, 3), components_of(X[:39], 3)
    assert (np.sign(np.sum(tall * wide, axis=1)) == 1).all()


@settings(max_examples=50)
@given(
    share=st.floats(0.01, 0.99),
    variances=st.lists(st.floats(0.01, 100), min_size=1, max_size=10),
)
def test_share_is_reached_and_by_no_more_than_needed(share, variances):
    variances = np.sort(variances)[::-1]
    k = n_components_for_share(variances, share)
    explained = np.cumsum(variances) / variances.sum()
    assert explained[k - 1] > share or k == len(variances)
    assert k == 1 or explained[k - 2] <= share


def test_share_of_nothing():
    assert n_components_for_share(np.zeros(3), 0.5) == 1


@pytest.mark.parametrize(("n_components", "n_found"), [(4, 4), (9, 9), (30, 20)])
def test_more_than_the_rows_span(n_components, n_found):
    X = make(6, 20)
    found = components_of(X, n_components)
    np.testing.assert_allclose(found @ found.T, np.eye(n_found), atol=1e-12)
    expected = PCA(4).fit(X).components_
    np.testing.assert_allclose(np.abs(found[:4] @ expected.T), np.eye(4), atol=1e-8)
    np.testing.assert_array_equal(found, components_of(X, n_components))

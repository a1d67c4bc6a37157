"""Nearest neighbours among rows, and the components in which they are found."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA

from sklearn_ae._data import neighbors
from sklearn_ae._data.neighbors import nearest_neighbors, project

rng = np.random.default_rng(0)
RANDOM_STATE = np.random.RandomState(0)


def exact(X, k):
    distances = cdist(X, X)
    np.fill_diagonal(distances, np.inf)
    return np.sort(distances, axis=1)[:, :k]


@settings(max_examples=20, deadline=None)
@given(n=st.integers(3, 40), k=st.integers(1, 5), copies=st.integers(1, 4))
def test_they_are_the_nearest_without_the_row_itself(n, k, copies):
    X = np.repeat(rng.normal(size=(n, 3)), copies, axis=0)
    k = min(k, len(X) - 1)
    found = nearest_neighbors(X, k, RANDOM_STATE)
    assert found.shape == (len(X), k)
    assert not (found == np.arange(len(X))[:, None]).any()
    assert all(len(set(row)) == k for row in found)
    distances = np.linalg.norm(X[found] - X[:, None], axis=-1)
    np.testing.assert_allclose(np.sort(distances, 1), exact(X, k), atol=1e-6)


class Approximate:
    """Stands for pynndescent.NNDescent, which takes a minute to compile."""

    def __init__(self, X, n_neighbors, random_state):
        distances = cdist(X, X)
        self.neighbor_graph = np.argsort(distances, 1)[:, :n_neighbors], distances


def test_many_rows_are_searched_by_pynndescent(monkeypatch):
    X = rng.normal(size=(40, 3)).astype(np.float32)
    expected = nearest_neighbors(X, 5, RANDOM_STATE)
    monkeypatch.setattr(neighbors, "_MAX_EXACT", 10)
    monkeypatch.setitem(sys.modules, "pynndescent", SimpleNamespace(NNDescent=Approximate))
    np.testing.assert_array_equal(nearest_neighbors(X, 5, RANDOM_STATE), expected)


def test_many_rows_need_pynndescent(monkeypatch):
    monkeypatch.setattr(neighbors, "_MAX_EXACT", 10)
    monkeypatch.setitem(sys.modules, "pynndescent", None)
    with pytest.raises(ImportError, match=r"sklearn-ae\[maps\]"):
        nearest_neighbors(np.zeros((20, 2), np.float32), 3, RANDOM_STATE)


@pytest.mark.parametrize("as_sparse", [False, True])
def test_components_are_those_of_pca(as_sparse):
    X = rng.normal(size=(200, 80)) * np.linspace(3, 0.1, 80) + 5
    pca = PCA(50).fit(X)
    projected = project(sparse.csr_array(X) if as_sparse else X, 2, RANDOM_STATE)
    assert projected.dtype == np.float32
    expected = pca.transform(X)
    ratio = projected.std(0) / expected.std(0)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)  # one scale for all
    overlap = np.abs(np.corrcoef(projected.T, expected.T)[:50, 50:].diagonal())
    np.testing.assert_allclose(overlap, 1, atol=1e-5)


@pytest.mark.parametrize(("shape", "n_components", "size"), [((30, 4), 2, 4), ((90, 70), 60, 60)])
def test_number_of_components(shape, n_components, size):
    assert project(rng.normal(size=shape), n_components, RANDOM_STATE).shape[1] == size


def test_rows_of_huge_values():
    X = 1e100 * rng.normal(size=(20, 3))
    assert np.isfinite(project(X, 2, RANDOM_STATE)).all()

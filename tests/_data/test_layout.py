"""Layouts of rows by their neighbours."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_ae._data.layout import lay_out
from sklearn_ae._data.neighbors import nearest_neighbors
from sklearn_ae.metrics import trustworthiness

rng = np.random.default_rng(0)
RANDOM_STATE = np.random.RandomState(0)
CENTERS = 10 * np.eye(6)[:5]
LABELS = np.arange(400) % 5
GROUPS = CENTERS[LABELS] + rng.normal(size=(400, 6))


def make(X, n_components=2, n_neighbors=10, seed=0):
    neighbors = nearest_neighbors(X, n_neighbors, RANDOM_STATE)
    return lay_out(neighbors, rng.normal(size=(len(X), n_components)), seed)


@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_groups_stay_together(n_components):
    layout = make(GROUPS, n_components)
    found = nearest_neighbors(layout, 5, RANDOM_STATE)
    assert (LABELS[found] == LABELS[:, None]).mean() > 0.98


def test_neighbors_on_a_curve_stay_neighbors():
    angle = np.linspace(0, 6, 500)
    curve = np.stack([np.sin(angle), np.cos(angle), angle], axis=1)
    start = curve[:, :2]
    layout = lay_out(nearest_neighbors(curve, 10, RANDOM_STATE), start, 0)
    assert trustworthiness(curve, layout, n_neighbors=10) > 0.98


@settings(max_examples=10, deadline=None)
@given(n=st.integers(2, 300), n_components=st.integers(1, 4), seed=st.integers(0, 5))
def test_centred_and_of_unit_variance_whatever_the_number_of_rows(n, n_components, seed):
    X = rng.normal(size=(n, 3))
    layout = make(X, n_components, min(5, n - 1), seed)
    assert layout.shape == (n, n_components)
    np.testing.assert_allclose(layout.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(np.square(layout).mean(), 1, rtol=1e-4)


def test_same_seed_same_layout():
    neighbors = nearest_neighbors(GROUPS, 10, RANDOM_STATE)
    start = rng.normal(size=(400, 2))
    one, same, other = (lay_out(neighbors, start, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other, atol=0.01)


def test_equal_rows_at_one_place():
    """Without anything that tells them apart, they stay, and nothing is divided by zero."""
    neighbors = nearest_neighbors(np.zeros((20, 2)), 5, RANDOM_STATE)
    np.testing.assert_array_equal(lay_out(neighbors, np.ones((20, 2)), 0), 0)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.covariance import MinCovDet

from sklearn_ae._outliers.robust_distance import RobustDistance


@pytest.fixture
def points():
    mixing = np.array([[2.0, 0.5], [0.0, 0.3]])
    return np.random.default_rng(0).normal(size=(400, 2)) @ mixing + [5, -3]


def fit(points):
    return RobustDistance(points, np.ones(len(points)))


def test_order_of_points_is_that_of_mincovdet(points):
    expected = MinCovDet(support_fraction=0.75, random_state=0).fit(points).mahalanobis(points)
    rank = np.corrcoef(fit(points)(points).argsort().argsort(), expected.argsort().argsort())
    assert rank[0, 1] > 0.99


def test_outliers_do_not_move_it(points):
    outliers = np.random.default_rng(1).normal(size=(100, 2)) * 0.1 + [50, 50]
    distance = fit(np.vstack([points, outliers]))
    np.testing.assert_allclose(distance.center, points.mean(axis=0), atol=0.3)
    assert distance(outliers).min() > 10 * distance(points).max()


def test_units_do_not_matter(points):
    outliers = points[:40] + 30
    X = np.vstack([points, outliers])
    units = np.array([1e6, 1e-3])
    np.testing.assert_allclose(fit(X * units + 7)(X * units + 7), fit(X)(X), rtol=1e-6)


@given(st.integers(0, 20))
def test_weights_are_repetitions(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(30, 3))
    n_times = rng.integers(1, 4, size=30)
    expected = fit(np.repeat(points, n_times, axis=0))
    found = RobustDistance(points, n_times.astype(float))
    np.testing.assert_allclose(found(points), expected(points), rtol=1e-9)
    assert found.edge == pytest.approx(expected.edge)


def test_most_points_are_inside_the_edge(points):
    distance = fit(points)
    assert 0.97 < (distance(points) <= distance.edge).mean() <= 1
    outliers = points[:100] + 30
    both = fit(np.vstack([points, outliers]))
    assert (both(points) <= both.edge).mean() > 0.97
    assert (both(outliers) > both.edge).all()


def test_far_points_move_to_the_edge_and_no_farther(points):
    distance = fit(points)
    points = 3 * (points - distance.center) + distance.center
    moved = distance.move_to_edge(points)
    inside = distance(points) <= distance.edge
    np.testing.assert_array_equal(moved[inside], points[inside])
    np.testing.assert_allclose(distance(moved[~inside]), distance.edge)
    direction, other = points[~inside] - distance.center, moved[~inside] - distance.center
    cosine = (direction * other).sum(1) / np.linalg.norm(direction, axis=1)
    np.testing.assert_allclose(cosine, np.linalg.norm(other, axis=1))


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((1, 2)),
        np.ones((10, 3)),
        np.arange(3.0)[:, None] * np.ones(5),
        np.repeat([[0.0, 1.0], [1.0, 0.0]], [9, 1], axis=0),
    ],
    ids=["one", "equal", "fewer than dimensions", "almost all equal"],
)
def test_degenerate_points_have_distances(points):
    distance = fit(points)
    assert np.isfinite(distance(points)).all()
    assert (distance(points + 1e3) > distance(points).max()).all()


def test_infinite_and_undefined_points_are_far(points):
    X = np.array([[np.nan, 0.0], [np.inf, 0.0], [0.0, -np.inf], [1e300, 1e300]])
    distance = fit(points)
    assert np.isfinite(distance.move_to_edge(X)).all()
    distances = distance(X)
    assert np.isfinite(distances).all()
    assert (distances > 1e50).all()

"""What a score promises, whatever the data: each was broken once."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_ae import AutoencoderOutlierDetector


def fit(X, **parameters):
    return AutoencoderOutlierDetector(random_state=0, **parameters).fit(X)


def draw(n_rows, seed=0, n_features=5):
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(n_features, n_features))
    return rng.normal(size=(n_rows, n_features)) @ mixing


@pytest.fixture(scope="module")
def contaminated():
    """Rows, and a few of a kind far from them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 5))
    X[:30] += 5
    return X


@pytest.fixture(scope="module")
def fitted(contaminated):
    return fit(contaminated)


# --- known anomalies --------------------------------------------------------------------------


def test_known_anomalies_do_not_hide_new_ones_of_their_kind(contaminated, fitted):
    assert (fitted.predict(contaminated[:30]) == -1).all()
    new = np.random.default_rng(1).normal(size=(300, 5)) + 5
    assert (fitted.predict(new) == -1).mean() > 0.98


def test_an_anomaly_that_moves_on_stays_one(contaminated, fitted):
    steps = np.array([0, 0.1, 0.5, 1, 2, 4])[:, None]
    scores = fitted.score_samples(contaminated[:1] + steps)
    assert (scores < fitted.offset_).all()
    assert (np.diff(scores) < 0.05).all()


# --- the same row, the same score -------------------------------------------------------------


def test_rounding_of_the_training_rows_changes_nothing(contaminated, fitted):
    shaken = contaminated + 1e-7 * np.random.default_rng(2).normal(size=contaminated.shape)
    expected = fitted.score_samples(contaminated)
    np.testing.assert_allclose(fitted.score_samples(shaken), expected, atol=1e-3)


def test_neither_company_nor_type_nor_training_decides(contaminated, fitted):
    new = np.random.default_rng(3).normal(size=(50, 5))
    rows = np.vstack([new, contaminated])
    expected = fitted.score_samples(rows)
    np.testing.assert_allclose(fitted.score_samples(new), expected[:50], atol=1e-6)
    alone = np.concatenate([fitted.score_samples(row[None]) for row in rows[:60]])
    np.testing.assert_allclose(alone, expected[:60], atol=1e-6)
    found = fitted.score_samples(rows.astype(np.float32))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_training_rows_score_as_new_ones_of_their_kind():
    X, new = draw(3000, 0), draw(3000, 1)
    detector = fit(X)
    known, unknown = (np.quantile(detector.score_samples(rows), [0.05, 0.5]) for rows in (X, new))
    np.testing.assert_allclose(known, unknown, atol=0.25)


def test_all_rows_of_large_tables_are_judged_alike():
    rng = np.random.default_rng(0)
    n_rows = 17_000
    X = rng.normal(size=(n_rows, 3))
    X[::1000] = 6 + 0.1 * rng.normal(size=(17, 3))
    X[1::1000] = -6 + 0.1 * rng.normal(size=(17, 3))
    detector = fit(X, max_iter=1, contamination=0.003)
    found = np.flatnonzero(detector.predict(X) == -1)
    assert set(range(0, n_rows, 1000)) | set(range(1, n_rows, 1000)) <= set(found)
    rest = np.setdiff1d(found, np.r_[0:n_rows:1000, 1:n_rows:1000])
    assert abs((rest < n_rows // 2).mean() - 0.5) < 0.35
    assert len(found) == pytest.approx(0.003 * n_rows, abs=1)


# --- monotone ---------------------------------------------------------------------------------


def path(row, column, direction, scale):
    """Move a row along a column, by 1e-9 to 1e6 of its spread."""
    steps = np.concatenate([[0], np.logspace(-9, 6, 120)])
    rows = np.repeat(row[None], len(steps), axis=0)
    rows[:, column] += direction * steps * scale
    return rows


@pytest.mark.parametrize("kind", ["gaussian", "clusters", "counts", "contaminated"])
@given(column=st.integers(0, 4), direction=st.sampled_from([-1, 1]), place=st.floats(0, 1))
def test_the_further_from_the_data_the_more_abnormal(kind, column, direction, place):
    detector, X = _fit_kind(kind)
    # From the edge of the data outwards.
    edge = X[np.argmax(direction * X[:, column])].copy()
    others = X[int(place * (len(X) - 1))]
    row = np.where(np.arange(5) == column, edge, others)
    scores = detector.score_samples(path(row, column, direction, X[:, column].std()))
    assert np.isfinite(scores).all()
    assert np.diff(scores).max() < 0.05


_FITTED = {}


def _fit_kind(kind):
    if kind not in _FITTED:
        X = draw(400)
        if kind == "clusters":
            X += 8 * np.random.default_rng(1).integers(0, 2, size=(400, 1))
        elif kind == "counts":
            X = np.abs(np.round(X))
        elif kind == "contaminated":
            X[:20] *= 6
        _FITTED[kind] = fit(X), X
    return _FITTED[kind]


@pytest.mark.parametrize("n_rows", [200, 5000])
def test_a_constant_column(n_rows):
    rng = np.random.default_rng(0)
    X = np.hstack([rng.normal(size=(n_rows, 3)), np.full((n_rows, 1), 0.1)])
    detector = fit(X, max_iter=3)
    expected = detector.score_samples(X[:50])
    for shift in (1e-8, 1e-6, -1e-6):
        moved = X[:50] + np.array([0, 0, 0, shift])
        np.testing.assert_allclose(detector.score_samples(moved), expected, atol=1e-3)
    single = X.astype(np.float32)
    np.testing.assert_allclose(detector.score_samples(single[:50]), expected, atol=0.01)
    assert (detector.predict(single) == -1).mean() < 0.1
    steps = np.logspace(-9, 6, 100)
    rows = np.repeat(X[:1], len(steps), axis=0)
    rows[:, 3] += steps
    scores = detector.score_samples(rows)
    assert np.diff(scores).max() < 0.05
    assert detector.predict(rows[-1:]) == [-1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_values_are_told_or_scored(dtype):
    X = draw(200).astype(dtype)
    detector = fit(X, max_iter=3)
    largest = np.finfo(dtype).max / 4
    scores = detector.score_samples(X[:5] + dtype(largest))
    assert (scores < detector.offset_).all()
    assert np.isfinite(scores).all()
    if dtype == np.float32:
        assert (fit(X * dtype(1e30), max_iter=3).predict(X * dtype(1e30)) == 1).mean() > 0.9
    else:
        with pytest.raises(ValueError, match=r"too large: .* Divide X by a constant"):
            fit(X * 1e200)


# --- streams ----------------------------------------------------------------------------------


def test_a_row_of_a_periodic_stream_is_no_outlier():
    hours = np.arange(6000)
    rng = np.random.default_rng(0)
    daily = np.column_stack([np.sin(2 * np.pi * hours / 24), np.cos(2 * np.pi * hours / 24)])
    X = np.hstack([daily, daily[:, :1] * 2]) + 0.05 * rng.normal(size=(len(hours), 3))
    detector = AutoencoderOutlierDetector(random_state=0).partial_fit(X)
    assert (detector.predict(X) == -1).mean() < 0.05


def test_planted_outliers_of_alternating_clusters_are_found():
    rng = np.random.default_rng(0)
    n_rows = 17_000
    X = rng.normal(size=(n_rows, 2)) + 10 * (np.arange(n_rows) % 2)[:, None]
    places = rng.choice(n_rows, 60, replace=False)
    X[places] = [5, -5]
    X[places] += 0.3 * rng.normal(size=(60, 2))
    scores = fit(X, max_iter=1).score_samples(X)
    ranks = scores.argsort().argsort()[places] / n_rows
    assert ranks.mean() < 0.03


def test_blatant_anomalies_of_a_stream_are_found_from_the_first_part_on():
    rng = np.random.default_rng(0)
    detector = AutoencoderOutlierDetector(random_state=0)
    for _ in range(3):
        X = rng.normal(size=(500, 4))
        X[:15] = 12 * rng.choice([-1, 1], size=(15, 4)) + rng.normal(size=(15, 4))
        found = detector.partial_fit(X).predict(X) == -1
        assert found[:15].all()
        assert found[15:].mean() < 0.03


# --- what is kept -----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(200, 3), (3000, 20)])
def test_a_pickle_is_hardly_larger_than_the_weights(shape):
    detector = fit(draw(shape[0], n_features=shape[1]))
    n_bytes = sum(p.numel() * p.element_size() for p in detector.net_.module_.parameters())
    assert len(pickle.dumps(detector)) <= 2 * n_bytes + 100_000


# --- a promise of clean rows ------------------------------------------------------------------


def test_no_contamination_is_a_promise():
    X = draw(500)
    X[:20] += 30  # a kind of its own, which counts as normal
    detector = fit(X, contamination=0)
    assert (detector.predict(X) == 1).all()
    new = draw(20, 5) + 30
    assert (detector.predict(new) == 1).mean() > 0.5
    assert (fit(X).predict(new) == -1).all()


# --- few rows, wide rows, rows of weight ------------------------------------------------------


@pytest.mark.parametrize("shape", [(100, 257), (200, 300)])
def test_p_values_of_wide_tables(shape):
    # Training rows look more normal than new ones do, but not to the networks that left them out.
    rng = np.random.default_rng(0)
    X, new = rng.normal(size=(2, *shape))
    detector = fit(X)
    assert (detector.p_values(new) <= 0.1).mean() < 0.2
    assert (detector.p_values(1.3 * new) <= 0.1).mean() > 0.9


def test_suspicious_rows_do_not_vouch_for_each_other_in_wide_tables():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 100))
    X[:5] = 13 * rng.choice([-1, 1], size=100) + 0.1 * rng.normal(size=(5, 100))
    ranks = fit(X).score_samples(X).argsort().argsort()
    assert (ranks[:5] < 5).all()


def test_a_column_of_two_scales_hides_no_correlation():
    rng = np.random.default_rng(0)
    t = rng.normal(size=(1000, 1))
    X = np.hstack([t, t + 0.1 * rng.normal(size=(1000, 1)), rng.normal(size=(1000, 1))])
    X[:550, 2] *= 1e-4
    assert (fit(X).predict([[2.0, -2.0, 0.0], [-1.5, 1.5, 0.0]]) == -1).all()


def test_a_few_rows_of_a_stream_decide_nothing():
    X = draw(500)
    detector = AutoencoderOutlierDetector(random_state=0).partial_fit(X)
    offset = detector.offset_
    for n_rows in (1, 5):
        detector.partial_fit(draw(n_rows, 7))
        assert detector.offset_ == offset
        assert (detector.predict(X) == -1).mean() < 0.05


def test_a_later_part_may_be_larger_than_the_first_one():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(30, 260)), rng.normal(size=(300, 260))
    detector = AutoencoderOutlierDetector(random_state=0).partial_fit(first).partial_fit(second)
    assert (detector.predict(second) == -1).mean() < 0.1
    assert detector.predict(second[:1] + 5) == [-1]


@pytest.mark.parametrize("seed", range(5))
def test_a_row_of_most_of_the_weight(seed):
    rng = np.random.default_rng(seed)
    X = np.vstack([rng.normal(size=(24, 3)), np.tile(rng.normal(size=3), (1000, 1))])
    detector = AutoencoderOutlierDetector(max_iter=2, random_state=seed).fit(X)
    assert np.isfinite(detector.score_samples(X)).all()


def test_a_full_batch_for_the_optimizers_that_need_one():
    plan = fit(draw(300), optimizer="gradient_descent", max_iter=1).plan_
    assert plan.batch_size == 300

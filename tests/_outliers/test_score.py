import numpy as np
import pytest

from sklearn_ae._outliers.score import OutlierScore, Views


def views(rows, projection=None, error=None):
    rows = np.atleast_2d(np.asarray(rows, dtype=float))
    return Views(
        rows,
        rows[:, :1] if projection is None else np.asarray(projection, float),
        np.full(len(rows), 0.1) if error is None else np.asarray(error, float),
    )


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def known(rng):
    rows = rng.normal(size=(300, 2))
    return views(rows, error=rng.uniform(0.05, 0.2, size=300))


@pytest.fixture
def score(known):
    return OutlierScore(known, np.ones(300))


def test_median_and_spread_of_known_rows(known, score):
    scores = score(known)
    assert np.median(scores) == pytest.approx(0, abs=0.02)
    assert np.subtract(*np.quantile(scores, [0.75, 0.25])) == pytest.approx(1, abs=0.02)


def test_new_rows_of_the_same_kind_have_the_same_scores(known, score, rng):
    rows = rng.normal(size=(3000, 2))
    new = score(views(rows, error=rng.uniform(0.05, 0.2, size=3000)))
    for q, tolerance in ((0.5, 0.25), (0.99, 0.6)):
        assert np.quantile(new, q) == pytest.approx(np.quantile(score(known), q), abs=tolerance)


def test_a_row_far_from_all_others_is_abnormal(score):
    near, far = score(views([[0.0, 0.0], [0.0, 9.0]]))
    assert far > near + 1


def test_a_projection_far_from_the_bulk_is_abnormal(known, score):
    rows = known.standard[:1]
    usual, far = (score(Views(rows, np.array([[x]]), np.array([0.1])))[0] for x in (0.0, 20.0))
    assert far > usual + 1


def test_a_large_error_is_abnormal_and_a_small_one_is_not(known, score):
    rows, code = known.standard[:1], np.zeros((1, 1))
    usual, small, large = (
        score(Views(rows, code, np.array([error])))[0] for error in (0.1, 1e-9, 1e3)
    )
    assert large > usual + 1
    assert small < np.quantile(score(known), 0.9)


def test_outliers_among_known_rows_do_not_vouch_for_each_other(rng):
    rows = np.vstack([rng.normal(size=(300, 2)), 6 + 0.1 * rng.normal(size=(40, 2))])
    both = views(rows, projection=rows)
    scores = OutlierScore(both, np.ones(340))(both)
    assert scores[300:].min() > np.quantile(scores[:300], 0.99)


def test_gap_beside_known_rows_counts():
    # Two lines; a row between them is in the middle of the bulk, but new.
    line = np.linspace(-2, 2, 200)
    rows = np.vstack([np.column_stack([line, np.full(200, side)]) for side in (-1.0, 1.0)])
    both = views(rows, projection=rows)
    score = OutlierScore(both, np.ones(400))
    between = np.array([[0.0, 0.0]])
    assert score(views(between, projection=between))[0] > score(both).max()


def test_scores_do_not_jump_from_known_to_new_rows(known, score):
    step = np.array([1e-9, 0.0])
    moved = Views(known.standard + step, known.projection, known.error)
    np.testing.assert_allclose(score(moved), score(known), atol=1e-4)


def test_weights_are_repetitions(known, rng):
    weight = rng.integers(1, 4, size=300).astype(float)
    at_once = OutlierScore(known, weight)
    twice = OutlierScore(known, 2 * weight)
    np.testing.assert_allclose(twice(known), at_once(known))
    assert np.abs(at_once(known) - OutlierScore(known, np.ones(300))(known)).max() > 1e-3


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_few_rows(n_rows):
    few = views(np.arange(2.0 * n_rows).reshape(n_rows, 2))
    score = OutlierScore(few, np.ones(n_rows))
    assert np.isfinite(score(few)).all()
    assert score(views([[1e6, -1e6]]))[0] > score(few).max()


def test_all_numbers_are_scored(score):
    rows = np.array([[np.inf, 0.0], [np.nan, 0.0], [1e300, -1e300]])
    scores = score(Views(rows, rows[:, :1], np.array([np.inf, np.nan, 1e300])))
    assert np.isfinite(scores).all()
    assert (scores > 10).all()

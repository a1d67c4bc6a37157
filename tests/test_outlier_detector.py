import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import shuffle

from sklearn_ae import AutoencoderOutlierDetector


def make(**parameters):
    defaults = {"n_components": 1, "max_iter": 40, "early_stopping": True, "random_state": 0}
    return AutoencoderOutlierDetector(**defaults | parameters)


@pytest.fixture
def outliers(curve):
    """Rows within the range of every column of the curve, but off it."""
    rng = np.random.default_rng(1)
    return rng.permuted(curve, axis=0)[:50]


def test_rows_off_the_curve_are_outliers(curve, outliers):
    detector = make().fit(curve)
    y = np.repeat([1, 0], [len(curve), len(outliers)])
    assert roc_auc_score(y, detector.score_samples(np.vstack([curve, outliers]))) > 0.95
    assert (detector.predict(outliers) == -1).mean() > 0.7
    assert (detector.predict(curve) == -1).mean() <= 0.1


def test_conventions(curve, outliers):
    detector = make().fit(curve)
    X = np.vstack([curve, outliers])
    np.testing.assert_array_equal(
        detector.decision_function(X), detector.score_samples(X) - detector.offset_
    )
    np.testing.assert_array_equal(
        detector.predict(X), np.where(detector.decision_function(X) < 0, -1, 1)
    )
    np.testing.assert_array_equal(make().fit_predict(curve), detector.predict(curve))


@pytest.mark.parametrize("contamination", [0.01, 0.1, 0.25, 0.5])
def test_contamination_is_the_share_of_outliers_in_training(curve, contamination):
    found = make(contamination=contamination).fit_predict(curve)
    assert (found == -1).mean() == pytest.approx(contamination, abs=1 / len(curve))


def test_contamination_counts_weights(curve):
    weight = np.repeat([1.0, 3.0], 150)
    detector = make(contamination=0.2, batch_size=1000, early_stopping=False)
    found = detector.fit(curve, sample_weight=weight).predict(curve)
    assert weight[found == -1].sum() / weight.sum() == pytest.approx(0.2, abs=0.01)


def test_auto_finds_gross_outliers_and_little_else():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(2, 5))
    X = rng.normal(size=(300, 2)) @ mixing + 0.1 * rng.normal(size=(300, 5))
    X[-6:] += rng.normal(scale=3, size=(6, 5))
    found = make().fit_predict(X) == -1
    assert found[-6:].sum() >= 5
    assert found[:-6].mean() < 0.02


@pytest.mark.parametrize("contamination", [0.6, -0.1, "some"])
def test_bad_contamination(curve, contamination):
    with pytest.raises(ValueError, match="The 'contamination' parameter"):
        make(contamination=contamination).fit(curve)


def test_feature_errors_name_the_column(curve):
    detector = make().fit(curve)
    odd = curve[:10].copy()
    odd[:, 3] += 3
    assert detector.feature_errors(odd).shape == odd.shape
    assert (detector.feature_errors(odd).argmax(axis=1) == 3).all()


def test_columns_in_large_units_do_not_drown_others(curve, outliers):
    units = np.array([1e-6, 1, 1e3, 1e9, 1])
    expected = make().fit(curve).score_samples(outliers)
    found = make().fit(curve * units).score_samples(outliers * units)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("value", [0.0, 7.0, 1e8])
def test_constant_column_counts_on_the_scale_of_the_data(curve, value):
    X = np.hstack([curve, np.full((len(curve), 1), value)])
    detector = make().fit(X)
    odd = X[:5].copy()
    odd[:, -1] += 1
    spread = np.median(curve.std(axis=0))
    expected = 1 / spread**2
    np.testing.assert_allclose(detector.feature_errors(odd)[:, -1], expected, rtol=0.5)
    assert (detector.predict(odd) == -1).all()


def test_auto_stays_below_the_width_of_the_data():
    X = np.random.default_rng(0).normal(size=(100, 2))
    assert make(n_components="auto", max_iter=1).fit(X).n_components_ == 1
    assert make(n_components=0.999, max_iter=1).fit(X).n_components_ == 1
    assert make(n_components="auto", max_iter=1).fit(X[:, :1]).n_components_ == 1


def test_partial_fit_sets_the_threshold(curve):
    detector = make().partial_fit(curve[:100])
    first = detector.offset_
    detector.partial_fit(curve[100:])
    assert detector.offset_ != first
    assert set(detector.predict(curve)) <= {-1, 1}


def test_partial_fit_tells_that_it_replaces_a_threshold(curve):
    detector = make().partial_fit(curve[:100])
    detector.set_threshold(curve[:50], contamination=0.1).partial_fit(curve[:100])
    detector.set_threshold(curve[:50], false_positive_rate=0.1)
    with pytest.warns(UserWarning, match="replaced the threshold"):
        detector.partial_fit(curve[100:])
    detector.partial_fit(curve[100:])  # once is enough


def test_search_with_labels(curve, outliers):
    X = np.vstack([curve, outliers])
    y = np.repeat([1, -1], [len(curve), len(outliers)])
    X, y = shuffle(X, y, random_state=0)
    search = GridSearchCV(
        make_pipeline(MinMaxScaler(), make(max_iter=5)),
        {"autoencoderoutlierdetector__n_components": [1, 4]},
        scoring="roc_auc",
        cv=3,
    ).fit(X, y)
    assert search.best_score_ > 0.8


def test_rows_beyond_all_numbers_are_outliers():
    X = np.random.default_rng(0).normal(size=(500, 8)).astype(np.float32)
    detector = make(n_components=2, max_iter=2).fit(X)
    odd = np.tile(np.array([3e38, -3e38], np.float32), (1, 4))
    assert detector.predict(odd) == [-1]
    assert np.isfinite(detector.score_samples(odd))
    assert (
        make(n_components=2, max_iter=2).fit(1e-3 * X).predict(1e36 * np.ones((1, 8))) == -1
    ).all()


def test_column_far_from_zero_is_not_constant():
    rng = np.random.default_rng(0)
    far = 1e6 + rng.normal(size=(1000, 1))
    X = np.hstack([far, 1e-4 * rng.normal(size=(1000, 2))]).astype(np.float32)
    scale = make(max_iter=1, early_stopping=False).fit(X).net_.module_.scale
    np.testing.assert_allclose(scale, X.std(axis=0, dtype=float), rtol=1e-3)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_outliers_at_low_precision(curve, outliers, precision):
    detector = make(precision=precision).fit(curve)
    assert detector.score_samples(curve).dtype == np.float64
    assert (detector.predict(outliers) == -1).mean() > 0.6


# --- data that are awkward ----------------------------------------------------------------------


def test_gross_outliers_are_found_among_training_rows(curve):
    gross = curve[:5].copy()
    gross[:, 2] = [1e6, -1e6, 2e6, 1e5, -3e6]
    X = np.vstack([curve, gross])
    detector = make().fit(X)
    y = np.repeat([1, 0], [len(curve), len(gross)])
    assert roc_auc_score(y, detector.score_samples(X)) > 0.99
    assert (detector.predict(gross) == -1).all()
    # Nor do they hide what is odd by less.
    odd = curve[:1].copy()
    odd[0, 0] += 3
    assert detector.score_samples(odd) < np.quantile(detector.score_samples(curve), 0.02)


def test_duplicates_are_no_evidence(curve):
    # All that would depend on the number of rows.
    given = {"early_stopping": False, "batch_size": 1000, "weight_decay": 0.1}
    once, twice = make(**given).fit(curve), make(**given).fit(np.repeat(curve, 2, axis=0))
    np.testing.assert_allclose(
        twice.score_samples(curve + 0.01), once.score_samples(curve + 0.01), rtol=1e-3, atol=1e-3
    )


def test_ten_rows():
    X = np.random.default_rng(0).normal(size=(10, 3))
    detector = AutoencoderOutlierDetector(random_state=0, max_iter=5).fit(X)
    assert np.isfinite(detector.score_samples(X)).all()
    assert detector.predict([[30.0, -30.0, 30.0]]) == [-1]
    with pytest.raises(ValueError, match="p-values"):
        detector.p_values(X)


def test_more_columns_than_rows():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(3, 200))
    X = rng.normal(size=(60, 3)) @ mixing + 0.1 * rng.normal(size=(60, 200))
    detector = AutoencoderOutlierDetector(random_state=0, max_iter=10).fit(X)
    new = rng.normal(size=(40, 3)) @ mixing + 0.1 * rng.normal(size=(40, 200))
    odd = rng.normal(size=(40, 200)) * X.std(axis=0)
    y = np.repeat([1, 0], 40)
    assert roc_auc_score(y, detector.score_samples(np.vstack([new, odd]))) > 0.95


def test_nearly_constant_column(curve):
    X = np.hstack([curve, 5 + 1e-9 * np.random.default_rng(0).normal(size=(300, 1))])
    detector = make().fit(X)
    odd = X[:1].copy()
    odd[0, -1] += 1
    assert detector.predict(odd) == [-1]
    assert np.isfinite(detector.score_samples(X)).all()


def test_a_constant_column_that_moves_by_rounding_changes_nothing():
    rng = np.random.default_rng(0)
    X = np.hstack([rng.normal(size=(5000, 3)), np.full((5000, 1), 0.1)])
    detector = AutoencoderOutlierDetector(max_iter=3, random_state=0).fit(X)
    expected = detector.score_samples(X[:50])
    moved = X[:50] + np.array([0, 0, 0, 1e-6])
    np.testing.assert_allclose(detector.score_samples(moved), expected, atol=0.05)
    np.testing.assert_allclose(
        detector.score_samples(X[:50].astype(np.float32)), expected, atol=0.05
    )
    assert (detector.predict(X[:50] + np.array([0, 0, 0, 1.0])) == -1).all()


def test_rows_that_are_all_equal():
    detector = make(max_iter=2).fit(np.ones((50, 4)))
    assert (detector.predict(np.ones((3, 4))) == 1).all()
    assert detector.predict([[1.0, 1.0, 1.0, 9.0]]) == [-1]


def test_new_rows_are_held_to_the_same_threshold(curve):
    detector = make(contamination=0.1).fit(curve[:150])
    assert (detector.predict(curve[150:]) == -1).mean() == pytest.approx(0.1, abs=0.1)


def test_outliers_in_training_are_found_all_the_same(curve):
    # A cluster of them, which a network reconstructs as well as the rest.
    cluster = np.array([2.0, -2, 2, 2, -2]) + 0.01 * np.random.default_rng(0).normal(size=(20, 5))
    X = np.vstack([curve, cluster])
    y = np.repeat([1, 0], [len(curve), len(cluster)])
    assert roc_auc_score(y, make().fit(X).score_samples(X)) > 0.9


def test_stream_that_drifts(curve):
    detector = make().partial_fit(curve)
    far = curve + 3
    assert (detector.predict(far) == -1).mean() > 0.9
    for _ in range(30):
        detector.partial_fit(far)
    assert (detector.predict(far) == -1).mean() < 0.2
    # The rows of the last part were left out by some of the networks in every part.
    assert (detector.p_values(far + 0.001) <= 0.1).mean() < 0.15


def test_one_row_as_in_a_batch(curve, outliers):
    detector = make().fit(curve)
    X = np.vstack([curve[:5], outliers[:5]])
    alone = np.concatenate([detector.score_samples(row[None]) for row in X])
    np.testing.assert_allclose(alone, detector.score_samples(X), rtol=1e-6, atol=1e-9)


def test_new_inliers_pass_where_training_rows_had_outliers():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(490, 6)), 15 + rng.normal(size=(10, 6))])
    detector = AutoencoderOutlierDetector(max_iter=5, random_state=0).fit(X)
    assert (detector.predict(rng.normal(size=(300, 6))) == -1).mean() < 0.08
    assert (detector.predict(X[490:]) == -1).all()


def test_whole_numbers():
    rng = np.random.default_rng(0)
    X = np.round(2 * rng.normal(size=(500, 3)))
    detector = AutoencoderOutlierDetector(max_iter=5, random_state=0).fit(X)
    assert (detector.predict(np.round(2 * rng.normal(size=(300, 3)))) == -1).mean() < 0.12
    assert detector.predict([[20.0, 20.0, 20.0]]) == [-1]


def test_sparse_rows_in_any_form(curve):
    X = np.where(np.abs(curve) < 0.4, 0, np.round(curve, 1))
    plain = sparse.csr_array(X)
    with_zeros = sparse.coo_array(
        (np.ones(X.size), np.unravel_index(np.arange(X.size), X.shape)), shape=X.shape
    ).tocsr()
    with_zeros.data[:] = X.ravel()
    assert with_zeros.nnz > plain.nnz
    expected = make(max_iter=3).fit(X).score_samples(X)
    for container in (plain, with_zeros):
        np.testing.assert_array_equal(
            make(max_iter=3).fit(container).score_samples(container), expected
        )


@pytest.mark.parametrize("n_rows", [50, 300])
def test_steps_grow_slowly_with_the_rows(n_rows):
    X = np.random.default_rng(0).normal(size=(n_rows, 3))
    plan = AutoencoderOutlierDetector(hidden_layer_sizes=4, random_state=0).fit(X).plan_
    n_steps_of_epoch = -(-n_rows // plan.batch_size)
    n_steps = 60 + 0.02 * n_rows
    assert n_steps <= plan.max_iter * n_steps_of_epoch < n_steps + n_steps_of_epoch


def test_a_stream_is_judged_by_its_last_part():
    first, second = np.random.default_rng(0).normal(size=(2, 200, 3))
    second += 20
    detector = AutoencoderOutlierDetector(n_components=1, contamination=0.1, random_state=0)
    detector.partial_fit(first)
    assert (detector.predict(second) == -1).all()
    detector.partial_fit(second)
    assert (detector.predict(second) == -1).mean() == pytest.approx(0.1, abs=0.01)
    assert (detector.predict(first) == -1).all()
    detector.set_threshold(np.vstack([first, second]), contamination=0.05)
    assert (detector.predict(first) == -1).mean() < 0.15


def test_methods_of_the_transformer_are_its_own():
    for name in ("transform", "inverse_transform", "sample", "interpolate", "log_likelihood"):
        assert not hasattr(AutoencoderOutlierDetector(), name)

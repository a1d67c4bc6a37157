import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import sklearn
import sklearn.manifold
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.cluster import DBSCAN
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.metrics import (
    continuity,
    continuity_scorer,
    neighbors_overlap,
    neighbors_overlap_scorer,
    trustworthiness,
    trustworthiness_scorer,
)

METRICS = [trustworthiness, continuity, neighbors_overlap]
SCORERS = [trustworthiness_scorer, continuity_scorer, neighbors_overlap_scorer]
seeds = st.integers(0, 2**32 - 1)


def random_rows(seed, n_rows=40, n_features=4, n_components=2):
    """Give rows and random codes."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_rows, n_features)), rng.normal(size=(n_rows, n_components))


def column(*numbers):
    return np.array(numbers, dtype=float)[:, np.newaxis]


# --- values ---------------------------------------------------------------------------------------


@given(seeds, st.integers(1, 19))
def test_trustworthiness_is_that_of_scikit_learn(seed, n_neighbors):
    X, codes = random_rows(seed)
    expected = sklearn.manifold.trustworthiness(X, codes, n_neighbors=n_neighbors)
    assert trustworthiness(X, codes, n_neighbors=n_neighbors) == pytest.approx(expected)


@pytest.mark.parametrize("metric", ["cosine", "manhattan", lambda a, b: np.abs(a - b).max()])
def test_metric_is_that_of_X(metric):
    X, codes = random_rows(0)
    expected = sklearn.manifold.trustworthiness(X, codes, n_neighbors=5, metric=metric)
    assert trustworthiness(X, codes, n_neighbors=5, metric=metric) == pytest.approx(expected)
    assert trustworthiness(X, codes, n_neighbors=5) != pytest.approx(expected)
    assert neighbors_overlap(X, X, metric=metric) < 1
    assert continuity(X, X, metric=metric) < 1


def test_by_hand():
    X, codes = column(0, 1, 3, 7, 15), column(0, 1, 15, 7, 3)
    # Nearest in X: 1, 0, 1, 2, 3; in the codes: 1, 0, 3, 4, 1.
    assert neighbors_overlap(X, codes, n_neighbors=1) == 2 / 5
    # Ranks of the latter in X: 1, 1, 3, 4, 3. With four others, a row loses 3 at most.
    assert trustworthiness(X, codes, n_neighbors=1) == pytest.approx(1 - (2 + 3 + 2) / (5 * 3))
    # Ranks of the nearest in X, in codes where the last row comes first: 1, 1, 2, 3, 3.
    codes[4] = -100
    assert continuity(X, codes, n_neighbors=1) == pytest.approx(1 - (1 + 2 + 2) / (5 * 3))


def test_reference_by_hand():
    X, codes = column(0.4), column(10)
    reference = (column(0, 1, 2, 3), column(0, 1, 2, 3))
    # Nearest in X: 0, 1, in the codes: 3, 2, whose ranks in X are 4 and 3: the worst case.
    options = {"reference": reference, "n_neighbors": 2}
    assert [metric(X, codes, **options) for metric in METRICS] == [0, 0, 0]
    # The nearest codes 2 and 1 have the ranks 3 and 2, and the worst are 4 and 3.
    assert neighbors_overlap(X, column(1.6), **options) == 0.5
    assert trustworthiness(X, column(1.6), **options) == pytest.approx(1 - 1 / (2 + 1))


# --- laws -----------------------------------------------------------------------------------------


@given(seeds, st.sampled_from(METRICS), st.integers(1, 19), st.booleans())
def test_range(seed, metric, n_neighbors, has_reference):
    X, codes = random_rows(seed)
    reference = random_rows(seed + 1) if has_reference else None
    assert 0 <= metric(X, codes, reference=reference, n_neighbors=n_neighbors) <= 1


@given(seeds, st.sampled_from(METRICS), st.floats(1e-3, 1e3), st.booleans())
def test_codes_that_are_moved_turned_and_scaled_rows_are_perfect(
    seed, metric, scale, has_reference
):
    X, _ = random_rows(seed)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(4, 4)))[0]
    codes = scale * X @ turn + 10
    reference = (X[:30], codes[:30]) if has_reference else None
    X, codes = (X[30:], codes[30:]) if has_reference else (X, codes)
    assert metric(X, codes, reference=reference) == 1


@given(seeds, st.integers(1, 19), st.booleans())
def test_continuity_is_trustworthiness_the_other_way(seed, n_neighbors, has_reference):
    X, codes = random_rows(seed)
    reference, swapped = None, None
    if has_reference:
        reference = random_rows(seed + 1)
        swapped = reference[::-1]
    there = continuity(X, codes, reference=reference, n_neighbors=n_neighbors)
    back = trustworthiness(codes, X, reference=swapped, n_neighbors=n_neighbors)
    assert there == pytest.approx(back)
    overlap = neighbors_overlap(X, codes, reference=reference, n_neighbors=n_neighbors)
    back = neighbors_overlap(codes, X, reference=swapped, n_neighbors=n_neighbors)
    assert overlap == pytest.approx(back)


@given(seeds, st.integers(1, 18))
def test_rows_as_their_own_reference_are_one_more_neighbor(seed, n_neighbors):
    X, codes = random_rows(seed)
    among = neighbors_overlap(X, codes, n_neighbors=n_neighbors)
    own = neighbors_overlap(X, codes, reference=(X, codes), n_neighbors=n_neighbors + 1)
    assert own == pytest.approx((1 + n_neighbors * among) / (1 + n_neighbors))
    # The same ranks are too large by the same amounts; only the worst case differs.
    among = 1 - trustworthiness(X, codes, n_neighbors=n_neighbors)
    own = 1 - trustworthiness(X, codes, reference=(X, codes), n_neighbors=n_neighbors + 1)
    worst_among = n_neighbors * (2 * 39 - 3 * n_neighbors + 1)
    worst_own = (n_neighbors + 1) * (2 * 40 - 3 * (n_neighbors + 1) + 1)
    assert own * worst_own == pytest.approx(among * worst_among)


@given(seeds, st.sampled_from(METRICS))
def test_order_of_rows_does_not_matter(seed, metric):
    X, codes = random_rows(seed)
    order = np.random.default_rng(seed).permutation(len(X))
    assert metric(X[order], codes[order]) == pytest.approx(metric(X, codes))
    reference = random_rows(seed + 1)
    mixed = tuple(part[order] for part in reference)
    expected = metric(X, codes, reference=reference)
    assert metric(X, codes, reference=mixed) == pytest.approx(expected)


def test_random_codes():
    X, codes = random_rows(0, n_rows=1000)
    assert trustworthiness(X, codes) == pytest.approx(0.5, abs=0.02)
    assert continuity(X, codes) == pytest.approx(0.5, abs=0.02)
    assert neighbors_overlap(X, codes) == pytest.approx(15 / 999, rel=0.2)


# --- ties and precision ---------------------------------------------------------------------------


@given(seeds, st.sampled_from(METRICS))
def test_equal_distances_in_X_and_codes_are_no_error(seed, metric):
    # Integers have many equal distances, and copies.
    X = np.random.default_rng(seed).integers(0, 3, (40, 4))
    assert metric(X, X[:, ::-1]) == 1
    assert metric(X, 100 - 2 * X) == 1
    assert metric(X[:5], X[:5], reference=(X, X)) == 1


def test_of_equal_distances_the_first_is_nearest():
    # The row in the middle is as far from both ends. In the codes, the last one is nearest.
    X, codes = column(0, 1, 2), column(0, 9, 8)
    # Nearest in X: 1, 0, 1; in the codes: 2, 2, 1.
    assert neighbors_overlap(X, codes, n_neighbors=1) == pytest.approx(1 / 3)
    # A row at the same distance as another has the same rank, so only row 0 loses something.
    assert trustworthiness(X, codes, n_neighbors=1) == pytest.approx(1 - 1 / 3)


@given(seeds)
def test_codes_may_order_equal_distances_as_the_rows_are_ordered(seed):
    distance = np.random.default_rng(seed).integers(1, 4, 40).astype(float)
    reference = (column(*distance), column(*(distance + 1e-3 * np.arange(40))))
    assert neighbors_overlap(column(0), column(0), reference=reference) == 1
    assert trustworthiness(column(0), column(0), reference=reference) == 1


def test_codes_that_are_all_the_same():
    X, codes = column(*range(10)), np.full((10, 2), 0.1)
    # The nearest code is that of row 0. Rows 1 to 2i - 1 are nearer to row i than row 0 is.
    n_nearer = [0, 0, 2, 4, 6, 8, 8, 8, 8, 8]
    expected = 1 - np.sum(n_nearer) / (10 * 8)
    assert trustworthiness(X, codes, n_neighbors=1) == pytest.approx(expected)
    assert continuity(X, codes, n_neighbors=1) == 1  # no code is nearer than another


@pytest.mark.parametrize("metric", METRICS)
def test_far_from_the_origin(metric):
    X, codes = random_rows(0)
    assert metric(X + 1e9, codes) == pytest.approx(metric(X, codes))
    assert metric(X, codes + 1e9) == pytest.approx(metric(X, codes))
    reference = (X[:30] + 1e9, codes[:30])
    moved = metric(X[30:] + 1e9, codes[30:], reference=reference)
    assert moved == pytest.approx(metric(X[30:], codes[30:], reference=(X[:30], codes[:30])))


# --- input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("has_reference", [False, True])
def test_blocks(metric, has_reference):
    X, codes = random_rows(0, n_rows=300)
    reference = random_rows(1, n_rows=5000) if has_reference else None
    expected = metric(X, codes, reference=reference)
    with sklearn.config_context(working_memory=1):
        assert metric(X, codes, reference=reference) == expected


@pytest.mark.parametrize("metric", METRICS)
def test_memory(metric):
    X, codes = random_rows(0, n_rows=1000)
    reference = random_rows(1, n_rows=3000)
    with sklearn.config_context(working_memory=2):
        tracemalloc.start()
        metric(X, codes, reference=reference)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # All distances would take 2 x 24 MB.
    assert peak < 3e6


@pytest.mark.parametrize("metric", METRICS)
def test_kinds_of_input(metric):
    X, codes = random_rows(0)
    X[X < 0] = 0
    expected = metric(X, codes)
    csr = sparse.csr_array(X)
    assert metric(csr, codes) == pytest.approx(expected)
    assert metric(pd.DataFrame(X), pd.DataFrame(codes)) == expected
    assert metric(X.tolist(), codes.tolist()) == expected
    assert metric(X.astype(np.float32), codes.astype(np.float32)) == pytest.approx(
        expected, abs=0.01
    )
    reference = (csr, codes)
    assert metric(csr[:9], codes[:9], reference=reference) == pytest.approx(
        metric(X[:9], codes[:9], reference=(X, codes))
    )


@pytest.mark.parametrize("metric", METRICS)
def test_input_is_not_changed(metric):
    X, codes = random_rows(0)
    copies = X.copy(), codes.copy()
    metric(X, codes)
    metric(X, codes, reference=(X, codes))
    np.testing.assert_array_equal(X, copies[0])
    np.testing.assert_array_equal(codes, copies[1])


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", [trustworthiness, continuity])
def test_too_many_neighbors_for_ranks(metric):
    X, codes = random_rows(0)
    with pytest.raises(
        ValueError, match=r"n_neighbors \(20\) should be less than n_samples / 2 \(20"
    ):
        metric(X, codes, n_neighbors=20)
    reference = (X, codes)
    assert 0 < metric(X, codes, reference=reference, n_neighbors=20) < 1
    with pytest.raises(
        ValueError, match=r"\(21\) should be at most half of the reference rows \(20"
    ):
        metric(X, codes, reference=reference, n_neighbors=21)


def test_too_many_neighbors_to_overlap():
    X, codes = random_rows(0)
    message = "Expected n_neighbors < n_samples_fit, but n_neighbors = 40, n_samples_fit = 40"
    with pytest.raises(ValueError, match=message):
        neighbors_overlap(X, codes, n_neighbors=40)
    assert neighbors_overlap(X, codes, n_neighbors=39) == 1
    reference = (X, codes)
    assert neighbors_overlap(X[:3], codes[:3], reference=reference, n_neighbors=40) == 1
    message = "<= n_samples_fit, but n_neighbors = 41, n_samples_fit = 40, n_samples = 3"
    with pytest.raises(ValueError, match=message):
        neighbors_overlap(X[:3], codes[:3], reference=reference, n_neighbors=41)


@pytest.mark.parametrize("metric", METRICS)
def test_errors(metric):
    X, codes = random_rows(0)
    for wrong, error, message in (
        ({"n_neighbors": 0}, ValueError, "n_neighbors == 0, must be >= 1"),
        ({"n_neighbors": 1.5}, TypeError, "n_neighbors must be an instance of int"),
        ({"metric": "precomputed"}, ValueError, "metric='precomputed' is not supported"),
        ({"metric": "no"}, ValueError, "metric"),
        ({"reference": (X, codes, codes)}, ValueError, "reference should be a pair"),
        ({"reference": (X, codes[:9])}, ValueError, "inconsistent numbers of samples"),
        ({"reference": (X[:, :3], codes)}, ValueError, "Incompatible dimension"),
        ({"reference": (X, codes[:, :1])}, ValueError, "Incompatible dimension"),
    ):
        with pytest.raises(error, match=message):
            metric(X, codes, **wrong)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        metric(X, codes[:9])
    with pytest.raises(ValueError, match="Input X_embedded contains NaN"):
        metric(X, np.full_like(codes, np.nan))
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        metric(X, codes[:, 0])


# --- scorers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "transformer",
    [
        PCA(2),
        TruncatedSVD(2),
        make_pipeline(StandardScaler(), PCA(2)).set_output(transform="pandas"),
        AutoencoderTransformer(2, max_iter=3, random_state=0),
    ],
    ids=lambda it: type(it).__name__,
)
def test_scorers_compare_the_rows_that_they_score(transformer, digits):
    scoring = dict(zip("tco", SCORERS, strict=True))
    found = cross_validate(transformer, digits, scoring=scoring, cv=2, return_estimator=True)
    fold = digits[:300]  # of two folds without shuffling, the first is tested first
    codes = found["estimator"][0].transform(fold)
    for name, metric in zip("tco", METRICS, strict=True):
        assert found[f"test_{name}"][0] == metric(fold, codes)


@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("y", [None, "given"])
def test_grid_search(scorer, y, digits):
    search = GridSearchCV(PCA(), {"n_components": [1, 2, 8]}, scoring=scorer, cv=2)
    search.fit(digits, None if y is None else np.zeros(len(digits)))
    assert search.best_params_ == {"n_components": 8}


@pytest.mark.parametrize("scorer", SCORERS)
def test_scorers_are_pickled_and_documented(scorer, digits):
    fitted = PCA(2).fit(digits)
    assert pickle.loads(pickle.dumps(scorer))(fitted, digits) == scorer(fitted, digits)
    assert scorer(fitted, digits, None) == scorer(fitted, digits, y=None)
    assert scorer.__doc__.startswith("Compute")


@pytest.mark.parametrize("scorer", SCORERS)
def test_scorers_need_a_transformer(scorer, digits):
    with pytest.raises(TypeError, match=r"needs a transformer; DBSCAN\(\) has no transform"):
        scorer(DBSCAN(), digits)

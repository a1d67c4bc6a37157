import pickle

import numpy as np
import pytest
from scipy import sparse

from sklearn_ae import AutoencoderOutlierDetector

pd = pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def table():
    """Two columns that follow a third, one that is on its own, and one that is constant."""
    rng = np.random.default_rng(0)
    t = rng.normal(size=(400, 1))
    X = np.hstack([t, 100 * t + rng.normal(size=(400, 1)), -t, rng.normal(size=(400, 1))])
    X = np.hstack([X + rng.normal(scale=0.02, size=X.shape), np.full((400, 1), 7.0)])
    index = [f"r{i}" for i in range(400)]
    return pd.DataFrame(X, columns=["a", "b", "c", "free", "fixed"], index=index)


@pytest.fixture(scope="module")
def detector(table):
    return AutoencoderOutlierDetector(2, max_iter=30, random_state=0).fit(table)


def odd_row(table, **values):
    row = table.iloc[[0]].copy()
    for name, value in values.items():
        row[name] = value
    return row


def test_a_broken_dependency_is_named(table, detector):
    row = odd_row(table, a=0.5, b=50.0, c=0.5, free=0.0)
    first = detector.explain(row).iloc[0]
    assert first["feature"] == "c"
    assert first["observed"] == 0.5
    assert first["expected"] < 0.2
    assert first["deviation"] > 3


def test_a_row_far_out_along_the_data_is_named_too(table, detector):
    # It is reconstructed well, but nothing is like it.
    row = odd_row(table, free=40.0)
    first = detector.explain(row).iloc[0]
    assert first["feature"] == "free"
    assert abs(first["expected"]) < 10


def test_a_constant_column_that_changes_is_named(table, detector):
    first = detector.explain(odd_row(table, fixed=8.0)).iloc[0]
    assert first["feature"] == "fixed"
    assert first["expected"] == pytest.approx(7, abs=0.5)


def test_shape_and_order(table, detector):
    found = detector.explain(table.iloc[3:5], top=3)
    assert list(found.columns) == ["feature", "observed", "expected", "deviation", "share"]
    assert found.index.names == ["row", "rank"]
    assert list(found.index) == [(name, rank) for name in ("r3", "r4") for rank in (1, 2, 3)]
    for name in ("r3", "r4"):
        assert found.loc[name]["share"].is_monotonic_decreasing
        for _, line in found.loc[name].iterrows():
            assert line["observed"] == table.loc[name, line["feature"]]
    assert len(detector.explain(table.iloc[:1], top=100)) == 5


@pytest.mark.parametrize("parameters", [{}, {"contamination": 0}, {"latent": "contractive"}])
@pytest.mark.parametrize("n_outliers", [0, 40])
def test_the_shares_add_up_to_how_abnormal_a_row_is(parameters, n_outliers):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 6)) @ rng.normal(size=(6, 6))
    X[:n_outliers] += rng.normal(scale=8, size=(n_outliers, 6))
    new = 2 * rng.normal(size=(50, 6))
    detector = AutoencoderOutlierDetector(max_iter=20, random_state=0, **parameters).fit(X)
    for rows in (X, new, 1e3 * new):
        shares = detector.explain(rows, top=6)["share"].groupby("row").sum()
        np.testing.assert_allclose(shares, -detector.score_samples(rows), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", ["independent", "correlated", "clusters"])
def test_the_column_that_is_shifted_comes_first(kind):
    is_first = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(600, 8))
        if kind == "correlated":
            X = X @ rng.normal(size=(8, 8))
        elif kind == "clusters":
            X += 6 * rng.integers(0, 2, size=(600, 1))
        X, new = X[:500], X[500:].copy()
        shifted = rng.integers(0, 8, 100)
        new[np.arange(100), shifted] += rng.choice([-8, 8], 100) * X.std(axis=0)[shifted]
        detector = AutoencoderOutlierDetector(random_state=seed).fit(X)
        first = detector.explain(new, top=1)["feature"].str.removeprefix("x").astype(int)
        is_first.append(first.to_numpy() == shifted)
    assert np.mean(is_first) >= 0.95


def test_usual_rows_deviate_by_about_one(table, detector):
    deviation = detector.explain(table, top=5)["deviation"].to_numpy()
    names = detector.explain(table, top=5)["feature"].to_numpy()
    for name in ("a", "b", "c"):
        assert np.sqrt(np.mean(deviation[names == name] ** 2)) == pytest.approx(1, abs=0.3)


def test_arrays_and_sparse_matrices(table):
    X = table.to_numpy()
    detector = AutoencoderOutlierDetector(2, max_iter=5, random_state=0).fit(X)
    found = detector.explain(X[:2], top=2)
    assert set(found["feature"]) <= {"x0", "x1", "x2", "x3", "x4"}
    assert list(found.index.get_level_values("row")) == [0, 0, 1, 1]
    pd.testing.assert_frame_equal(detector.explain(sparse.csr_array(X[:2]), top=2), found)


def test_names_of_the_fit_stand_for_those_an_array_lacks(table, detector):
    with pytest.warns(UserWarning, match="feature names"):
        found = detector.explain(table.iloc[:3].to_numpy())
    expected = detector.explain(table.iloc[:3])
    assert list(found["feature"]) == list(expected["feature"])
    assert list(found.index.get_level_values("row").unique()) == [0, 1, 2]


def test_multiindex_of_columns_and_rows(table, detector):
    columns = pd.MultiIndex.from_arrays([["u", "u", "v", "v", "w"], list("abcde")])
    index = pd.MultiIndex.from_arrays([["p"] * 200 + ["q"] * 200, np.arange(400)])
    nested = pd.DataFrame(table.to_numpy(), columns=columns, index=index)
    found = AutoencoderOutlierDetector(2, max_iter=30, random_state=0).fit(nested).explain(nested)
    expected = detector.explain(table)
    new_name = dict(zip(table.columns, columns, strict=True))
    assert list(found["feature"]) == [new_name[name] for name in expected["feature"]]
    assert found.index.get_level_values("row")[0] == ("p", 0)
    np.testing.assert_array_equal(found["deviation"], expected["deviation"])


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_tables_of_other_libraries(table, detector, library):
    module = pytest.importorskip(library)
    columns = {name: table[name].to_numpy() for name in table}
    other = module.table(columns) if library == "pyarrow" else module.DataFrame(columns)
    found = AutoencoderOutlierDetector(2, max_iter=30, random_state=0).fit(other).explain(other)
    pd.testing.assert_frame_equal(
        found.reset_index(drop=True), detector.explain(table).reset_index(drop=True)
    )
    unnamed = AutoencoderOutlierDetector(2, max_iter=1, random_state=0).fit(table.to_numpy())
    with pytest.warns(UserWarning, match="feature names"):
        assert set(unnamed.explain(other)["feature"]) == set(table)


def test_explanation_after_pickling_and_without_training_rows(table, detector):
    copy = pickle.loads(pickle.dumps(detector))
    pd.testing.assert_frame_equal(copy.explain(table), detector.explain(table))


def test_rows_that_weigh_more_are_more_usual(table):
    # The rows far out have nine tenths of the weight, so they are the usual ones.
    far = table.iloc[:100].assign(free=lambda rows: rows["free"] + 30)
    X = pd.concat([table.iloc[100:], far])
    weight = np.repeat([1.0, 27.0], [300, 100])
    detector = AutoencoderOutlierDetector(2, max_iter=30, random_state=0)
    found = detector.fit(X, sample_weight=weight).explain(far.iloc[:20], top=5)
    assert found.loc[found["feature"] == "free", "deviation"].abs().max() < 5


def test_one_row_as_among_others(table, detector):
    alone = detector.explain(table.iloc[[7]])
    pd.testing.assert_frame_equal(alone, detector.explain(table).loc[["r7"]], rtol=1e-6)


def test_names_that_are_numbers(table):
    years = table.set_axis([2019, 2020, 2021, 2022, 2023], axis=1)
    detector = AutoencoderOutlierDetector(2, max_iter=3, random_state=0).fit(years)
    assert set(detector.explain(years.iloc[:5])["feature"]) == set(years.columns)


def test_top_may_be_a_numpy_int(table, detector):
    assert len(detector.explain(table.iloc[:1], top=np.int64(2))) == 2


@pytest.mark.parametrize("top", [0, -1, 1.5, True, float("nan")])
def test_bad_top(table, detector, top):
    with pytest.raises((ValueError, TypeError), match="top"):
        detector.explain(table, top=top)

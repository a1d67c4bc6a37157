import numpy as np
import pytest
from sklearn.decomposition import PCA

from benchmarks.data import BenchmarkError, Data
from benchmarks.reconstruction import tables
from benchmarks.reconstruction.measuring import Job, Settings, code_sizes, split


@pytest.fixture(autouse=True)
def no_folder(monkeypatch):
    monkeypatch.delenv("SKLEARN_AE_DATA", raising=False)
    split.cache_clear()


@pytest.fixture
def no_mnist(monkeypatch):
    def offline(name):
        raise BenchmarkError("MNIST is not at hand.")

    monkeypatch.setattr(tables.data, "load", offline)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Make a folder of tables, with a constant column and outliers that are easily told."""
    (tmp_path / "adbench").mkdir()
    rng = np.random.default_rng(0)
    X = rng.integers(0, 100, (60, 4)).astype(np.uint8)
    X[:, 2] = 7
    y = np.arange(60) % 6 == 5
    X[y] = 255
    for name in ("10_tens", "2_twos"):
        np.savez(tmp_path / "adbench" / f"{name}.npz", X=X, y=y.astype(int))
    monkeypatch.setenv("SKLEARN_AE_DATA", str(tmp_path))
    return tmp_path


# --- tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*tables._CARRIED, *tables._DRAWN])
def test_tables_are_the_same_each_time(name):
    X = tables.load(name)
    assert X.dtype == np.float64
    assert X.ndim == 2
    assert np.isfinite(X).all()
    np.testing.assert_array_equal(X, tables.load(name))


def test_responses_stand_beside_the_columns():
    assert tables.load("linnerud").shape == (20, 6)
    assert tables.load("friedman1").shape == (1000, 11)


def test_low_rank_is_zero_to_rounding():
    X = tables.load("low-rank")
    variances = PCA().fit(X).explained_variance_ratio_
    assert variances[8:].sum() < 1e-12


def test_word_counts_are_those_of_texts():
    X = tables.load("word-counts")
    assert (np.round(X) == X).all()
    assert (X == 0).mean() > 0.7
    assert X[:, 0].sum() > 20 * X[:, -1].sum()


def test_outliers_of_a_folder_are_dropped(folder):
    X = tables.load("2_twos")
    assert X.dtype == np.float64
    assert X.shape == (50, 4)
    assert X.max() < 100


def test_folder_is_read_by_its_numbers(folder, no_mnist):
    chosen, notes = tables.choose()
    assert chosen[-2:] == ["2_twos", "10_tens"]
    assert chosen[0] == "digits"
    assert notes == ["MNIST is not at hand."]


@pytest.mark.parametrize("content", [{"X": np.ones((3, 2))}, {"X": [["a"]], "y": [0]}, None])
def test_file_that_can_not_be_read(folder, content):
    file = folder / "adbench" / "3_bad.npz"
    if content is None:
        file.write_text("nothing")
    else:
        np.savez(file, **content)
    with pytest.raises(BenchmarkError, match="could not be read"):
        tables.load("3_bad")


def test_without_a_folder(no_mnist):
    chosen, notes = tables.choose()
    assert chosen == [*tables._CARRIED, *tables._DRAWN]
    assert "set SKLEARN_AE_DATA" in notes[0]


def test_images_of_both_parts(monkeypatch):
    parts = [np.full((n, 784), 1, np.float32) for n in (6, 2)]
    monkeypatch.setattr(tables.data, "load", lambda name: Data(*parts, None, None))
    assert tables.load("mnist").shape == (8, 784)
    assert "mnist" in tables.choose()[0]


def test_wanted_tables():
    assert tables.choose(["iris", "digits"]) == (["digits", "iris"], [])
    with pytest.raises(BenchmarkError, match=r"No table x: there are digits, .*, mnist\."):
        tables.choose(["iris", "x"])


# --- splits and code sizes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_rows", "n_features", "expected"),
    [(1000, 100, [2, 5, 10, 25, 50]), (1000, 4, [1, 2]), (14, 6, [1, 2, 3]), (20, 100, [2, 5, 10]),
     (1000, 2, [1]), (1000, 1, [])],
)  # fmt: skip
def test_code_sizes(n_rows, n_features, expected):
    assert code_sizes(n_rows, n_features, (0.02, 0.05, 0.1, 0.25, 0.5)) == expected


def test_jobs_of_one_split_follow_each_other():
    settings = Settings(2, (0.1, 0.5), 30, ("PCA", "ours"))
    # Of 30 rows 21 are for training.
    jobs = settings.jobs("t", (1000, 40))
    assert jobs == [Job("t", k, seed) for seed in (0, 1) for k in (4, 20)]
    assert settings.jobs("t", (28, 40)) == [Job("t", 4, 0), Job("t", 4, 1)]


def test_columns_are_scaled_by_the_training_rows(folder):
    X_train, X_test = split("2_twos", 0, 1000)
    assert (len(X_train), len(X_test)) == (35, 15)
    assert X_train.dtype == X_test.dtype == np.float32
    np.testing.assert_allclose(X_train.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(X_train.std(axis=0), [1, 1, 0, 1], rtol=1e-5)
    assert (X_test[:, 2] == 0).all()


def test_pixels_keep_their_unit():
    X_train, X_test = split("digits", 0, 500)
    assert len(X_train) + len(X_test) == 500
    assert (X_train.min(), X_train.max()) == (0, 1)


def test_seed_draws_rows_and_split():
    first, _ = split("iris", 0, 50)
    np.testing.assert_array_equal(first, split("iris", 0, 50)[0])
    assert not np.array_equal(first, split("iris", 1, 50)[0])

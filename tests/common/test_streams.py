"""Data larger than memory: fit and transform read what is on disk, and give what arrays give."""

import pickle
import warnings

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import dataset, feather, parquet
from sklearn import config_context

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae.training.checkpoint import Checkpoint

rng = np.random.default_rng(0)
NAMES = list("abcde")
N_ROWS = 6000
T = rng.uniform(-1, 1, (N_ROWS, 2))
X = np.column_stack([T, T[:, 0] ** 2, T[:, 0] * T[:, 1], T.sum(axis=1)]) + 100
X += rng.normal(scale=0.05, size=X.shape)
NEW = X[:500] + 0.001
TABLE = pa.table(dict(zip(NAMES, X.T, strict=True)))
# Of 120,000 bytes: X is larger, and a buffer holds a tenth of it.
MEMORY = 0.115


@pytest.fixture(autouse=True)
def small_memory():
    with config_context(working_memory=MEMORY):
        yield


def in_memmap(X, folder, dtype=None):
    file = folder / "rows.bin"
    X.astype(dtype or X.dtype).tofile(file)
    return np.memmap(file, dtype or X.dtype, "r", shape=X.shape)


def in_hdf5(X, folder):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "rows.h5", "w") as file:
        file.create_dataset("X", data=X, chunks=(50, 5))
    return h5py.File(folder / "rows.h5", "r")["X"]


def in_zarr(X, folder):
    zarr = pytest.importorskip("zarr")
    made = zarr.create_array(
        str(folder / "rows.zarr"), shape=X.shape, chunks=(500, 3), dtype=X.dtype
    )
    made[:] = X
    return made


def in_dask(X, folder):
    return pytest.importorskip("dask.array").from_array(X, chunks=(50, 2))


def in_parquet(X, folder):
    table = pa.table(dict(zip(NAMES, X.T, strict=True)))
    for number, start in enumerate(range(0, len(X), 2500)):
        part = table.slice(start, 2500)
        parquet.write_table(part, folder / f"{number}.parquet", row_group_size=50)
    return dataset.dataset(folder, format="parquet")


def in_feather(X, folder):
    feather.write_feather(pa.table(dict(zip(NAMES, X.T, strict=True))), folder / "rows.arrow")
    return dataset.dataset(folder, format="feather")


def in_arrays(X, folder=None):
    return lambda: (X[i : i + 700] for i in range(0, len(X), 700))


def in_frames(X, folder):
    if not hasattr(pl.DataFrame, "__arrow_c_stream__"):
        pytest.skip("this version of polars gives no Arrow stream")
    return lambda: pl.DataFrame(X, schema=NAMES)


def in_duckdb(X, folder):
    duckdb = pytest.importorskip("duckdb")
    parquet.write_table(TABLE, folder / "rows.parquet")
    return duckdb.sql(f"SELECT * FROM '{folder / 'rows.parquet'}'")


SOURCES = [
    in_memmap,
    in_hdf5,
    in_zarr,
    in_dask,
    in_parquet,
    in_feather,
    in_arrays,
    in_frames,
    in_duckdb,
]


def make(estimator=AutoencoderTransformer, **parameters):
    defaults = {"n_components": 2, "hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}
    return estimator(**defaults | parameters)


@pytest.fixture(scope="module")
def in_memory():
    return make().fit(X)


@pytest.mark.parametrize("put", SOURCES)
def test_sources(put, tmp_path, in_memory):
    source = put(X, tmp_path)
    fitted = make().fit(source)
    # Of all rows, in every source the same.
    module, expected = fitted.net_.module_, in_memory.net_.module_
    np.testing.assert_allclose(module.shift, expected.shift, rtol=1e-12)
    np.testing.assert_allclose(module.scale, expected.scale, rtol=1e-10)
    np.testing.assert_allclose(fitted.initial_loss_, in_memory.initial_loss_, rtol=0.1)
    assert fitted.plan_.batch_size == in_memory.plan_.batch_size
    assert fitted.n_iter_ == len(fitted.validation_curve_) == 3
    new = pl.DataFrame(NEW, schema=NAMES) if hasattr(fitted, "feature_names_in_") else NEW
    assert fitted.score(new) == pytest.approx(in_memory.score(NEW), rel=0.25)
    assert fitted.score(new) > 0.8 * -fitted.initial_loss_ * float(module.scale) ** 2
    names_expected = put in (in_parquet, in_feather, in_frames, in_duckdb)
    assert names_expected == hasattr(fitted, "feature_names_in_")
    # Blocks give what the whole gives.
    codes = fitted.transform(source)
    assert codes.shape == (N_ROWS, 2)
    whole = pl.DataFrame(X, schema=NAMES) if names_expected else X
    np.testing.assert_allclose(codes, fitted.transform(whole), atol=1e-3)
    np.testing.assert_allclose(fitted.score(source), fitted.score(whole), rtol=1e-6)
    # The same bits again.
    np.testing.assert_array_equal(make().fit(source).transform(new), fitted.transform(new))


@pytest.mark.parametrize("put", [in_memmap, in_hdf5, in_parquet, in_arrays])
def test_small_sources_are_read_as_a_whole(put, tmp_path):
    few = X[:300]
    source = put(few, tmp_path)
    whole = pa.table(dict(zip(NAMES, few.T, strict=True))) if put is in_parquet else few
    fitted, expected = make(max_iter="auto").fit(source), make(max_iter="auto").fit(whole)
    assert fitted.plan_.validation == "trial"
    np.testing.assert_array_equal(fitted.transform(source), expected.transform(whole))


class Watched:
    """An array on disk, as duck typing sees it, that notes how many rows are read at once."""

    chunks, dtype, ndim = None, X.dtype, 2

    def __init__(self, X):
        self.X, self.shape, self.most = X, X.shape, 0

    def __getitem__(self, rows):
        self.most = max(self.most, len(range(*rows.indices(len(self.X)))))
        return self.X[rows].copy()

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("read as a whole")


@pytest.mark.parametrize("estimator", [AutoencoderTransformer, AutoencoderOutlierDetector])
def test_nothing_is_read_as_a_whole(estimator):
    source = Watched(X)
    fitted = make(estimator, max_iter=1, batch_size=512).fit(source)
    fitted.score_samples(source)
    fitted.reconstruct(source)
    assert source.most * 5 * 8 < MEMORY * 2**20 / 4


@pytest.mark.parametrize("put", [in_memmap, in_hdf5, in_parquet, in_dask])
def test_sorted_files_train_as_well_as_shuffled_ones(put, tmp_path, in_memory):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = make().fit(put(X[np.argsort(X[:, 0])], tmp_path))
    is_warned = any("seem to be sorted" in str(each.message) for each in caught)
    assert not is_warned
    new = pa.table(dict(zip(NAMES, NEW.T, strict=True))) if put is in_parquet else NEW
    assert fitted.score(new) == pytest.approx(in_memory.score(NEW), rel=0.25)


def test_sorted_rows_without_random_access_warn():
    with pytest.warns(UserWarning, match="seem to be sorted"):
        make(max_iter=1).fit(in_arrays(X[np.argsort(X[:, 0])]))


def test_validation_rows_are_not_trained_on():
    # Rows that can be told apart by their first column, if a callback looks at them.
    import skorch.callbacks

    seen = []

    class Watching(skorch.callbacks.Callback):
        def on_batch_begin(self, net, batch=None, training=False, **kwargs):
            (seen if training else judged).extend(batch[0][:, 0].tolist())

    judged = []
    make(max_iter=2, callbacks=[Watching()]).fit(Watched(X))
    trained_on, validation = set(seen), set(judged)
    assert len(seen) == 2 * len(trained_on)
    assert len(validation) > 100
    assert not trained_on & validation
    assert trained_on | validation == set(X[:, 0].tolist())


@pytest.mark.parametrize("estimator", [AutoencoderTransformer, AutoencoderOutlierDetector])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_in_a_late_block(estimator, value, tmp_path):
    bad = X.copy()
    bad[-3, 2] = value
    fitted = make(estimator, max_iter=1).fit(X[:200])
    before = fitted.score_samples(NEW)
    with pytest.raises(ValueError, match=f"Input X contains {'NaN' if value != value else 'inf'}"):
        fitted.fit(in_memmap(bad, tmp_path))
    np.testing.assert_array_equal(fitted.score_samples(NEW), before)  # still usable
    with pytest.raises(ValueError, match="Input X contains"):
        fitted.score_samples(in_memmap(bad, tmp_path))


def blocks_of(*shapes):
    return lambda: (np.ones(shape) for shape in shapes)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (iter([X]), "X is an iterator .* only once"),
        (lambda: iter([]), "Found array with 0 sample"),
        (blocks_of((1, 5)), "minimum of 2 is required"),
        (blocks_of((5000, 5), (5000, 4)), "has 4 features, but the blocks before have 5"),
        (blocks_of((5000, 5), 7), "2D array"),
        (lambda: (np.full((4000, 5), "a") for _ in range(2)), "could not convert string"),
    ],
)
def test_errors(given, message):
    with pytest.raises(ValueError, match=message):
        make().fit(given)


def test_a_function_has_to_give_the_same_rows_each_time():
    n_calls = 0

    def shrinking():
        nonlocal n_calls
        n_calls += 1
        return iter([X] if n_calls < 3 else [X[:3000]])

    with pytest.raises(ValueError, match="fewer rows than in the first pass"):
        make().fit(shrinking)
    n_calls = 0

    def growing():
        nonlocal n_calls
        n_calls += 1
        return iter([X] if n_calls < 3 else [X, X])

    with pytest.raises(ValueError, match="more rows than"):
        make().fit(growing)


def test_what_needs_all_rows_in_memory(tmp_path, in_memory):
    source = in_memmap(X, tmp_path)
    with pytest.raises(ValueError, match="sample_weight is not supported"):
        make().fit(source, sample_weight=np.ones(N_ROWS))
    with pytest.raises(ValueError, match=r"A batch of 6000 rows does not fit .* 'lbfgs'"):
        make(optimizer="lbfgs").fit(source)
    with pytest.raises(ValueError, match="larger than the working memory"):
        make().partial_fit(source)
    with pytest.raises(ValueError, match="larger than the working memory"):
        make(AutoencoderOutlierDetector).fit(X[:200]).explain(source)


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": False}, {"latent": "variational"}])
def test_an_interruption_keeps_what_the_epoch_has_learned(parameters):
    n_calls = 0

    def interrupted():
        nonlocal n_calls
        n_calls += 1
        for start in range(0, N_ROWS, 500):
            if n_calls == 3 and start == 4500:  # in the first epoch
                raise KeyboardInterrupt
            yield X[start : start + 500]

    with pytest.warns(UserWarning, match="interrupted by user: the best weights so far"):
        fitted = make(max_iter=1, batch_size=32, **parameters).fit(interrupted)
    assert n_calls == 3
    assert fitted.n_iter_ == 0
    assert fitted.best_loss_ < 0.97 * fitted.initial_loss_
    if parameters == {}:
        pca = fitted.initial_loss_ * float(fitted.net_.module_.scale) ** 2
        assert -fitted.score(NEW) < 0.95 * pca


@pytest.mark.parametrize("kind", ["array", "memmap", "zarr", "h5py"])
def test_out(kind, tmp_path, in_memory):
    source = in_memmap(X, tmp_path)

    def empty(*shape):
        if kind == "memmap":
            return np.memmap(tmp_path / f"{len(shape)}", "f8", "w+", shape=shape)
        if kind == "zarr":
            zarr = pytest.importorskip("zarr")
            return zarr.create_array(str(tmp_path / f"{len(shape)}.zarr"), shape=shape, dtype="f8")
        if kind == "h5py":
            h5py = pytest.importorskip("h5py")
            return h5py.File(tmp_path / f"{len(shape)}.h5", "w").create_dataset("X", shape, "f8")
        return np.empty(shape)

    out = empty(N_ROWS, 2)
    assert in_memory.transform(source, out=out) is out
    np.testing.assert_array_equal(out[:], in_memory.transform(source))
    scores = empty(N_ROWS)
    assert in_memory.score_samples(X, out=scores) is scores
    np.testing.assert_allclose(scores[:], in_memory.score_samples(X), rtol=1e-6)
    with pytest.raises(ValueError, match=r"shape \(6000, 2\), expected \(6000, 5\)"):
        in_memory.reconstruct(source, out=out)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.empty((N_ROWS, 2), int), "type int64, expected float64"),
        (np.empty((N_ROWS + 1, 2)), "shape"),
        (np.empty((N_ROWS - 1, 2)), "shape"),
    ],
)
def test_out_that_does_not_fit(out, message, in_memory):
    for given in (X, in_arrays(X)):
        with pytest.raises(ValueError, match=message):
            in_memory.transform(given, out=out)


def test_set_output(tmp_path):
    source = in_parquet(X, tmp_path)
    fitted = make(max_iter=1).set_output(transform="pandas").fit(source)
    frame = fitted.transform(source)
    assert list(frame) == list(fitted.get_feature_names_out())
    assert frame.shape == (N_ROWS, 2)


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True}])
def test_detector(parameters, tmp_path):
    source = in_memmap(X, tmp_path, np.float32)
    detector = make(AutoencoderOutlierDetector, max_iter=1, batch_size=512, **parameters)
    detector.fit(source)
    outliers = NEW + np.array([0, 0, 0, 0, 2])
    assert (detector.predict(outliers) == -1).mean() > 0.9
    assert (detector.predict(source) == -1).mean() < 0.05
    assert np.median(detector.p_values(source)) == pytest.approx(0.5, abs=0.1)
    assert detector.p_values(outliers).max() < 0.1
    detector.set_threshold(source, contamination=0.1)
    assert (detector.predict(source) == -1).mean() == pytest.approx(0.1, abs=0.01)


def test_training_further(tmp_path, in_memory):
    source = in_memmap(X, tmp_path)
    fitted = make(warm_start=True, max_iter=1).fit(source)
    before = fitted.best_loss_
    fitted.fit(source)
    assert fitted.n_iter_ == 2
    assert fitted.initial_loss_ == pytest.approx(before)  # of the same validation rows
    assert fitted.best_loss_ <= before


def test_training_further_forgets_bounds_that_rows_outside_the_sample_break():
    counts = np.abs(np.round(X - 100))  # with a bound at zero
    fitted = make(warm_start=True, max_iter=1).fit(in_arrays(counts))
    assert (fitted.net_.module_.bounds[0] == 0).all()
    counts[4321, 1] = -1
    fitted.fit(in_arrays(counts))
    assert (fitted.net_.module_.bounds[0] == 0).tolist() == [True, False, True, True, True]


def test_other_columns(tmp_path):
    source = in_parquet(X, tmp_path)
    fitted = make(max_iter=1).fit(source)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.transform(lambda: TABLE.rename_columns([*NAMES[:-1], "other"]))
    with pytest.raises(ValueError, match="4 features"):
        make(max_iter=1).fit(X).transform(in_arrays(X[:, 1:].repeat(2, axis=0)))


class Stopping:
    """Notes the score after each epoch, and stops after the first."""

    def setup(self, estimator, context):
        self.scores = []

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None, **kwargs):
        if context.task_name == "epoch":
            self.scores.append(fitted_estimator.score(NEW))
        return True


def test_callbacks_of_scikit_learn():
    pytest.importorskip("sklearn.callback", reason="callbacks need scikit-learn 1.9")
    stopping = Stopping()
    fitted = make().set_callbacks(stopping).fit(in_arrays(X))
    assert fitted.n_iter_ == len(stopping.scores) == 1
    assert stopping.scores[0] == pytest.approx(fitted.score(NEW), rel=0.1)


def test_a_model_holds_no_source(tmp_path):
    fitted = make(max_iter=1).fit(in_arrays(X))  # whose function can not be pickled
    content = pickle.dumps(fitted)
    assert len(content) < 100_000
    np.testing.assert_array_equal(pickle.loads(content).transform(NEW), fitted.transform(NEW))
    fitted.save(tmp_path / "model")


def test_progress(capsys, monkeypatch):
    monkeypatch.setattr("sklearn_ae._data.progress.SECONDS", 0.0)
    make(max_iter=1, verbose=1).fit(Watched(X))
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.startswith("phase")
    assert any(line.startswith("statistics") and " 100%" in line for line in lines)
    # In the middle of an epoch, too.
    assert sum(line.startswith("training") and "left" in line for line in lines) > 1
    assert not any(line.startswith("phase") for line in lines)


def test_a_fit_that_was_killed_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn_ae.training.checkpoint.SECONDS", 0.0)
    source, path = in_memmap(X, tmp_path), tmp_path / "checkpoint"
    expected = make().fit(source)
    with monkeypatch.context() as patch:
        patch.setattr("sklearn_ae.training.checkpoint.Checkpoint.save", killed_after(1))
        with pytest.raises(MemoryError):
            make().fit(source, checkpoint=path)
    fitted = make().fit(source, checkpoint=path)
    np.testing.assert_array_equal(fitted.transform(NEW), expected.transform(NEW))
    with monkeypatch.context() as patch:
        patch.setattr("sklearn_ae.training.checkpoint.Checkpoint.save", killed_after(1))
        with pytest.raises(MemoryError):
            make().fit(source, checkpoint=path)
    with pytest.raises(ValueError, match="differs in X"):
        make().fit(in_memmap(X + 1, tmp_path), checkpoint=path)


def killed_after(n_saves):
    save = Checkpoint.save

    def saving(self, n_epochs):
        if n_epochs > n_saves:
            raise MemoryError
        save(self, n_epochs)

    return saving

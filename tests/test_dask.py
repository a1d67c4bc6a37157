"""The estimators on the partitions of a cluster of two processes."""

import os
import signal
import threading
import time

import joblib
import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV

import sklearn_ae
from tests.ranks import make_data

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed", reason="needs dask.distributed")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

from sklearn_ae.dask import AutoencoderOutlierDetector, AutoencoderTransformer  # noqa: E402

PARAMETERS = {"n_components": 2, "hidden_layer_sizes": 16, "max_iter": 3, "random_state": 0}


@pytest.fixture(scope="module")
def client():
    # Workers are forks of a process that has imported everything.
    method = {"distributed.worker.multiprocessing-method": "forkserver"}
    with dask.config.set(method):
        distributed.utils.get_mp_context().set_forkserver_preload(["distributed", "tests.ranks"])
    with (
        dask.config.set(method),
        distributed.LocalCluster(
            n_workers=2, processes=True, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def rows():
    return make_data()


@pytest.fixture(scope="module")
def X(client, rows):
    return da.from_array(rows, chunks=(1000, 5))


@pytest.fixture(scope="module")
def alone(rows):
    return sklearn_ae.AutoencoderTransformer(**PARAMETERS).fit(rows)


@pytest.fixture(scope="module")
def fitted(X):
    return AutoencoderTransformer(**PARAMETERS).fit(X)


def test_fit_equals_that_of_one_process(fitted, alone, rows):
    assert fitted.loss_ == pytest.approx(alone.loss_, rel=1e-6)
    np.testing.assert_allclose(fitted.transform(rows), alone.transform(rows), rtol=1e-3, atol=1e-4)


def test_methods_are_lazy(fitted, rows, X):
    for name, of_rows in {
        "transform": X,
        "reconstruct": X,
        "score_samples": X,
        "inverse_transform": da.from_array(fitted.transform(rows), chunks=(4000, 1)),
    }.items():
        lazy = getattr(fitted, name)(of_rows)
        expected = getattr(fitted, name)(of_rows.compute())
        assert isinstance(lazy, da.Array)
        assert lazy.shape == expected.shape
        np.testing.assert_allclose(lazy.compute(), expected, atol=1e-6)
    assert fitted.score(X) == pytest.approx(fitted.score(rows))


def test_dataframes_and_weights(client, rows):
    pandas = pytest.importorskip("pandas")
    weight = np.random.RandomState(0).uniform(size=len(rows))
    weight[::7] = 0
    frame = pandas.DataFrame(rows, columns=list("abcdefgh"))
    X = dd.from_pandas(frame.assign(weight=weight), npartitions=3)
    model = AutoencoderTransformer(**PARAMETERS).fit(X[[*"abcdefgh"]], sample_weight=X["weight"])
    alone = sklearn_ae.AutoencoderTransformer(**PARAMETERS).fit(frame, sample_weight=weight)
    assert model.loss_ == pytest.approx(alone.loss_, rel=1e-6)
    assert list(model.feature_names_in_) == list("abcdefgh")
    codes = model.transform(X[[*"abcdefgh"]])
    np.testing.assert_allclose(codes.compute(), model.transform(frame), atol=1e-6)
    model.set_output(transform="pandas")
    codes = model.transform(X[[*"abcdefgh"]])
    assert list(codes.columns) == list(model.get_feature_names_out())
    assert codes.compute().equals(model.transform(frame))


def test_detector(X, rows):
    parameters = {"max_iter": 1, "hidden_layer_sizes": 8, "random_state": 0}
    rows, X = rows[:1000], X[:1000]
    model = AutoencoderOutlierDetector(**parameters).fit(X)
    for name in ("predict", "score_samples", "decision_function", "p_values", "reconstruct"):
        lazy = getattr(model, name)(X)
        assert isinstance(lazy, da.Array)
        np.testing.assert_allclose(lazy.compute(), getattr(model, name)(rows), atol=1e-5)
    with pytest.raises(ValueError, match="false_discovery_rate is not supported with dask"):
        model.predict(X, false_discovery_rate=0.1)
    assert set(model.predict(rows, false_discovery_rate=0.1)) <= {-1, 1}


def test_errors_come_from_the_workers(X):
    with pytest.raises(ValueError, match="NaN"):
        AutoencoderTransformer(**PARAMETERS).fit(da.where(X.max() - 0.01 < X, np.nan, X))
    with pytest.raises(ValueError, match="checkpoint is not supported with dask collections"):
        AutoencoderTransformer(**PARAMETERS).fit(X, checkpoint="file")
    with pytest.raises(ValueError, match="max_iter"):
        AutoencoderTransformer(max_iter=-1).fit(X)


def test_a_saved_model_is_an_ordinary_one(fitted, rows, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = sklearn_ae.load(tmp_path / "model")
    assert type(loaded) is sklearn_ae.AutoencoderTransformer
    assert (loaded.transform(rows) == fitted.transform(rows)).all()


def test_workers_that_are_threads_of_one_process(rows, alone):
    with (
        distributed.LocalCluster(
            n_workers=2, processes=False, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
        client.as_current(),
    ):
        model = AutoencoderTransformer(**PARAMETERS).fit(da.from_array(rows, chunks=(1000, 8)))
    assert model.loss_ == pytest.approx(alone.loss_, rel=1e-6)


def test_search_on_the_cluster(client, rows):
    model = sklearn_ae.AutoencoderTransformer(**PARAMETERS)
    search = GridSearchCV(model, {"n_components": [1, 3]}, cv=2)
    with joblib.parallel_backend("dask"):
        search.fit(rows[:500])
    assert search.best_params_ == {"n_components": 3}


def n_epochs(dask_worker):
    from sklearn_ae._dask import worker

    return max((each["n_epochs"] for each in worker._last_epochs.values()), default=0)


def test_goes_on_without_a_worker_that_is_killed(client, X, rows):
    # Last: the worker that takes its place has to import everything.
    slow = PARAMETERS | {"max_iter": 60}
    pids = client.run(os.getpid)

    def kill():
        end = time.monotonic() + 60
        while min(client.run(n_epochs).values()) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        os.kill(next(iter(pids.values())), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.warns(
        UserWarning, match=r"Dask lost .*: training goes on after ([2-9]|\d\d) epochs"
    ):
        model = AutoencoderTransformer(**slow).fit(X)
    killer.join()
    alone = sklearn_ae.AutoencoderTransformer(**slow).fit(rows)
    assert model.loss_ == pytest.approx(alone.loss_, rel=1e-3)
    assert torch.isfinite(torch.tensor(model.loss_curve_)).all()
    assert len(model.loss_curve_) == 60

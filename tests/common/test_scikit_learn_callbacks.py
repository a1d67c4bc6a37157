"""Callbacks of scikit-learn."""

import pickle

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.metrics import neg_reconstruction_error_scorer
from tests.common.instances import ESTIMATORS, outputs

callback = pytest.importorskip("sklearn.callback", reason="callbacks need scikit-learn 1.9")
X = np.random.default_rng(0).normal(size=(60, 4))
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)


def make(estimator=AutoencoderTransformer, **parameters):
    defaults = {"n_components": 2, "max_iter": 4, "early_stopping": False, "random_state": 0}
    return estimator(**defaults | parameters)


class Recorder:
    """Notes every hook, and stops after some epochs."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.calls = []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        self.calls.append(("end", context.task_name, context.task_id))
        self.last = X, y, metadata, fitted_estimator
        return self.stop_after is not None and context.task_id + 1 >= self.stop_after


@each_estimator
def test_one_task_an_epoch(estimator):
    recorder = Recorder()
    make(estimator).set_callbacks(recorder).fit(X)
    epochs = [(hook, "epoch", i) for i in range(4) for hook in ("begin", "end")]
    assert recorder.calls == [
        "setup",
        ("begin", "fit", 0),
        *epochs,
        ("end", "fit", 0),
        "teardown",
    ]


@each_estimator
def test_callback_stops_training(estimator):
    fitted = make(estimator).set_callbacks(Recorder(stop_after=2)).fit(X)
    assert fitted.n_iter_ == 2


@each_estimator
def test_training_that_stops_early_ends_its_tasks(estimator):
    recorder = Recorder()
    fitted = make(
        estimator, max_iter=50, n_iter_no_change=1, tol=0.5, learning_rate_schedule="cosine"
    ).set_callbacks(recorder)
    fitted.fit(X)
    assert fitted.n_iter_ == 1
    begun, ended = ([c[1:] for c in recorder.calls if c[0] == hook] for hook in ("begin", "end"))
    assert sorted(begun) == sorted(ended)


@each_estimator
def test_callbacks_are_given_data_and_a_fitted_estimator(estimator):
    recorder = Recorder()
    weight = np.ones(len(X))
    fitted = make(estimator).set_callbacks(recorder).fit(X, sample_weight=weight)
    given_X, given_y, metadata, given = recorder.last
    assert given_X is X
    assert given_y is X
    assert metadata["sample_weight"] is weight
    for name, values in outputs(fitted, X).items():
        np.testing.assert_array_equal(getattr(given, name)(X), values)
    if hasattr(fitted, "sample"):
        samples = given.sample(3, random_state=0)
        np.testing.assert_array_equal(samples, fitted.sample(3, random_state=0))


@each_estimator
def test_estimator_of_an_epoch_is_the_fit_that_stopped_there(estimator):
    class Keeper(Recorder):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if context.task_name == "epoch":
                self.calls.append(fitted_estimator)

    keeper = Keeper()
    make(estimator, early_stopping=True).set_callbacks(keeper).fit(X)
    epochs = [call for call in keeper.calls if isinstance(call, estimator)]
    assert [epoch.n_iter_ for epoch in epochs] == [1, 2, 3, 4]
    assert [epoch.diagnose().figures["epochs"][0] for epoch in epochs] == list("1234")
    stopped = make(estimator, early_stopping=True).set_callbacks(Recorder(stop_after=2)).fit(X)
    for name, values in outputs(stopped, X).items():
        np.testing.assert_array_equal(outputs(epochs[1], X)[name], values)


def test_callbacks_change_nothing():
    with_callback = make().set_callbacks(Recorder()).fit(X)
    np.testing.assert_array_equal(with_callback.transform(X), make().fit_transform(X))


@pytest.mark.parametrize("early_stopping", [True, False])
def test_scoring_monitor_logs_every_epoch(curve, early_stopping):
    monitor = callback.ScoringMonitor(scoring=neg_reconstruction_error_scorer)
    make(early_stopping=early_stopping, max_iter=8).set_callbacks(monitor).fit(curve)
    log = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(log) == 8
    assert log[-1]["score"] > log[0]["score"]


def test_scoring_monitor_of_several_scores():
    monitor = callback.ScoringMonitor(
        scoring={"own": own_score, "error": neg_reconstruction_error_scorer}
    )
    fitted = make().set_callbacks(monitor).fit(X)
    last = monitor.get_logs().data[0]
    assert last["own"] == pytest.approx(fitted.score(X))
    assert last["error"] == pytest.approx(fitted.score(X))


def own_score(estimator, X, y):
    return estimator.score(X)


def test_scoring_monitor_does_not_warn_of_names():
    pd = pytest.importorskip("pandas")
    monitor = callback.ScoringMonitor(scoring=neg_reconstruction_error_scorer)
    make().set_callbacks(monitor).fit(pd.DataFrame(X, columns=list("abcd")))
    assert len(monitor.get_logs().data) == 5


def wrapped(estimator):
    pipeline = make_pipeline(StandardScaler(), estimator)
    step = pipeline.steps[-1][0]
    search = GridSearchCV(
        make_pipeline(StandardScaler(), make()),
        {f"{step}__n_components": [1, 2]},
        cv=2,
        scoring=neg_reconstruction_error_scorer,
    )
    return {"alone": estimator, "pipeline": pipeline, "search": search}


@pytest.mark.parametrize(
    ("where", "expected"),
    [("alone", "AutoencoderTransformer"), ("pipeline", "Pipeline"), ("search", "GridSearchCV")],
)
def test_progress_bar(where, expected, capsys):
    wrapped(make())[where].set_callbacks(callback.ProgressBar()).fit(X)
    printed = capsys.readouterr().out
    assert expected in printed
    assert "100%" in printed


@pytest.mark.parametrize("where", ["pipeline", "search"])
def test_scoring_monitor_around_the_estimator(where):
    # scikit-learn does not hand it on to the steps, and has no fitted pipeline to score.
    monitor = callback.ScoringMonitor(scoring=neg_reconstruction_error_scorer)
    wrapped(make())[where].set_callbacks(monitor).fit(X)
    with pytest.raises(ValueError, match="No logs to retrieve"):
        monitor.get_logs()


def test_scoring_monitor_within_a_pipeline():
    monitor = callback.ScoringMonitor(scoring=neg_reconstruction_error_scorer)
    make_pipeline(StandardScaler(), make().set_callbacks(monitor)).fit(X)
    log = monitor.get_logs()
    assert log.estimator_name == "Pipeline"
    assert sum(row["task_name"] == "epoch" for row in log.data) == 4


def test_scoring_monitor_within_a_search():
    monitor = callback.ScoringMonitor(scoring=neg_reconstruction_error_scorer)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), make().set_callbacks(monitor)),
        {"autoencodertransformer__max_iter": [1, 2]},
        cv=2,
        scoring=neg_reconstruction_error_scorer,
    )
    search.fit(X)
    epochs = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(epochs) == 2 * (1 + 2) + search.best_params_["autoencodertransformer__max_iter"]


def test_recorder_propagates_through_a_search():
    class Propagated(Recorder):
        max_propagation_depth = None

    recorder = Propagated()
    wrapped(make())["search"].set_callbacks(recorder).fit(X)
    epochs = [call for call in recorder.calls if call[0] == "begin" and call[1] == "epoch"]
    assert len(epochs) == 5 * 4  # two candidates on two folds, and the refit


def test_parameter_takes_callbacks_of_skorch_only():
    with pytest.raises(TypeError, match=r"callbacks of skorch.*set_callbacks"):
        make(callbacks=[callback.ProgressBar()]).fit(X)


def test_interruption_within_a_callback_is_one():
    class Slow(Recorder):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch":
                raise KeyboardInterrupt  # as Ctrl-C would while it computes

    with pytest.warns(UserWarning, match="interrupted by user"):
        fitted = make().set_callbacks(Slow()).fit(X)
    assert fitted.n_iter_ == 1


class Pickler(Recorder):
    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name == "epoch":
            self.calls.append(pickle.dumps(fitted_estimator))


@each_estimator
def test_estimator_of_an_epoch_is_one_by_itself(estimator):
    pickler = Pickler()
    fitted = make(estimator).set_callbacks(pickler).fit(X)
    copies = [pickle.loads(call) for call in pickler.calls if isinstance(call, bytes)]
    assert len(copies) == 4
    for name, values in outputs(fitted, X).items():
        np.testing.assert_array_equal(getattr(copies[-1], name)(X), values)
    before = outputs(copies[0], X)["reconstruct"]
    copies[0].partial_fit(X)
    assert not np.array_equal(outputs(copies[0], X)["reconstruct"], before)

"""Callbacks of scikit-learn and of skorch."""

import math
import pickle

import numpy as np
import pytest
import skorch.callbacks
import torch
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae.metrics import neg_reconstruction_error_scorer
from tests.common.instances import ESTIMATORS, outputs

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
    monitor = ScoringMonitor(scoring=neg_reconstruction_error_scorer)
    make(early_stopping=early_stopping, max_iter=8).set_callbacks(monitor).fit(curve)
    log = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(log) == 8
    assert log[-1]["score"] > log[0]["score"]


def test_scoring_monitor_of_several_scores():
    monitor = ScoringMonitor(scoring={"own": own_score, "error": neg_reconstruction_error_scorer})
    fitted = make().set_callbacks(monitor).fit(X)
    last = monitor.get_logs().data[0]
    assert last["own"] == pytest.approx(fitted.score(X))
    assert last["error"] == pytest.approx(fitted.score(X))


def own_score(estimator, X, y):
    return estimator.score(X)


def test_scoring_monitor_does_not_warn_of_names():
    pd = pytest.importorskip("pandas")
    monitor = ScoringMonitor(scoring=neg_reconstruction_error_scorer)
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
    wrapped(make())[where].set_callbacks(ProgressBar()).fit(X)
    printed = capsys.readouterr().out
    assert expected in printed
    assert "100%" in printed


@pytest.mark.parametrize("where", ["pipeline", "search"])
def test_scoring_monitor_around_the_estimator(where):
    # scikit-learn does not hand it on to the steps, and has no fitted pipeline to score.
    monitor = ScoringMonitor(scoring=neg_reconstruction_error_scorer)
    wrapped(make())[where].set_callbacks(monitor).fit(X)
    with pytest.raises(ValueError, match="No logs to retrieve"):
        monitor.get_logs()


def test_scoring_monitor_within_a_pipeline():
    monitor = ScoringMonitor(scoring=neg_reconstruction_error_scorer)
    make_pipeline(StandardScaler(), make().set_callbacks(monitor)).fit(X)
    log = monitor.get_logs()
    assert log.estimator_name == "Pipeline"
    assert sum(row["task_name"] == "epoch" for row in log.data) == 4


def test_scoring_monitor_within_a_search():
    monitor = ScoringMonitor(scoring=neg_reconstruction_error_scorer)
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


# --- skorch --------------------------------------------------------------------------------------


class BatchCounter(skorch.callbacks.Callback):
    def on_train_begin(self, net, **kwargs):
        self.n_batches = self.n_gradients = 0

    def on_batch_end(self, net, training=False, **kwargs):
        self.n_batches += training

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.n_gradients += 1
        self.names = [name for name, _ in named_parameters]


def test_skorch_callbacks_on_batches():
    counter = BatchCounter()
    with_callback = make(callbacks=[counter], batch_size=20, early_stopping=False).fit(X)
    assert counter.n_batches == counter.n_gradients == 3 * 4
    assert any("linear_path" in name for name in counter.names)
    # The full path of skorch trains as the lean one does, and records the same losses.
    lean = make(batch_size=20, early_stopping=False).fit(X)
    np.testing.assert_allclose(with_callback.transform(X), lean.transform(X), rtol=1e-6)
    np.testing.assert_allclose(with_callback.loss_curve_, lean.loss_curve_)


def test_gradient_clipping_has_its_effect(curve):
    clipping = skorch.callbacks.GradientNormClipping(1e-12)
    parameters = {"optimizer": "sgd", "n_components": 1, "early_stopping": False}
    clipped = make(callbacks=[clipping], **parameters).fit(curve)
    np.testing.assert_allclose(clipped.loss_, clipped.initial_loss_)
    assert make(**parameters).fit(curve).loss_ < clipped.loss_


class RateRecorder(skorch.callbacks.Callback):
    def on_train_begin(self, net, **kwargs):
        self.rates = []

    def on_epoch_end(self, net, **kwargs):
        self.rates.append(net.optimizer_.param_groups[0]["lr"])


def test_skorch_schedule_is_followed():
    recorder = RateRecorder()
    scheduler = skorch.callbacks.LRScheduler("StepLR", step_size=1, gamma=0.1)
    parameters = {"callbacks": [recorder, scheduler], "learning_rate": 1.0, "optimizer": "sgd"}
    make(learning_rate_schedule="constant", max_iter=3, **parameters).fit(X)
    np.testing.assert_allclose(recorder.rates, [1, 0.1, 0.01])
    for callback in (scheduler, ("named", scheduler), skorch.callbacks.LRScheduler):
        with pytest.raises(ValueError, match="An LRScheduler among the callbacks needs"):
            make(callbacks=[callback]).fit(X)


@pytest.mark.parametrize("kind", ["Checkpoint", "TrainEndCheckpoint"])
def test_skorch_checkpoints(kind, tmp_path):
    checkpoint = getattr(skorch.callbacks, kind)(dirname=str(tmp_path))
    make(callbacks=[checkpoint], early_stopping=True).fit(X)
    assert any(path.suffix == ".pt" for path in tmp_path.iterdir())


@pytest.mark.parametrize("callback", [ProgressBar(), "name", ("named", ProgressBar())])
def test_other_callbacks_are_refused(callback):
    with pytest.raises(TypeError, match=r"callbacks of skorch.*set_callbacks"):
        make(callbacks=[callback]).fit(X)


def test_skorch_early_stopping():
    stopping = skorch.callbacks.EarlyStopping("train_loss", patience=1, threshold=10, sink=len)
    fitted = make(callbacks=[stopping], max_iter=20, early_stopping=False).fit(X)
    assert fitted.n_iter_ < 20


def test_callbacks_are_let_go():
    fitted = make(callbacks=[BatchCounter()]).set_callbacks(Recorder()).fit(X)
    assert not fitted.net_.callbacks_


def test_verbose_prints_a_line_an_epoch(capsys):
    make(verbose=True).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["epoch", "train_loss", "dur"]
    assert len(lines) == 2 + 4
    make(verbose=False).fit(X)
    assert capsys.readouterr().out == ""


# --- interruption and divergence -----------------------------------------------------------------


class Interrupter(skorch.callbacks.Callback):
    """Presses Ctrl-C within some batch."""

    def __init__(self, at_batch):
        self.at_batch = at_batch

    def on_train_begin(self, net, **kwargs):
        self.n_batches = 0

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.n_batches += 1
        if self.n_batches == self.at_batch:
            raise KeyboardInterrupt


@each_estimator
@pytest.mark.parametrize(("at_batch", "n_epochs"), [(1, 0), (8, 2)])
def test_interruption_keeps_the_best_weights(estimator, curve, at_batch, n_epochs):
    parameters = {"batch_size": 90, "early_stopping": True, "max_iter": 4}  # 3 batches an epoch
    with pytest.warns(UserWarning, match="interrupted by user"):
        fitted = make(estimator, callbacks=[Interrupter(at_batch)], **parameters).fit(curve)
    assert fitted.n_iter_ == n_epochs
    expected = make(estimator, **parameters)
    if n_epochs:
        expected.set_callbacks(Recorder(stop_after=n_epochs)).fit(curve)
        for name, values in outputs(fitted, curve).items():
            np.testing.assert_allclose(outputs(expected, curve)[name], values)
    else:
        assert fitted.best_loss_ == fitted.initial_loss_


def test_interruption_within_a_callback_is_one():
    class Slow(Recorder):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch":
                raise KeyboardInterrupt  # as Ctrl-C would while it computes

    with pytest.warns(UserWarning, match="interrupted by user"):
        fitted = make().set_callbacks(Slow()).fit(X)
    assert fitted.n_iter_ == 1


@each_estimator
def test_divergence_keeps_the_best_weights(estimator, curve):
    fitted = make(estimator, optimizer="sgd", learning_rate=1e12, early_stopping=False)
    with pytest.warns(RuntimeWarning, match="no longer finite.*Lower learning_rate"):
        fitted.fit(curve)
    assert fitted.best_loss_ <= fitted.initial_loss_
    for values in outputs(fitted, curve).values():
        assert np.isfinite(values).all()


@each_estimator
def test_divergence_in_partial_fit_keeps_the_weights(estimator, curve):
    fitted = make(estimator).fit(curve).set_params(learning_rate=1e300)
    expected = outputs(fitted, curve)
    weights = [each.detach().clone() for each in fitted.net_.module_.encoder.parameters()]
    with pytest.warns(RuntimeWarning, match="no longer finite"):
        fitted.partial_fit(np.tile(curve, (3, 1)))
    for each, before in zip(fitted.net_.module_.encoder.parameters(), weights, strict=True):
        assert torch.equal(each, before)
    for name, values in outputs(fitted, curve).items():
        # What is not trained, and the threshold, are those of the stream.
        if estimator is AutoencoderOutlierDetector:
            assert np.isfinite(values).all()
        else:
            np.testing.assert_array_equal(values, expected[name])


@each_estimator
def test_loss_that_is_never_finite(estimator, curve):
    fitted = make(estimator).fit(curve)
    expected = outputs(fitted, curve)
    fitted.set_params(loss=never_finite)
    with pytest.raises(ValueError, match="The loss is nan before training"):
        fitted.fit(curve)
    for name, values in outputs(fitted, curve).items():
        np.testing.assert_array_equal(values, expected[name])


def never_finite(input, reconstruction):
    return (input - reconstruction).mean(dim=-1) * math.nan


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

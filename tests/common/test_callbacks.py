"""Callbacks of skorch, interruption and divergence."""

import math

import numpy as np
import pytest
import skorch.callbacks
import torch

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from tests.common.instances import ESTIMATORS, outputs

X = np.random.default_rng(0).normal(size=(60, 4))
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)


def make(estimator=AutoencoderTransformer, **parameters):
    defaults = {"n_components": 2, "max_iter": 4, "early_stopping": False, "random_state": 0}
    return estimator(**defaults | parameters)


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


@pytest.mark.parametrize("callback", [object(), "name", ("named", object())])
def test_other_callbacks_are_refused(callback):
    with pytest.raises(TypeError, match=r"callbacks of skorch.*set_callbacks"):
        make(callbacks=[callback]).fit(X)


def test_skorch_early_stopping():
    stopping = skorch.callbacks.EarlyStopping("train_loss", patience=1, threshold=10, sink=len)
    fitted = make(callbacks=[stopping], max_iter=20, early_stopping=False).fit(X)
    assert fitted.n_iter_ < 20


def test_callbacks_are_let_go():
    fitted = make(callbacks=[BatchCounter()]).fit(X)
    assert not fitted.net_.callbacks_


def phases(capsys):
    """Give the words of the lines of each phase, having checked that there is one header."""
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["phase", "epoch", "done"]
    return [line.split() for line in lines]


@pytest.mark.parametrize("latent", [None, "variational"])
def test_verbose_tells_phases_epochs_and_losses(latent, capsys):
    fitted = make(verbose=True, latent=latent, early_stopping=True).fit(X)
    training, codes = phases(capsys)
    losses = fitted.loss_curve_[-1], fitted.validation_curve_[-1]
    assert training[:3] == ["training", "4/4", "100%"]
    assert training[3:5] == [f"{loss:.4g}" for loss in losses]
    assert codes[0] == "codes"
    make(verbose=False, latent=latent).fit(X)
    assert capsys.readouterr().out == ""


def test_verbose_tells_of_the_trial(capsys, curve):
    AutoencoderTransformer(1, random_state=0, verbose=1).fit(curve[:200])
    trial, training, _ = phases(capsys)
    assert trial[:3] == ["trial,", "3", "folds"]
    assert training[0] == "training"
    noise = np.random.default_rng(0).normal(size=(60, 5))
    AutoencoderTransformer(2, random_state=0, verbose=1).fit(noise)
    assert "The result is PCA." in capsys.readouterr().out


def test_verbose_tells_when_validation_rows_join(capsys, curve):
    rows = np.random.default_rng(0).permutation(np.resize(curve, (600, curve.shape[1])))
    rows = rows + 0.01 * np.random.default_rng(1).normal(size=rows.shape)
    fitted = AutoencoderTransformer(1, random_state=0, verbose=1).fit(rows)
    training, all_rows, _ = phases(capsys)
    assert training[1] == f"{len(fitted.validation_curve_)}/{fitted.plan_.max_iter}"
    assert all_rows[:3] == ["all", "rows", f"{fitted.n_iter_}/{fitted.plan_.max_iter}"]


def test_verbose_detector(capsys):
    AutoencoderOutlierDetector(random_state=0, verbose=1, max_iter=2).fit(X)
    members, scores = phases(capsys)
    assert members[:3] == ["4", "members", "2/2"]
    assert scores[0] == "scores"


@each_estimator
def test_one_header_for_a_stream_of_parts(estimator, capsys):
    fitted = make(estimator, verbose=1)
    for start in (0, 20, 40):
        fitted.partial_fit(X[start:])
    lines = phases(capsys)
    assert [line[-6:-5] for line in lines] == [["1"], ["2"], ["3"]]


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


class Stopper(skorch.callbacks.Callback):
    """Ends the training after some epochs, as those of skorch do."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.n_epochs:
            raise KeyboardInterrupt


@each_estimator
@pytest.mark.parametrize(("at_batch", "n_epochs"), [(1, 0), (8, 2)])
def test_interruption_keeps_the_best_weights(estimator, curve, at_batch, n_epochs):
    parameters = {"batch_size": 90, "early_stopping": True, "max_iter": 4}  # 3 batches an epoch
    with pytest.warns(UserWarning, match="interrupted by user"):
        fitted = make(estimator, callbacks=[Interrupter(at_batch)], **parameters).fit(curve)
    assert fitted.n_iter_ == n_epochs
    if n_epochs:
        expected = make(estimator, callbacks=[Stopper(n_epochs)], **parameters).fit(curve)
        for name, values in outputs(fitted, curve).items():
            np.testing.assert_allclose(outputs(expected, curve)[name], values)
    else:
        assert fitted.best_loss_ == fitted.initial_loss_


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

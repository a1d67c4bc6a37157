"""Lean epochs train as the full ones do, and step back where somebody asks for more."""

import pickle

import numpy as np
import pytest
import skorch.callbacks
import torch
from skorch.callbacks import Callback

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.training import Rows
from sklearn_ae.training.lean import LeanEpochs

ELEMENTWISE = ["adam", "adamw", "sgd", "momentum", "nesterov", "rmsprop", "adagrad"]


class BatchWatcher(Callback):
    """Asks for skorch's full epochs."""

    def on_batch_end(self, net, **kwargs):
        pass


@pytest.fixture
def n_lean(monkeypatch):
    """Count lean epochs."""
    epochs = []
    train = LeanEpochs.train

    def spy(self, batches):
        epochs.append(batches)
        return train(self, batches)

    monkeypatch.setattr(LeanEpochs, "train", spy)
    return lambda: len(epochs)


def make(**parameters):
    defaults = {
        "n_components": 2,
        "hidden_layer_sizes": (8, 4),
        "max_iter": 6,
        "optimizer": "adam",
        "early_stopping": True,
        "n_iter_no_change": None,
        "tol": 0,
        "random_state": 0,
    }
    return AutoencoderTransformer(**defaults | parameters)


def assert_same_fit(one, other):
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(one.validation_curve_, other.validation_curve_, rtol=1e-9)
    for a, b in zip(one.net_.weights(), other.net_.weights(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "parameters",
    [
        *({"optimizer": name} for name in ELEMENTWISE),
        {"linear_path": None, "activation": "tanh"},
        {"learning_rate_schedule": "one_cycle"},
        {"learning_rate_schedule": "reduce_on_plateau"},
        {"max_grad_norm": 0.01},
        {"weight_decay": 0.1},
        {"optimizer": torch.optim.NAdam},
        {"batch_size": 1000, "optimizer": "gradient_descent"},
    ],
    ids=str,
)
@pytest.mark.parametrize("weighted", [False, True])
def test_trains_as_full_epochs_do(parameters, weighted, curve, n_lean):
    weight = np.linspace(0.5, 1.5, len(curve)) if weighted else None
    lean = make(**parameters).fit(curve, sample_weight=weight)
    assert n_lean() == 6
    full = make(**parameters, callbacks=[BatchWatcher()]).fit(curve, sample_weight=weight)
    assert n_lean() == 6
    assert_same_fit(lean, full)


@pytest.mark.parametrize(
    "parameters",
    [
        {"optimizer": "muon"},
        {"optimizer": "lbfgs"},
        {"l1_penalty": 1e-3},
        {"corruption": "gaussian"},
        {"latent": "sparse"},
        {"dropout": 0.1},
        {"loss": "huber"},
        {"output_activation": "tanh"},
        {"callbacks": [BatchWatcher()]},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_nothing_is_skipped(parameters, curve, n_lean):
    make(**parameters).fit(curve)
    assert n_lean() == 0


def test_goes_on_where_another_fit_stopped(curve, n_lean):
    at_once = make(max_iter=4, early_stopping=False).fit(curve)
    in_two = make(max_iter=2, early_stopping=False, warm_start=True).fit(curve)
    in_two = pickle.loads(pickle.dumps(in_two)).fit(curve)
    assert n_lean() == 8
    # The second order of rows is another one, but the optimizer's state went on.
    state = in_two.net_.optimizer_.state_dict()["state"]
    expected = at_once.net_.optimizer_.state_dict()["state"]
    assert [s["step"] for s in state.values()] == [s["step"] for s in expected.values()]


class Freezer(Callback):
    """Holds the decoder for some epochs."""

    def __init__(self, epochs):
        self.epochs = epochs

    def on_epoch_begin(self, net, **kwargs):
        is_trained = len(net.history) - 1 not in self.epochs
        for parameter in net.module_.decoder.parameters():
            parameter.requires_grad_(is_trained)
        self.before = [p.detach().clone() for p in net.module_.decoder.parameters()]

    def on_epoch_end(self, net, **kwargs):
        same = all(map(torch.equal, self.before, net.module_.decoder.parameters()))
        assert same == (len(net.history) - 1 in self.epochs)


def test_layers_frozen_between_epochs(curve, n_lean):
    parameters = {"optimizer": "sgd", "learning_rate": 0.1}
    lean = make(callbacks=[Freezer({2, 3})], **parameters).fit(curve)
    assert n_lean() == 4
    full = make(callbacks=[Freezer({2, 3}), BatchWatcher()], **parameters).fit(curve)
    assert_same_fit(lean, full)


def test_checkpoints_of_the_optimizer(curve, tmp_path, n_lean):
    checkpoint = skorch.callbacks.Checkpoint(
        monitor=None, dirname=tmp_path, f_history=None, f_pickle=None, f_criterion=None
    )
    fitted = make(callbacks=[checkpoint]).fit(curve)
    assert n_lean() == 6
    saved = torch.load(tmp_path / "optimizer.pt")["state"]
    expected = fitted.net_.optimizer_.state_dict()["state"]
    assert len(saved) == len(expected) == len(list(fitted.net_.module_.parameters()))
    for one, other in zip(saved.values(), expected.values(), strict=True):
        torch.testing.assert_close(one, other)
    weights = torch.load(tmp_path / "params.pt")
    assert list(weights) == list(fitted.net_.module_.state_dict())


def test_schedulers_of_pytorch(curve, n_lean):
    scheduler = skorch.callbacks.LRScheduler(torch.optim.lr_scheduler.ExponentialLR, gamma=0.5)
    parameters = {"learning_rate": 0.01, "learning_rate_schedule": "constant"}
    lean = make(callbacks=[scheduler], **parameters).fit(curve)
    assert n_lean() == 6
    assert lean.net_.optimizer_.param_groups[0]["lr"] == pytest.approx(0.01 * 0.5**6)
    assert_same_fit(lean, make(callbacks=[scheduler, BatchWatcher()], **parameters).fit(curve))


def test_a_fitted_net_is_light(curve):
    fitted = make(hidden_layer_sizes=(64, 64)).fit(curve)
    # Weights and two moments of the optimizer, and not a vector of all for each of them.
    weights = sum(tensor.nbytes for tensor in fitted.net_.weights())
    assert len(pickle.dumps(fitted.net_)) < 3.5 * weights + 100_000
    assert fitted.net_._lean is None


def test_mixed_precision(digits, n_lean):
    X = digits.astype(np.float32)
    options = {"hidden_layer_sizes": (64,), "transform_max_iter": 0}
    fits = [make(precision=p, **options).fit(X) for p in (None, "bfloat16")]
    assert n_lean() == 12
    exact, mixed = (-fitted.score(X) for fitted in fits)
    assert exact != mixed
    assert mixed == pytest.approx(exact, rel=0.02)
    assert {tensor.dtype for tensor in fits[1].net_.weights()} == {torch.float32}
    # Epochs are judged in full precision, as the fitted estimator is.
    held_out = Rows(fits[1]._record_.held_out)
    assert fits[1].net_.mean_loss(held_out) == pytest.approx(fits[1].best_loss_, rel=1e-6)

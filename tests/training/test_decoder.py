"""The decoder alone, at nearest codes."""

import copy
import math

import numpy as np
import pytest
import torch
from scipy import sparse

import sklearn_ae.training.decoder as decoder
from sklearn_ae import AutoencoderTransformer
from sklearn_ae.training import Rows, fit_decoder, try_decoders


def curved(n_rows, seed):
    random = np.random.default_rng(seed)
    t = random.uniform(-1, 1, n_rows)[:, None]
    return np.hstack([t, t**2, np.sin(3 * t)]) + 0.05 * random.normal(size=(n_rows, 3))


X, X_HELD_OUT = curved(60, 0), curved(60, 1)
SETTINGS = {"learning_rate": 3e-3, "batch_size": 20, "n_epochs": 30, "n_steps": 10}


@pytest.fixture
def net():
    return (
        AutoencoderTransformer(1, hidden_layer_sizes=(16,), max_iter=30, random_state=0).fit(X).net_
    )


def weights_of(module):
    return [weights.detach().clone() for weights in module.parameters()]


def nearest_loss(net, X):
    x = torch.tensor(X)
    with torch.no_grad():
        return float(net.module_.residual(x, net.module_.encode_nearest(x, 10)).square().mean())


def are_equal(some, others):
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


def test_error_of_nearest_codes_falls_and_the_encoder_stays(net):
    encoder, before = weights_of(net.module_.encoder), weights_of(net.module_.decoder)
    first, last = fit_decoder(net, Rows(X), Rows(X_HELD_OUT), **SETTINGS)
    assert last < 0.95 * first
    assert last == pytest.approx(nearest_loss(net, X_HELD_OUT))
    assert are_equal(encoder, weights_of(net.module_.encoder))
    assert not are_equal(before, weights_of(net.module_.decoder))


def test_nothing_is_held_out(net):
    before = nearest_loss(net, X)
    assert np.isnan(fit_decoder(net, Rows(X), None, **SETTINGS)).all()
    assert nearest_loss(net, X) < before


@pytest.mark.parametrize("learning_rate", [1e3, math.inf])
def test_what_gets_worse_is_not_kept(net, learning_rate):
    before = net.module_.reconstruct(torch.tensor(X_HELD_OUT))
    settings = SETTINGS | {"learning_rate": learning_rate}
    fit_decoder(net, Rows(X), Rows(X_HELD_OUT), **settings)
    torch.testing.assert_close(net.module_.reconstruct(torch.tensor(X_HELD_OUT)), before)


def test_what_is_not_finite_is_not_kept_where_nothing_is_held_out(net):
    before = weights_of(net.module_)
    fit_decoder(net, Rows(X), None, **SETTINGS | {"learning_rate": math.inf})
    assert are_equal(before, weights_of(net.module_))


def test_an_interruption_leaves_the_weights(net, monkeypatch):
    before = weights_of(net.module_)
    step, n_calls = decoder._Decoder.nearest_codes, 0

    def interrupt(*args):
        nonlocal n_calls
        n_calls += 1
        if n_calls == 3:
            raise KeyboardInterrupt
        return step(*args)

    monkeypatch.setattr(decoder._Decoder, "nearest_codes", interrupt)
    assert np.isnan(fit_decoder(net, Rows(X), Rows(X_HELD_OUT), **SETTINGS)).all()
    assert net.interrupted_
    assert are_equal(before, weights_of(net.module_))


def test_the_user_interrupts(monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(decoder._Decoder, "nearest_codes", interrupt)
    estimator = AutoencoderTransformer(
        1, hidden_layer_sizes=(8,), linear_path=None, early_stopping=True, random_state=0
    )
    with pytest.warns(UserWarning, match="interrupted"):
        estimator.fit(X)
    assert np.isfinite(estimator.best_loss_)
    assert np.isfinite(estimator.transform(X)).all()


def test_sparse_rows_are_the_same(net):
    other = copy.deepcopy(net)
    fit_decoder(net, Rows(X), None, **SETTINGS)
    fit_decoder(other, Rows(sparse.csr_array(X)), None, **SETTINGS)
    assert are_equal(weights_of(net.module_), weights_of(other.module_))


def test_a_weight_of_two_is_a_row_twice(net):
    # By steps that are proportional to gradients: others magnify rounding.
    net.optimizer_ = torch.optim.SGD(net.module_.parameters(), lr=0.1)
    other = copy.deepcopy(net)
    weight = np.ones(60)
    weight[:20] = 2
    settings = SETTINGS | {"batch_size": 100, "learning_rate": 0.1}
    fit_decoder(net, Rows(X, weight / weight.mean()), None, **settings)
    fit_decoder(other, Rows(np.vstack([X, X[:20]])), None, **settings)
    for one, two in zip(weights_of(net.module_), weights_of(other.module_), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("n_at_once", [7, 100])
def test_batches_of_more_rows_than_are_moved_at_once(net, n_at_once, monkeypatch):
    other = copy.deepcopy(net)
    settings = SETTINGS | {"batch_size": 30}
    fit_decoder(net, Rows(X), Rows(X_HELD_OUT), **settings)
    monkeypatch.setattr(decoder, "_N_AT_ONCE", n_at_once)
    monkeypatch.setattr(decoder, "_MAX_ENTRIES", 0)  # nor are rows kept in standard units
    fit_decoder(other, Rows(X), Rows(X_HELD_OUT), **settings)
    for one, two in zip(weights_of(net.module_), weights_of(other.module_), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-7)


class Scaled(torch.nn.Module):
    """A decoder with parameters of all kinds: no chain."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(3, 1).T)
        self.scale = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, code):
        return self.scale * torch.tanh(code) @ self.weight


@pytest.mark.parametrize("max_grad_norm", [None, 0.1])
def test_decoders_of_ones_own(max_grad_norm):
    torch.manual_seed(0)
    fitted = AutoencoderTransformer(
        1,
        architecture=(torch.nn.Linear(3, 1), Scaled()),
        linear_path=None,
        optimizer="sgd",
        max_iter=30,
        max_grad_norm=max_grad_norm,
        random_state=0,
    ).fit(X.astype(np.float32))
    before = nearest_loss(fitted.net_, X.astype(np.float32))
    settings = SETTINGS | {"learning_rate": 0.3}
    fit_decoder(fitted.net_, Rows(X.astype(np.float32)), None, **settings)
    assert nearest_loss(fitted.net_, X.astype(np.float32)) < before
    assert all(parameter.grad is None for parameter in fitted.net_.module_.parameters())


def test_the_optimizer_is_as_before(net):
    groups, state = net.optimizer_.param_groups, net.optimizer_.state
    before = copy.deepcopy(net.optimizer_.state_dict())
    fit_decoder(net, Rows(X), None, **SETTINGS)
    assert net.optimizer_.param_groups is groups
    assert net.optimizer_.state is state
    assert str(net.optimizer_.state_dict()) == str(before)


@pytest.mark.parametrize("max_grad_norm", [None, 0.01])
def test_several_are_tried_as_each_is_fitted(max_grad_norm):
    nets, parts = [], []
    for seed, n_rows in enumerate((60, 57, 59)):
        rows = curved(n_rows, seed)
        nets.append(
            AutoencoderTransformer(
                1,
                hidden_layer_sizes=(16,),
                max_iter=30,
                batch_size=100,
                max_grad_norm=max_grad_norm,
                random_state=seed,
            )
            .fit(rows)
            .net_
        )
        parts.append((Rows(rows), Rows(X_HELD_OUT[seed:])))
    before = [weights_of(net.module_) for net in nets]
    settings = SETTINGS | {"batch_size": 100}  # all at once: else orders would differ
    tried = try_decoders(nets, parts, **settings)
    for net, weights in zip(nets, before, strict=True):
        assert are_equal(weights, weights_of(net.module_))
    fitted = [fit_decoder(net, *part, **settings) for net, part in zip(nets, parts, strict=True)]
    np.testing.assert_allclose(tried, fitted, rtol=1e-4)
    assert not np.allclose(*np.transpose(tried), rtol=1e-2)


def test_part_of_the_rows(net):
    other = copy.deepcopy(net)
    index = np.arange(0, 60, 2)
    fit_decoder(net, Rows(X, index=index), None, **SETTINGS)
    fit_decoder(other, Rows(X[index]), None, **SETTINGS)
    assert are_equal(weights_of(net.module_), weights_of(other.module_))

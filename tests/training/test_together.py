"""Nets that are trained together become what they become one after the other."""

import copy

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

import sklearn_ae._fitting as fitting
import sklearn_ae.training.stacked as stacked
from sklearn_ae import AutoencoderTransformer
from sklearn_ae.training import Judging, Monitor, Rows, can_train_together, train_together

SETTINGS = {"learning_rate": 3e-3, "schedule": "one_cycle", "batch_size": 16, "max_epochs": 12}
SETTINGS["judging"] = Judging(3, every=2)


def make_net(X, seed=0, **parameters):
    parameters = {"hidden_layer_sizes": (8, 5), "max_iter": 1, "early_stopping": False} | parameters
    estimator = AutoencoderTransformer(2, random_state=seed, **parameters)
    net = estimator.fit(X).net_
    net.history.clear()
    net.forget_steps()
    return net


def without_biases(parameters, lr, **options):
    """An optimizer that leaves some parameters alone."""
    groups = [
        group | {"params": [each for each in group["params"] if each.shape[-2] > 1]}
        for group in parameters
    ]
    return torch.optim.SGD(groups, lr=lr, momentum=0.9)


def make(sizes, *, weighted=False, **parameters):
    """Make nets, and rows for each: so many to train on, and ten to judge by."""
    random = np.random.default_rng(0)
    nets, parts = [], []
    for seed, n_rows in enumerate(sizes):
        t = random.uniform(-1, 1, (n_rows + 10, 2))
        X = np.hstack([t, t**2, np.sin(3 * t)]) + seed
        weight = random.uniform(0.5, 1.5, len(X)) if weighted else None
        index = random.permutation(len(X))
        nets.append(make_net(X, seed, **parameters))
        parts.append((Rows(X, weight, index[10:]), Rows(X, weight, index[:10])))
    return nets, parts


def train_one_after_the_other(nets, parts, monitors, **settings):
    for net, (rows, held_out), monitor in zip(nets, parts, monitors, strict=True):
        net.train(
            rows, callbacks=[monitor], verbose=False, held_out=held_out, **SETTINGS | settings
        )


def draw_as_alone(nets):
    """Draw the seeds of noise, which there is none of here."""
    for net in nets:
        torch.randint(2**62, (2,), generator=net.generator)


def losses(nets, name):
    return [[epoch[name] for epoch in net.history] for net in nets]


def assert_same(nets, others):
    for name in ("train_loss", "valid_loss"):
        for one, other in zip(losses(nets, name), losses(others, name), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-7)
    for net, other in zip(nets, others, strict=True):
        for a, b in zip(net.weights(), other.weights(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"linear_path": None, "activation": "tanh"},
        {"optimizer": "sgd", "weight_decay": 0.1},
        {"max_grad_norm": 0.05},
        {"weighted": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("sizes", [(40, 40, 40), (41, 47, 44), (14, 15)])
def test_as_one_after_the_other(sizes, parameters):
    nets, parts = make(sizes, **parameters)
    others = copy.deepcopy(nets)
    assert can_train_together(nets, [rows for rows, _ in parts], 16)
    monitors, other_monitors = ([Monitor(0, 4) for _ in sizes] for _ in range(2))
    draw_as_alone(nets)
    train_together(nets, parts, monitors, **SETTINGS)
    train_one_after_the_other(others, parts, other_monitors)
    assert_same(nets, others)
    for monitor, other in zip(monitors, other_monitors, strict=True):
        assert monitor.initial_loss_ == pytest.approx(other.initial_loss_)
        assert monitor.best_loss_ == pytest.approx(other.best_loss_)


def test_all_have_as_many_batches_as_the_largest():
    nets, parts = make((20, 70))  # in five batches, of 4 and of 14
    others = copy.deepcopy(nets)
    draw_as_alone(nets)
    train_together(nets, parts, [Monitor(0, None) for _ in nets], **SETTINGS)
    for net, part, batch_size in zip(others, parts, (4, 14), strict=True):
        settings = SETTINGS | {"batch_size": batch_size}
        train_one_after_the_other([net], [part], [Monitor(0, None)], **settings)
    assert_same(nets, others)


def test_each_ends_for_itself_with_its_best_weights():
    nets, parts = make((40, 40))
    worse = copy.deepcopy(parts[1][1])
    worse.X = worse.X + 100  # nothing helps rows that far away for long
    parts[1] = parts[1][0], worse
    monitors = [Monitor(0, None), Monitor(0.9, 2)]
    train_together(nets, parts, monitors, **SETTINGS | {"schedule": "constant"})
    assert [len(net.history) for net in nets] == [12, 2]
    for net, monitor, (_, held_out) in zip(nets, monitors, parts, strict=True):
        assert monitor.best_loss_ == min([monitor.initial_loss_, *losses([net], "valid_loss")[0]])
        assert float(net.mean_loss(held_out)) == pytest.approx(monitor.best_loss_)


def test_one_that_diverges_leaves_the_others_alone():
    nets, parts = make((40, 40, 40))
    others = copy.deepcopy(nets)
    with torch.no_grad():
        nets[1].module_.decoder.layers[0].weight.fill_(torch.inf)
    monitors, other_monitors = ([Monitor(0, None) for _ in nets] for _ in range(2))
    draw_as_alone(nets)
    train_together(nets, parts, monitors, **SETTINGS)
    train_one_after_the_other(others, parts, other_monitors)
    assert [monitor.diverged_ for monitor in monitors] == [False, True, False]
    assert_same(nets[::2], others[::2])


def test_an_interruption_keeps_the_best_weights(monkeypatch):
    nets, parts = make((40, 40))
    monitors = [Monitor(0, None) for _ in nets]
    judge = Monitor.on_epoch_end

    def interrupt(monitor, net, *args):
        judge(monitor, net, *args)
        if len(net.history) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(Monitor, "on_epoch_end", interrupt)
    train_together(nets, parts, monitors, **SETTINGS)
    assert [net.interrupted_ for net in nets] == [True, True]
    assert [len(net.history) for net in nets] == [5, 4]
    for net, monitor, (_, held_out) in zip(nets, monitors, parts, strict=True):
        assert net.mean_loss(held_out) == pytest.approx(monitor.best_loss_)


@pytest.mark.parametrize(
    ("parameters", "sizes", "batch_size"),
    [
        ({"optimizer": "muon"}, (40, 40), 16),
        ({"optimizer": without_biases}, (40, 40), 16),
        ({"dropout": 0.1}, (40, 40), 16),
        ({"l1_penalty": 1e-3}, (40, 40), 16),
        ({"loss": "absolute_error"}, (40, 40), 16),
        ({"latent": "variational"}, (40, 40), 16),
        ({}, (40, 30), 16),
        ({}, (40, 40), 10**7),
    ],
)
def test_what_is_trained_one_after_the_other(parameters, sizes, batch_size):
    nets, parts = make(sizes, **parameters)
    assert not can_train_together(nets, [rows for rows, _ in parts], batch_size)


def test_others_are_not_alike():
    X = np.random.default_rng(0).normal(size=(50, 6))
    nets = [make_net(X), make_net(X, hidden_layer_sizes=(8, 6))]
    assert not can_train_together(nets, [Rows(X)] * 2, 16)


@pytest.mark.parametrize(
    "parameters",
    [
        {"optimizer": torch.optim.Rprop},  # knows no weight decay
        {"optimizer": without_biases, "learning_rate": 0.01},
        {"learning_rate_schedule": "reduce_on_plateau"},
    ],
)
def test_folds_of_any_optimizer(parameters, curve):
    fitted = AutoencoderTransformer(
        1, hidden_layer_sizes=(8,), linear_path=None, random_state=0, **parameters
    ).fit(curve[:80])
    assert fitted.best_loss_ < fitted.initial_loss_


def test_all_rows_at_once_where_the_optimizer_asks_for_that(curve, monkeypatch):
    n_batches = []
    monkeypatch.setattr(fitting, "_MAX_EPOCHS", 3)
    init = stacked.StackedRows.__init__

    def watch(rows, *args):
        init(rows, *args)
        n_batches.append(rows.n_batches)

    monkeypatch.setattr(stacked.StackedRows, "__init__", watch)
    with pytest.warns(ConvergenceWarning):
        AutoencoderTransformer(
            1, optimizer="gradient_descent", linear_path=None, random_state=0
        ).fit(curve[:82])  # in folds of 65 and 66 rows to train on
    assert set(n_batches) == {1}

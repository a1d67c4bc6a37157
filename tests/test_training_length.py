"""How long few rows are trained on."""

import gc
import weakref

import numpy as np
import pytest
import skorch.callbacks
import torch
from sklearn.decomposition import PCA

import sklearn_ae._fitting as fitting
import sklearn_ae._fitting.folds as folds
from sklearn_ae import AutoencoderTransformer
from sklearn_ae._fitting.training_length import cross_validate
from sklearn_ae.metrics import reconstruction_error
from sklearn_ae.training import Monitor, Rows

ROWS = Rows(np.arange(20.0)[:, None])


class Trained:
    """A net and a monitor whose losses are given."""

    max_epochs = 4
    diverged_ = False

    def __init__(self, initial, held_out, train=None):
        self.initial_loss_ = initial
        train = held_out if train is None else train
        self.history = [
            {"train_loss": a, "valid_loss": b} for a, b in zip(train, held_out, strict=True)
        ]


def lengths(*trained):
    def train(folds):
        return [(net, net, None) for net in trained[: len(folds)]]

    return cross_validate(ROWS, 0, train)


def test_where_the_mean_of_the_folds_is_lowest():
    length = lengths(*[Trained(2.0, [1.5, 1.0, 1.2, 1.4]), Trained(4.0, [3.0, 2.0, 1.9, 2.0])] * 3)
    assert length.n_epochs == 2
    # Folds are of equal size here.
    assert length.initial_loss == pytest.approx((3 * 2 + 2 * 4) / 5)
    assert length.best_loss == pytest.approx((3 * 1.0 + 2 * 2.0) / 5)
    assert len(length.held_out_curve) == 4
    assert not length.ended_early


def test_a_fold_that_ended_early_stays_where_it_was():
    length = lengths(Trained(1.0, [0.5, 0.6]), *[Trained(1.0, [0.9, 0.8, 0.4, 0.7])] * 4)
    assert length.held_out_curve[2] == pytest.approx((0.6 + 4 * 0.4) / 5)
    assert length.n_epochs == 3


@pytest.mark.parametrize(("last", "n_epochs"), [(0.99, 1), (1.2, 0)])
def test_a_gain_by_chance_is_none(last, n_epochs):
    length = lengths(*[Trained(1.0, [0.92, 1.2])] * 4, Trained(1.0, [last, 1.2]))
    assert length.n_epochs == n_epochs
    assert length.best_loss == pytest.approx([1.0, (4 * 0.92 + last) / 5][n_epochs])
    assert length.ended_early


def test_nothing_of_what_is_held_out_is_known(monkeypatch):
    X = np.random.default_rng(0).standard_normal((60, 3))
    seen = []

    def look(rows, seed, train):
        parts = rows.folds(5, seed)
        for (training, _), (net, *_) in zip(parts, train(parts), strict=True):
            np.testing.assert_allclose(net.module_.shift, X[training.index].mean(axis=0))
            seen.append(len(training))

    monkeypatch.setattr(folds, "cross_validate", look)
    AutoencoderTransformer(1, random_state=0).fit(X)
    assert seen == [48] * 5


def test_a_fold_that_diverged():
    diverged = Trained(1.0, [0.9, 0.1])
    diverged.diverged_ = True
    length = lengths(diverged, *[Trained(1.0, [0.9, 0.1])] * 4)
    assert length.diverged
    assert length.n_epochs == 1
    assert lengths(*[Trained(np.nan, [])] * 5) is None


def make(**parameters):
    return AutoencoderTransformer(**{"n_components": 1, "random_state": 0} | parameters)


def test_few_rows_near_a_curve(curve):
    fitted = make().fit(curve[:60])
    assert 0 < len(fitted.loss_curve_) <= len(fitted.validation_curve_) == fitted.n_iter_
    assert fitted.best_loss_ == min(fitted.validation_curve_)
    assert len(fitted.loss_curve_) == np.argmin(fitted.validation_curve_) + 1
    pca_error = reconstruction_error(PCA(1).fit(curve[:60]), curve[60:])
    assert reconstruction_error(fitted, curve[60:]) < 0.5 * pca_error


def test_few_rows_of_noise_are_left_to_principal_components():
    X = np.random.default_rng(0).normal(size=(120, 10))
    fitted = make(n_components=3, transform_max_iter=0).fit(X[:60])
    assert fitted.loss_curve_ == []
    assert fitted.loss_ == fitted.best_loss_ == fitted.initial_loss_
    pca = PCA(3).fit(X[:60])
    np.testing.assert_allclose(
        fitted.reconstruct(X), pca.inverse_transform(pca.transform(X)), atol=1e-9
    )
    # In the units of the network, codes are those of PCA, too.
    np.testing.assert_allclose(
        fitted.transform(X) * fitted.net_.module_.scale.item(), pca.transform(X), atol=1e-9
    )


def test_many_rows_of_noise_are_left_to_principal_components():
    X = np.random.default_rng(0).normal(size=(1000, 10))
    fitted = make(n_components=3, max_iter=30, transform_max_iter=0).fit(X[:600])
    assert fitted.best_loss_ == fitted.initial_loss_
    pca = PCA(3).fit(X[:600])
    np.testing.assert_allclose(
        fitted.reconstruct(X), pca.inverse_transform(pca.transform(X)), atol=1e-9
    )


@pytest.mark.parametrize("n_rows", [60, 600])
def test_a_surface_comes_nearer_to_noise_than_a_plane(n_rows):
    X = np.random.default_rng(0).normal(size=(n_rows + 500, 10))
    train, test = X[:n_rows], X[n_rows:]
    fitted = make(n_components=3).fit(train)
    assert fitted.best_loss_ < fitted.initial_loss_
    assert reconstruction_error(fitted, test) < 0.9 * reconstruction_error(PCA(3).fit(train), test)


def test_callbacks_see_one_training_with_the_losses_of_all_folds(curve):
    class Watcher(skorch.callbacks.Callback):
        def on_train_begin(self, net, **kwargs):
            seen.append([])

        def on_epoch_end(self, net, **kwargs):
            seen[-1].append(net.history[-1, "valid_loss"])

    seen = []
    fitted = make(callbacks=[Watcher()]).fit(curve[:60])
    (losses,) = seen
    assert losses == fitted.validation_curve_[: len(losses)]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])  # together, and one after the other
def test_interrupted_folds_keep_what_is_trained(optimizer, curve, monkeypatch):
    judge, n_epochs = Monitor.on_epoch_end, 0

    def interrupt(monitor, *args, **kwargs):
        nonlocal n_epochs
        n_epochs += 1
        judge(monitor, *args, **kwargs)
        if n_epochs == 80:
            raise KeyboardInterrupt

    monkeypatch.setattr(Monitor, "on_epoch_end", interrupt)
    with pytest.warns(UserWarning, match="interrupted by user"):
        fitted = make(optimizer=optimizer, linear_path=None).fit(curve[:60])
    assert fitted.best_loss_ == min(fitted.validation_curve_) < fitted.initial_loss_
    assert fitted.n_iter_ == len(fitted.loss_curve_) == {"adamw": 16, "muon": 80}[optimizer]
    assert np.isfinite(fitted.transform(curve)).all()


def test_warm_start_goes_on_from_cross_validation(curve):
    fitted = make(warm_start=True, transform_max_iter=0).fit(curve[:60])
    n_iter, loss = fitted.n_iter_, fitted.score(curve)
    fitted.set_params(max_iter=20, early_stopping=False, learning_rate=1e-3).fit(curve[:60])
    assert fitted.n_iter_ == n_iter + 20
    assert fitted.score(curve) > loss


@pytest.mark.parametrize(
    ("n_rows", "parameters", "n_epochs"),
    [
        (40, {}, 100),
        (6400, {}, 100),
        (19_200, {}, 80),
        (64_000, {}, 24),
        (640_000, {}, 15),
        (640, {"batch_size": 1}, 15),
        (640, {"batch_size": 10**6}, 100),
        (640, {"optimizer": "lbfgs"}, 100),
        (640, {"max_iter": 7}, 7),
    ],
)
def test_number_of_epochs(n_rows, parameters, n_epochs, curve):
    net = make(max_iter=1).fit(curve).net_
    assert make(**parameters)._max_epochs(net, n_rows) == n_epochs


@pytest.mark.filterwarnings("ignore:The loss was still falling")
def test_fewer_epochs_where_steps_are_large(curve):
    estimator = make(hidden_layer_sizes=(2000, 500), batch_size=10_000)
    net = make(hidden_layer_sizes=(2000, 500), max_iter=1).fit(curve).net_
    n_operations = 6 * 10_000 * sum(weights.numel() for weights in net.module_.parameters())
    assert 15 < estimator._max_epochs(net, 10_000) == int(6e12 / n_operations) < 100
    # A network of which nobody knows.
    own = torch.nn.Conv1d(1, 1, 1)
    net.module_.encoder.layers.append(own)
    assert estimator._max_epochs(net, 10_000) == 100


@pytest.mark.filterwarnings("ignore:The loss was still falling")
def test_large_networks_of_folds_are_there_one_at_a_time(monkeypatch):
    nets, alive = [], []
    make_net = AutoencoderTransformer._new_net

    def watch(self, *args, **kwargs):
        gc.collect()
        alive.append(sum(net() is not None for net in nets))
        net = make_net(self, *args, **kwargs)
        nets.append(weakref.ref(net))
        return net

    monkeypatch.setattr(AutoencoderTransformer, "_new_net", watch)
    monkeypatch.setattr(fitting, "_MAX_EPOCHS", 1)
    X = np.random.default_rng(0).normal(size=(20, 3000))
    AutoencoderTransformer(1, linear_path=None, random_state=0).fit(X)
    assert len(nets) == 6
    # The one of all rows, and that of the fold before, which is just being replaced.
    assert max(alive) <= 2

"""Fits of few rows, and of rows that are awkward: constant columns, copies, periods."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.decomposition import PCA

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae.architectures import MLP


def pca_error(train, X, n_components):
    pca = PCA(n_components).fit(train)
    return np.square(X - pca.inverse_transform(pca.transform(X))).mean()


def test_a_curve_of_150_rows_is_learnt_on_all_of_them():
    rng = np.random.default_rng(0)
    t = rng.uniform(-1, 1, (1150, 1))
    X = np.hstack([t, t**2, np.sin(3 * t)]) + rng.normal(scale=0.05, size=(1150, 3))
    fitted = AutoencoderTransformer(1, random_state=0).fit(X[:150])
    assert fitted.plan_.validation == "trial"
    assert fitted.validation_curve_ is None
    assert len(fitted.loss_curve_) == fitted.n_iter_ == fitted.plan_.max_iter
    assert fitted.best_loss_ < fitted.initial_loss_
    assert -fitted.score(X[150:]) < 0.5 * pca_error(X[:150], X[150:], 1)


def test_without_structure_the_folds_keep_pca():
    X = np.random.default_rng(0).normal(size=(40, 6))
    fitted = AutoencoderTransformer(2, random_state=0).fit(X)
    assert fitted.best_loss_ == fitted.initial_loss_
    assert -fitted.score(X) == pytest.approx(pca_error(X, X, 2))
    # The short trainings of the folds are what there is to show.
    assert fitted.n_iter_ == len(fitted.validation_curve_) == fitted.plan_.n_trial_epochs


@pytest.mark.parametrize(
    "parameters",
    [
        {"dropout": 0.2},
        {"architecture": MLP((8,), dropout=0.2)},
        {"architecture": MLP((8,), tied=True)},
        {"linear_path": None},
        {"optimizer": "adam", "max_grad_norm": 1.0},
        {"precision": "float32", "activation": "tanh"},
    ],
    ids=str,
)
def test_few_rows_and_other_networks(curve, parameters):
    fitted = AutoencoderTransformer(1, random_state=0, **parameters).fit(curve[:150])
    assert fitted.best_loss_ < fitted.initial_loss_


@pytest.mark.parametrize("weight", [2, 3])
def test_a_weight_is_so_many_copies(weight):
    rng = np.random.default_rng(0)
    t = rng.uniform(-1, 1, (40, 1))
    X = np.hstack([t, 0.35 * t**2, rng.normal(scale=0.4, size=(40, 3))])
    weighted = AutoencoderTransformer(1, random_state=0).fit(X, sample_weight=np.full(40, weight))
    repeated = AutoencoderTransformer(1, random_state=0).fit(np.repeat(X, weight, axis=0))
    # Rounding may send single rows to another of two codes that are equally good.
    differences = np.abs(weighted.reconstruct(X) - repeated.reconstruct(X)).max(axis=1)
    assert np.mean(differences < 0.001) > 0.8
    assert weighted.score(X) == pytest.approx(repeated.score(X), rel=0.01)


def test_a_weight_is_so_many_copies_in_several_batches(curve):
    weighted, repeated = (AutoencoderTransformer(1, random_state=0) for _ in range(2))
    weighted.fit(curve[:150], sample_weight=np.full(150, 2))
    repeated.fit(np.repeat(curve[:150], 2, axis=0))
    assert weighted.plan_ == repeated.plan_
    assert len(weighted.loss_curve_) == len(repeated.loss_curve_)
    assert weighted.score(curve) == pytest.approx(repeated.score(curve), rel=0.5)


def test_an_interruption_of_the_folds_keeps_pca(curve, monkeypatch):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    X = curve[:150]
    monkeypatch.setattr(torch.optim.Optimizer, "zero_grad", interrupt)
    monkeypatch.setattr(torch, "_fused_adamw_", interrupt)
    with pytest.warns(UserWarning, match="interrupted by user"):
        fitted = AutoencoderTransformer(1, random_state=0).fit(X)
    assert -fitted.score(X) <= pca_error(X, X, 1) * (1 + 1e-6)


def test_without_validation_rows_the_lowest_training_loss_is_kept(curve):
    fitted = AutoencoderTransformer(
        1,
        early_stopping=False,
        max_iter=60,
        batch_size=20,
        learning_rate=0.05,
        learning_rate_schedule="constant",
        random_state=0,
    ).fit(curve[:150])
    assert fitted.best_loss_ == min(fitted.loss_curve_)


@pytest.mark.parametrize("X", [np.eye(4), np.eye(9), np.repeat(np.eye(5), 30, axis=0)], ids=len)
def test_fewer_than_ten_different_rows_are_pca(X):
    fitted = AutoencoderTransformer(2, random_state=3).fit(X)
    assert fitted.best_loss_ == fitted.initial_loss_
    # Refined codes and bounds may do better than PCA.
    assert -fitted.score(X) < pca_error(X, X, 2) * (1 + 1e-6)


def test_small_fit_that_diverges_keeps_pca():
    X = np.random.default_rng(0).normal(size=(150, 6))
    with pytest.warns(RuntimeWarning, match="no longer finite"):
        fitted = AutoencoderTransformer(3, learning_rate=1e20, random_state=0).fit(X)
    assert -fitted.score(X) == pytest.approx(pca_error(X, X, 3))


@pytest.mark.parametrize("seed", range(5))
def test_constant_column_and_weights(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(80, 5))
    X[:, 2] = 1.0
    fitted = AutoencoderTransformer(2, hidden_layer_sizes=(4,), random_state=0)
    fitted.fit(X, sample_weight=rng.integers(1, 5, 80))
    np.testing.assert_allclose(fitted.reconstruct(X)[:, 2], 1)


def test_constant_column_of_many_rows_has_no_say():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 6))
    X[:, 0] = 3.7
    detector = AutoencoderOutlierDetector(2, max_iter=1, random_state=0).fit(X)
    shares = detector.feature_errors(X[:100])
    assert shares[:, 0].max() < shares[:, 1:].max()


def test_validation_rows_join_once_training_has_lowered_their_loss(curve):
    X = np.tile(curve, (2, 1))[:600]
    X = X + np.random.default_rng(0).normal(scale=0.01, size=X.shape)
    fitted = AutoencoderTransformer(1, random_state=0).fit(X)
    assert 0 < len(fitted.validation_curve_) < len(fitted.loss_curve_) == fitted.plan_.max_iter
    assert fitted.best_loss_ < fitted.initial_loss_
    kept = AutoencoderTransformer(1, early_stopping=True, random_state=0).fit(X)
    assert len(kept.validation_curve_) == len(kept.loss_curve_)
    # Rows that were trained on can not judge a further training.
    n_before = len(fitted.validation_curve_)
    fitted.set_params(warm_start=True, max_iter=5).fit(X)
    assert len(fitted.validation_curve_) == n_before


def test_validation_rows_without_structure_do_not_join():
    X = np.random.default_rng(0).normal(size=(600, 60))
    fitted = AutoencoderTransformer(15, random_state=0).fit(X)
    assert len(fitted.validation_curve_) == len(fitted.loss_curve_)
    assert -fitted.score(X) <= pca_error(X, X, 15) * (1 + 1e-6)
    # They were not trained on, so they judge a further training, too.
    fitted.set_params(warm_start=True).fit(X)
    assert len(fitted.validation_curve_) == len(fitted.loss_curve_) > fitted.plan_.max_iter
    assert -fitted.score(X) <= pca_error(X, X, 15) * (1 + 1e-6)


def test_validation_rows_join_in_a_further_training(curve):
    X = np.tile(curve, (2, 1)) + np.random.default_rng(0).normal(scale=0.01, size=(600, 5))
    fitted = AutoencoderTransformer(1, max_iter=2, warm_start=True, random_state=0).fit(X)
    fitted.set_params(max_iter="auto").fit(X)
    n_validated = len(fitted.validation_curve_)
    assert n_validated < len(fitted.loss_curve_)
    fitted.fit(X)
    assert fitted.plan_.validation == "none"
    assert len(fitted.validation_curve_) == n_validated


def test_copies_of_rows_are_split_together():
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(50, 6)), 10, axis=0)
    fitted = AutoencoderTransformer(2, random_state=0).fit(X)
    new = rng.normal(size=(500, 6))
    ratio = -fitted.score(new) / pca_error(X, new, 2)
    # Training rows learnt by heart would make the validation loss nothing.
    assert fitted.best_loss_ / fitted.initial_loss_ > 0.5 * ratio


def test_periodic_rows_are_seen_at_every_phase():
    phase = np.arange(24_000) * 2 * np.pi / 24
    X = np.column_stack([np.sin(phase), np.cos(phase)])
    fitted = AutoencoderTransformer(1, early_stopping=False, max_iter=3, random_state=0).fit(X)
    np.testing.assert_allclose(fitted.sample(2000, random_state=0).std(axis=0), 0.71, atol=0.15)


def test_sparse_rows_and_other_precisions_have_the_same_folds():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, (60, 5)).astype(float)
    losses = [
        AutoencoderTransformer(2, random_state=0).fit(each).initial_loss_
        for each in (X, sparse.csr_array(X), X.astype(np.float32))
    ]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-4)


def test_fit_in_inference_mode():
    X = np.random.default_rng(0).normal(size=(60, 4))
    with torch.inference_mode():
        fitted = AutoencoderTransformer(2, random_state=0).fit(X)
    assert fitted.transform(X).shape == (60, 2)


def test_both_bounds_of_pixels():
    rng = np.random.default_rng(0)
    X = np.clip(rng.normal(0.5, 0.6, size=(400, 6)), 0, 1)
    fitted = AutoencoderTransformer(2, random_state=0).fit(X)
    new = rng.normal(0.5, 5, size=(400, 6))
    reconstructed = fitted.reconstruct(new)
    assert reconstructed.min() >= -1e-6
    assert reconstructed.max() <= 1 + 1e-6

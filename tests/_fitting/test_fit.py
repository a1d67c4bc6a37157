"""How the transformer is fitted: optimizers, losses, stopping, going on, precision, devices."""

import pickle
from functools import partial

import numpy as np
import pytest
import skorch.callbacks
import torch
from sklearn.decomposition import PCA

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import MLP
from sklearn_ae.metrics import reconstruction_error


def make(**parameters):
    defaults = {"n_components": 1, "max_iter": 20, "early_stopping": True, "random_state": 0}
    return AutoencoderTransformer(**defaults | parameters)


@pytest.mark.parametrize(
    ("optimizer", "learning_rate"),
    [
        ("adam", 1e-3),
        ("adamw", 1e-3),
        ("sgd", 0.1),
        ("momentum", 0.02),
        ("nesterov", 0.02),
        ("rmsprop", 1e-3),
        ("adagrad", 1e-2),
        ("gradient_descent", 0.3),
        ("lbfgs", 1.0),
        (torch.optim.Adamax, 1e-3),
    ],
)
def test_optimizers_learn(curve, optimizer, learning_rate):
    fitted = make(optimizer=optimizer, learning_rate=learning_rate, max_iter=40).fit(curve)
    assert fitted.best_loss_ < 0.8 * fitted.initial_loss_


def test_optimizer_that_evaluates_the_loss_itself(curve):
    # Newton-like steps on full batches: far ahead of first-order steps as many.
    lbfgs = partial(torch.optim.LBFGS, line_search_fn="strong_wolfe")
    parameters = {"batch_size": 300, "early_stopping": False, "max_iter": 5}
    fitted = make(optimizer=lbfgs, learning_rate=1.0, **parameters).fit(curve)
    assert fitted.best_loss_ < 0.5 * make(**parameters).fit(curve).best_loss_


@pytest.mark.parametrize("name", ["gradient_descent", "lbfgs"])
def test_full_batch_optimizers_take_all_rows_at_once(curve, name):
    fitted = make(optimizer=name, max_iter=1, early_stopping=False).fit(curve)
    assert fitted.net_.batch_size == len(curve)
    assert make(optimizer=name, max_iter=1, batch_size=50).fit(curve).net_.batch_size == 50


def test_weight_decay_shrinks_weights(curve):
    def size(**parameters):
        fitted = make(linear_path=None, early_stopping=False, **parameters).fit(curve)
        return sum(float(w.square().sum()) for w in fitted.net_.weights())

    assert size(optimizer="adamw", weight_decay=10) < 0.5 * size(optimizer="adamw")


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_losses_learn(curve, loss):
    fitted = make(loss=loss, max_iter=40).fit(curve)
    assert fitted.best_loss_ < 0.8 * fitted.initial_loss_


def test_absolute_error_does_not_heed_a_few_wild_values(curve):
    wild = curve.copy()
    wild[::30] += 20 * np.random.default_rng(1).normal(size=wild[::30].shape)
    error = {}
    for loss in ("squared_error", "absolute_error"):
        fitted = make(loss=loss, linear_path=None, max_iter=60).fit(wild)
        error[loss] = -np.median(fitted.score_samples(curve))
    assert error["absolute_error"] < error["squared_error"]


def test_cross_entropy_gives_shares(digits):
    fitted = make(n_components=8, loss="binary_cross_entropy", max_iter=60).fit(digits)
    reconstruction = fitted.reconstruct(digits)
    assert 0 <= reconstruction.min() < 0.01
    assert 0.99 < reconstruction.max() <= 1
    np.testing.assert_allclose(fitted.inverse_transform(fitted.transform(digits)), reconstruction)
    np.testing.assert_allclose(
        fitted.score_samples(digits), -np.mean((digits - reconstruction) ** 2, axis=1)
    )
    assert fitted.score(digits) > -0.5 * digits.var(axis=0).mean()


def relative_error(input, reconstruction):
    assert input.min() >= 100  # input units
    return ((input - reconstruction) / input).square().mean(dim=-1)


def test_own_loss_is_given_input_units(curve):
    X = 200 + 10 * curve
    fitted = make(loss=relative_error, max_iter=40).fit(X)
    assert fitted.best_loss_ < 0.5 * fitted.initial_loss_


@pytest.mark.parametrize(
    "loss", [torch.nn.functional.mse_loss, lambda a, b: (a - b).square()], ids=["mean", "elements"]
)
def test_own_loss_has_to_be_one_number_a_sample(curve, loss):
    with pytest.raises(ValueError, match="The loss must give one number"):
        make(loss=loss).fit(curve)


def in_place(input, reconstruction):
    return (input.clamp_(min=0) - reconstruction).square().mean(dim=-1)


def test_own_loss_can_not_change_the_data(curve):
    X = curve.copy()
    make(loss=in_place, batch_size=1000, max_iter=2, early_stopping=False).fit(X)
    np.testing.assert_array_equal(X, curve)


def test_early_stopping_keeps_the_best_weights(digits):
    # Enough capacity and learning rate to over-fit 100 images.
    parameters = {"n_components": 20, "linear_path": None, "learning_rate": 0.01}
    fitted = make(
        early_stopping=True,
        validation_fraction=0.5,
        max_iter=200,
        n_iter_no_change=20,
        **parameters,
    )
    fitted.fit(digits[:200])
    assert fitted.n_iter_ < 200
    assert fitted.best_loss_ == min(fitted.validation_curve_) < fitted.validation_curve_[-1]
    assert len(fitted.validation_curve_) == len(fitted.loss_curve_) == fitted.n_iter_


def test_patience(curve):
    parameters = {"learning_rate": 1e-12, "early_stopping": True}
    # Not before the learning rate falls, after a quarter of the 20 epochs.
    assert make(n_iter_no_change=3, **parameters).fit(curve).n_iter_ == 8
    assert make(n_iter_no_change=None, **parameters).fit(curve).n_iter_ == 20
    # Some improvement, but not by the share that is asked for.
    assert make(tol=0.9, n_iter_no_change=2).fit(curve).n_iter_ < 10


def test_loss_curve_is_the_share_of_variance_left(curve):
    parameters = {"max_iter": 1, "learning_rate": 1e-12, "early_stopping": False}
    fitted = make(**parameters).fit(curve)
    left = 1 - PCA(1).fit(curve).explained_variance_ratio_.sum()
    assert fitted.loss_ == pytest.approx(left)
    assert fitted.initial_loss_ == pytest.approx(left)


def test_warm_start_goes_on(curve):
    fitted = make(warm_start=True, max_iter=5, learning_rate_schedule="constant").fit(curve)
    first = fitted.best_loss_, fitted.initial_loss_
    module = fitted.net_.module_
    fitted.fit(curve)
    assert fitted.net_.module_ is module
    assert fitted.n_iter_ == 10
    assert fitted.best_loss_ < first[0]
    assert fitted.initial_loss_ < first[1]


def test_cold_start_forgets(curve):
    fitted = make(max_iter=5).fit(curve)
    expected = fitted.transform(curve)
    np.testing.assert_array_equal(fitted.fit(curve).transform(curve), expected)
    assert fitted.n_iter_ == 5


def test_warm_start_checks_what_can_not_change(curve):
    fitted = make(warm_start=True, max_iter=2).fit(curve)
    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 5"):
        fitted.fit(curve[:, :3])
    with pytest.raises(ValueError, match="n_components=2 differs from 1, with which"):
        fitted.set_params(n_components=2).fit(curve)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loss", "huber"),
        ("optimizer", "sgd"),
        ("precision", "float32"),
        ("hidden_layer_sizes", np.array([8])),
        ("architecture__dropout", 0.5),
    ],
)
def test_warm_start_does_not_ignore_a_change(curve, name, value):
    fitted = make(warm_start=True, max_iter=2, architecture=MLP()).fit(curve)
    expected = fitted.transform(curve)
    with pytest.raises(ValueError, match=f"{name.partition('__')[0]}=.* differs from"):
        fitted.set_params(**{name: value}).fit(curve)
    np.testing.assert_array_equal(fitted.transform(curve), expected)


def test_warm_start_after_pickling(curve):
    # By a loss and an optimizer that are not equal to copies of themselves.
    parameters = {"loss": relative_error, "optimizer": partial(torch.optim.Adam, eps=1e-6)}
    fitted = make(warm_start=True, max_iter=2, **parameters).fit(curve + 200)
    copy = pickle.loads(pickle.dumps(fitted))
    assert copy.fit(curve + 200).n_iter_ == 4


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_going_on_after_a_failure_is_as_if_it_had_not_been(curve, method):
    def make_fitted():
        return make(warm_start=True, max_iter=3, learning_rate=0.01).fit(curve)

    class Failing(skorch.callbacks.Callback):
        def on_epoch_end(self, net, **kwargs):
            raise ZeroDivisionError

    failed, spared = make_fitted(), make_fitted()
    with pytest.raises(ZeroDivisionError):
        getattr(failed.set_params(callbacks=[Failing()]), method)(curve)
    for fitted in (failed, spared):
        getattr(fitted.set_params(callbacks=None), method)(curve)
    assert failed.n_iter_ == spared.n_iter_
    np.testing.assert_array_equal(failed.transform(curve), spared.transform(curve))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_going_on_after_divergence(curve, method):
    fitted = make(warm_start=True, learning_rate_schedule="constant").fit(curve)
    with pytest.warns(RuntimeWarning, match="no longer finite"):
        getattr(fitted.set_params(learning_rate=1e300), method)(np.tile(curve, (3, 1)))
    before = fitted.score(curve)
    fitted.set_params(learning_rate=1e-3)
    for _ in range(5):
        getattr(fitted, method)(curve)
    assert np.isfinite(fitted.loss_)
    assert fitted.score(curve) > before


def test_partial_fit_learns_from_a_stream(curve):
    fitted = make(learning_rate=1e-2)
    for _ in range(10):
        for start in range(0, 300, 50):
            fitted.partial_fit(curve[start : start + 50])
    assert fitted.n_iter_ == 60
    pca_error = reconstruction_error(PCA(1).fit(curve), curve)
    assert reconstruction_error(fitted, curve) < 0.5 * pca_error
    fitted.partial_fit(curve[:1])
    with pytest.raises(ValueError, match="expecting 5 features"):
        fitted.partial_fit(curve[:, :4])


def test_partial_fit_goes_on_from_fit(curve):
    fitted = make(max_iter=5).fit(curve)
    before = [w.clone() for w in fitted.net_.weights()]
    fitted.partial_fit(curve)
    assert fitted.n_iter_ == 6
    assert any(not w.equal(b) for w, b in zip(fitted.net_.weights(), before, strict=True))


def test_dropout_is_active_in_training_only(curve):
    fitted = make(dropout=0.5, max_iter=10).fit(curve)
    assert not np.array_equal(fitted.transform(curve), make(max_iter=10).fit_transform(curve))
    np.testing.assert_array_equal(fitted.transform(curve), fitted.transform(curve))


def test_precision(curve):
    X = curve.astype(np.float32)
    half = make(precision="bfloat16", max_iter=40).fit(X)
    full = make(precision="float32", max_iter=40).fit(X)
    assert half.transform(X).dtype == np.float32
    assert half.net_.module_.linear_path.encoder_weight.dtype == torch.float32
    assert not np.array_equal(half.transform(X), full.transform(X))
    assert half.best_loss_ < 0.5 * half.initial_loss_
    assert make(precision="float32").fit(curve).transform(curve).dtype == np.float32


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_precision_does_not_cost_the_differences_of_large_numbers(curve, precision):
    # At larger rates, Adam makes more of the rounding of the shifted rows than of their gradients.
    parameters = {
        "precision": precision,
        "n_components": 2,
        "max_iter": 2,
        "learning_rate": 1e-3,
    }
    near, far = make(**parameters).fit(curve), make(**parameters).fit(curve + 1e8)
    assert near.transform(curve).dtype == np.float32
    np.testing.assert_allclose(
        far.transform(curve + 1e8), near.transform(curve), rtol=0.01, atol=0.01
    )
    assert near.score(curve) == pytest.approx(far.score(curve + 1e8), rel=1e-3)


def test_precision_of_data_that_float32_can_not_hold(curve):
    # Steps towards the nearest code magnify rounding.
    parameters = {"max_iter": 2, "learning_rate": 1e-3, "n_refinement_steps": 0}
    fitted = make(precision="float32", **parameters).fit(1e100 * curve)
    np.testing.assert_allclose(
        fitted.reconstruct(1e100 * curve),
        1e100 * make(**parameters).fit(curve).reconstruct(curve),
        rtol=1e-3,
        atol=1e97,
    )


def test_device(curve):
    on_cpu = make(device="cpu").fit(curve)
    assert on_cpu.net_.device == torch.device("cpu")
    np.testing.assert_array_equal(
        make(device=torch.device("cpu")).fit_transform(curve), on_cpu.transform(curve)
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_gives_what_the_cpu_gives(curve):
    on_gpu, on_cpu = (make(device=device).fit(curve) for device in ("cuda", "cpu"))
    assert on_gpu.best_loss_ == pytest.approx(on_cpu.best_loss_, rel=0.02)
    assert isinstance(on_gpu.transform(curve), np.ndarray)


def test_sample_weight_chooses_what_is_learnt(curve):
    other = curve[:, ::-1]
    X = np.vstack([curve, other])
    weight = np.repeat([1.0, 0.001], len(curve))
    fitted = make(max_iter=40).fit(X, sample_weight=weight)
    assert fitted.score(curve) > 10 * fitted.score(other)
    assert fitted.score(X, sample_weight=weight) > fitted.score(X)


def test_warm_start_after_partial_fit(curve):
    fitted = make(warm_start=True, max_iter=3).partial_fit(curve).fit(curve)
    assert fitted.n_iter_ == 4


def test_warm_start_keeps_every_gain_on_validation_rows():
    rng = np.random.default_rng(0)
    t = rng.uniform(-1, 1, (120, 1))
    noise = np.random.default_rng(1).normal(scale=0.3, size=(120, 3))
    X = np.hstack([t, t**2, np.sin(3 * t)]) + noise
    fitted = AutoencoderTransformer(
        1,
        warm_start=True,
        max_iter=10,
        hidden_layer_sizes=(8,),
        n_refinement_steps=0,
        random_state=1,
    )
    fitted.fit(X).fit(X)
    assert fitted.best_loss_ == min(fitted.validation_curve_[10:]) < fitted.initial_loss_


def test_the_former_name_of_refinement_steps(curve):
    renamed = AutoencoderTransformer(1, max_iter=3, n_refinement_steps=0, random_state=0).fit(curve)
    former = AutoencoderTransformer(1, max_iter=3, transform_max_iter=0, random_state=0)
    with pytest.warns(FutureWarning, match="write n_refinement_steps=0"):
        former.fit(curve)
    np.testing.assert_array_equal(former.transform(curve), renamed.transform(curve))
    with pytest.raises(ValueError, match="two names of one parameter"):
        former.set_params(n_refinement_steps=3).fit(curve)


def test_callbacks_in_an_array(curve):
    callbacks = np.array([skorch.callbacks.EpochTimer()] * 2, dtype=object)
    fitted = AutoencoderTransformer(1, max_iter=2, callbacks=callbacks, random_state=0).fit(curve)
    assert fitted.n_iter_ == 2

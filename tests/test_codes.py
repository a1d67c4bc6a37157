"""Codes that are moved to where their reconstructions are nearest."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import sklearn_ae._codes as codes
from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import Convolutional
from sklearn_ae.latents import Sparse

X_TRAIN, X_TEST = np.split(load_digits().data / 16, [1200])


def make(**parameters):
    defaults = {"n_components": 4, "max_iter": 10, "random_state": 0}
    return AutoencoderTransformer(**defaults | parameters)


@pytest.fixture(scope="module")
def fitted():
    return make().fit(X_TRAIN)


def row_errors(fitted, X, codes):
    return np.square(fitted.inverse_transform(codes) - X).mean(axis=1)


def guesses(fitted, X):
    return fitted.net_.compute(fitted.net_.module_.encode, X)


def test_rows_that_were_not_seen_are_reconstructed_better(fitted):
    errors = row_errors(fitted, X_TEST, fitted.transform(X_TEST))
    guessed = row_errors(fitted, X_TEST, guesses(fitted, X_TEST))
    assert (errors <= guessed * (1 + 1e-9)).all()
    assert errors.mean() < 0.95 * guessed.mean()


def test_all_methods_mean_the_same_codes(fitted):
    nearest = fitted.transform(X_TEST)
    reconstructed = fitted.reconstruct(X_TEST)
    np.testing.assert_allclose(reconstructed, fitted.inverse_transform(nearest))
    errors = row_errors(fitted, X_TEST, nearest)
    np.testing.assert_allclose(fitted.score_samples(X_TEST), -errors)
    ends = fitted.interpolate(X_TEST[0], X_TEST[1], n=2)
    np.testing.assert_allclose(ends, reconstructed[:2], atol=1e-9)


def test_without_steps_the_code_is_the_encoders(fitted):
    parameters = fitted.get_params()
    try:
        fitted.set_params(transform_max_iter=0)
        np.testing.assert_array_equal(fitted.transform(X_TEST), guesses(fitted, X_TEST))
    finally:
        fitted.set_params(**parameters)


def test_more_steps_are_better(fitted):
    errors = []
    for n_steps in (0, 1, 3, 10):
        fitted.set_params(transform_max_iter=n_steps)
        errors.append(-fitted.score(X_TEST))
    fitted.set_params(transform_max_iter="auto")
    assert errors == sorted(errors, reverse=True)
    assert -fitted.score(X_TEST) <= errors[-1]


def test_codes_after_the_steps_are_centred_and_uncorrelated(fitted):
    nearest = fitted.transform(X_TRAIN)
    assert np.abs(nearest.mean(axis=0)).max() < 1e-3 * nearest.std(axis=0).min()
    assert np.abs(np.corrcoef(nearest.T) - np.eye(4)).max() < 1e-3


@pytest.mark.parametrize(
    "parameters",
    [
        {"latent": "contractive"},
        {"corruption": "gaussian"},
        {"loss": "absolute_error"},
        {"architecture": Convolutional(channels=(4,), kernel_size=3)},
        {"hidden_layer_sizes": (64, 1600)},
    ],
)
def test_where_the_encoder_has_the_last_word_by_default(parameters):
    fitted = make(max_iter=1, **parameters).fit(X_TRAIN)
    np.testing.assert_array_equal(fitted.transform(X_TEST), guesses(fitted, X_TEST))


@pytest.mark.parametrize(
    "parameters",
    [
        {"corruption": "gaussian"},
        {"loss": "absolute_error"},
        {"output_activation": "logistic"},
        {"architecture": Convolutional(channels=(4,), kernel_size=3)},
        {"hidden_layer_sizes": (64, 1600)},
        {"linear_path": None},
    ],
)
def test_but_may_be_asked_to(parameters):
    fitted = make(max_iter=3, transform_max_iter=5, **parameters).fit(X_TRAIN)
    nearest = row_errors(fitted, X_TEST, fitted.transform(X_TEST))
    assert nearest.mean() < 0.99 * row_errors(fitted, X_TEST, guesses(fitted, X_TEST)).mean()


@pytest.mark.parametrize("latent", ["variational", Sparse()])
def test_a_latent_has_its_own_idea_of_codes(latent):
    with pytest.raises(ValueError, match=r"transform_max_iter=3 has no meaning with latent="):
        make(latent=latent, transform_max_iter=3).fit(X_TRAIN)
    make(latent=latent, transform_max_iter=0, max_iter=1).fit(X_TRAIN)


def test_a_stream_has_nearest_codes_too():
    fitted = make().partial_fit(X_TRAIN)
    errors = row_errors(fitted, X_TEST, fitted.transform(X_TEST))
    assert errors.mean() < row_errors(fitted, X_TEST, guesses(fitted, X_TEST)).mean()


# --- the decoder alone ---------------------------------------------------------------------------


def curved(n_rows, seed):
    random = np.random.default_rng(seed)
    t = random.uniform(-1, 1, n_rows)[:, None]
    return np.hstack([t, t**2, np.sin(3 * t)]) + 0.05 * random.normal(size=(n_rows, 3))


@pytest.mark.parametrize("n_rows", [120, 600])
def test_training_ends_with_the_decoder(n_rows, monkeypatch):
    X, X_new = curved(n_rows, 0), curved(500, 1)
    small = {"n_components": 1, "max_iter": "auto", "hidden_layer_sizes": (16,)}
    small["n_iter_no_change"] = 5
    with_decoder = make(**small).fit(X)
    monkeypatch.setattr(codes.CodeTransformer, "_fit_decoder", lambda *_: None)
    without = make(**small).fit(X)
    encoders = [
        fitted.net_.module_.encoder.state_dict().values() for fitted in (with_decoder, without)
    ]
    assert all((one == other).all() for one, other in zip(*encoders, strict=True))
    assert with_decoder.score(X_new) > without.score(X_new)
    assert with_decoder.best_loss_ == without.best_loss_


def test_it_is_not_for_trainings_whose_length_is_given(monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("the decoder was trained")

    monkeypatch.setattr(codes, "fit_decoder", fail)
    X = curved(120, 0)
    short = {"n_components": 1, "hidden_layer_sizes": (4,), "linear_path": None}
    make(**short, max_iter=3).fit(X)
    short |= {"max_iter": "auto", "early_stopping": True, "n_iter_no_change": 12, "tol": 0.5}
    short |= {"learning_rate_schedule": "cosine", "learning_rate": 0.03}
    make(**short, transform_max_iter=0).fit(X)
    make(**short, l1_penalty=1e-5).fit(X)
    make(**short, optimizer="lbfgs").fit(X)
    make(**short, loss="huber", transform_max_iter=3).fit(X)
    with pytest.raises(AssertionError, match="the decoder was trained"):
        make(**short).fit(X)


def test_a_decoder_that_gets_worse_on_rows_that_are_held_out_is_not_kept(monkeypatch):
    X = curved(600, 0)
    parameters = {"n_components": 1, "max_iter": "auto", "hidden_layer_sizes": (16,)}
    parameters["n_iter_no_change"] = 5
    expected = make(**parameters)
    with monkeypatch.context() as patch:
        patch.setattr(codes.CodeTransformer, "_fit_decoder", lambda *_: None)
        expected.fit(X)
    monkeypatch.setattr("sklearn_ae.training.decoder.one_cycle", lambda progress: 1000.0)
    fitted = make(**parameters).fit(X)
    np.testing.assert_array_equal(fitted.reconstruct(X), expected.reconstruct(X))

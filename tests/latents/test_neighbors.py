"""Codes that keep neighbours together."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context

from sklearn_ae import AutoencoderTransformer, load
from sklearn_ae.architectures import MLP
from sklearn_ae.corruption import GaussianNoise
from sklearn_ae.latents import Neighbors
from sklearn_ae.metrics import continuity, neighbors_overlap, trustworthiness


def make(**parameters):
    defaults = {"n_components": 2, "latent": "neighbors", "max_iter": 30, "random_state": 0}
    defaults["hidden_layer_sizes"] = (64, 64, 64)
    return AutoencoderTransformer(**defaults | parameters)


@pytest.fixture(scope="module")
def fitted(all_digits):
    return make().fit(all_digits[:1000])


def test_new_rows_come_to_their_neighbors(fitted, all_digits):
    new = all_digits[1000:1500]
    codes = fitted.transform(new)
    assert trustworthiness(new, codes, n_neighbors=15) > 0.94
    assert continuity(new, codes, n_neighbors=15) > 0.94


def test_the_way_back(fitted, all_digits):
    new = all_digits[1000:]
    assert fitted.score(new) > -0.75 * all_digits.var(axis=0).mean()
    np.testing.assert_allclose(
        fitted.inverse_transform(fitted.transform(new)), fitted.reconstruct(new), atol=1e-5
    )
    assert fitted.sample(3, random_state=0).shape == (3, 64)


def test_weight_trades_the_reconstruction_for_the_map(fitted, all_digits):
    X = all_digits[:1000]
    without = make(latent=Neighbors(weight=0.0)).fit(X)
    assert without.best_loss_ < fitted.best_loss_

    def overlap(autoencoder):
        return neighbors_overlap(X, autoencoder.transform(X), n_neighbors=15)

    assert overlap(fitted) > overlap(without) + 0.02


def test_a_string_is_a_deep_network():
    assert (
        make(max_iter=1, hidden_layer_sizes="auto").fit(np.eye(30)).plan_.hidden_layer_sizes
        == (256,) * 4
    )
    given = make(max_iter=1, hidden_layer_sizes=(5,)).fit(np.eye(30))
    assert given.plan_.hidden_layer_sizes == (5,)


def test_the_encoder_sees_noise_unless_another_corruption_is_given(digits):
    default, none = (
        make(max_iter=3, corruption=corruption).fit(digits).transform(digits)
        for corruption in (None, GaussianNoise(0.0))
    )
    assert not np.allclose(default, none)


@pytest.mark.parametrize("n_rows", [100, 1600])
def test_noise_moves_rows_less_than_neighbors_are_away(n_rows):
    # On a square of side 1000, the 15 nearest rows fill a circle.
    X = np.random.default_rng(0).uniform(0, 1000, size=(n_rows, 2))
    radius = 1000 * np.sqrt(15 / n_rows / np.pi)
    noise = make(n_components=1, max_iter=1).fit(X).net_.module_.corruption.scale
    assert 0.5 * radius < noise * np.sqrt(2) < 0.8 * radius


def test_wide_rows_are_mapped_by_their_leading_components(all_digits, tmp_path):
    # Each pixel becomes four.
    X, new = np.split(np.repeat(all_digits[:1300], 4, axis=1), [1000])
    fitted = make().fit(X)
    assert fitted.plan_.n_projected == 100
    codes = fitted.transform(new)
    assert trustworthiness(new, codes, n_neighbors=15) > 0.93
    assert fitted.inverse_transform(codes).shape == new.shape
    fitted.save(tmp_path / "map")
    np.testing.assert_array_equal(load(tmp_path / "map").transform(new), codes)
    further = fitted.partial_fit(X).transform(new)
    assert trustworthiness(new, further, n_neighbors=15) > 0.93


@pytest.mark.parametrize(
    "parameters",
    [
        {"corruption": "masking"},
        {"loss": "absolute_error"},
        {"output_activation": "logistic"},
        {"architecture": MLP((8,))},
    ],
)
def test_wide_rows_are_mapped_by_their_columns_if_these_matter(parameters):
    X = np.random.default_rng(0).uniform(size=(50, 110))
    fitted = make(max_iter=1, **parameters).fit(X)
    assert fitted.plan_.n_projected is None
    assert np.isfinite(fitted.transform(X)).all()


def test_sparse_rows_are_laid_out_as_dense_ones(digits):
    dense = make(max_iter=3).fit(digits)
    as_sparse = make(max_iter=3).fit(sparse.csr_array(digits))
    np.testing.assert_allclose(
        dense.transform(digits), as_sparse.transform(digits), rtol=0.05, atol=0.05
    )


def test_warm_start_goes_on_from_its_map(all_digits):
    X = all_digits[:500]
    fitted = make(warm_start=True, max_iter=30).fit(X)
    before = fitted.transform(X)
    after = fitted.fit(X).transform(X)
    both = np.corrcoef(before.T, after.T)[:2, 2:].diagonal()
    assert both.min() > 0.7


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_parts_of_few_rows(n_rows, digits):
    fitted = make(max_iter=1).partial_fit(digits)
    codes = fitted.partial_fit(digits[:n_rows]).transform(digits)
    assert np.isfinite(codes).all()


def test_equal_rows():
    codes = make(max_iter=2).fit_transform(np.ones((20, 3)))
    assert np.isfinite(codes).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"n_neighbors": 0}, "n_neighbors == 0"), ({"weight": -1}, "weight == -1")],
)
def test_parameters_are_checked(parameters, message, digits):
    with pytest.raises(ValueError, match=message):
        make(latent=Neighbors(**parameters)).fit(digits)


def test_not_all_rows_at_once(digits):
    with (
        config_context(working_memory=0.05),
        pytest.raises(ValueError, match="needs all training rows at once"),
    ):
        make(batch_size=20).fit(lambda: iter([digits]))

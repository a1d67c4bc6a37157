"""What holds for every latent."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV

from sklearn_ae import nn
from sklearn_ae.latents import (
    LATENTS,
    Adversarial,
    Contractive,
    Noisy,
    Sparse,
    TopK,
    Variational,
    Wasserstein,
)
from sklearn_ae.metrics import neg_reconstruction_error_scorer
from tests.latents.common import make


@pytest.mark.parametrize("name", LATENTS)
def test_name_stands_for_the_default(digits, name):
    by_name = make(latent=name, max_iter=2).fit_transform(digits)
    by_object = make(latent=LATENTS[name](), max_iter=2).fit_transform(digits)
    np.testing.assert_array_equal(by_name, by_object)
    assert not np.array_equal(by_name, make(max_iter=2).fit_transform(digits))


@pytest.mark.parametrize("latent", [Sparse(), Sparse("kl"), Contractive(), Wasserstein()], ids=repr)
def test_penalty_counts_weights(latent, digits):
    module = make(latent=latent, max_iter=1).fit(digits).net_.module_
    x = torch.tensor(digits[:10])
    weight = torch.tensor([0.0, 2.0], dtype=x.dtype).repeat(5)

    def penalty(rows, weight):
        module.latent.context = nn.Context(torch.Generator().manual_seed(0))
        return module.latent.penalty(module, module(rows), weight).item()

    assert penalty(x, weight) == pytest.approx(penalty(x[1::2], None))


@pytest.mark.parametrize("latent", LATENTS)
@pytest.mark.parametrize(("precision", "dtype"), [("float32", "float64"), ("float64", "float32")])
def test_weights_of_another_type_than_the_network(latent, precision, dtype, digits):
    X = digits.astype(dtype)
    fitted = make(latent=latent, precision=precision, max_iter=2)
    fitted.fit(X, sample_weight=np.linspace(0.5, 1.5, len(X)))
    assert fitted.transform(X).dtype == precision


def test_sparse_codes_have_no_linear_path(digits):
    assert make(latent="sparse", max_iter=1).fit(digits).net_.module_.linear_path is None
    assert make(latent="contractive", max_iter=1).fit(digits).net_.module_.linear_path is not None
    with pytest.raises(ValueError, match="linear_path='pca' is not supported with TopK"):
        make(latent=TopK(), linear_path="pca").fit(digits)


@pytest.mark.parametrize(
    ("latent", "message"),
    [
        (Sparse("l0"), r"penalty must be one of \['kl', 'l1'\], got 'l0'"),
        (Sparse(weight=-1), "weight == -1"),
        (Sparse("kl", target=0), "target == 0"),
        (TopK(0), "k == 0"),
        (TopK(9), "k == 9, must be <= 8"),
        (Contractive(-1), "weight == -1"),
        (Noisy(-1), "scale == -1"),
        (Wasserstein(-1), "weight == -1"),
        (Adversarial(-1), "weight == -1"),
        (Variational(beta=-1), "beta == -1"),
        (Variational(warm_up=-1), "warm_up == -1"),
        (Variational(free_bits=-1), "free_bits == -1"),
        (Variational(n_samples=0), "n_samples == 0"),
        (Variational(n_samples=2, free_bits=1), "free_bits=1 is not supported with n_samples=2"),
    ],
    ids=repr,
)
def test_bad_parameters(latent, message, digits):
    with pytest.raises(ValueError, match=message):
        make(latent=latent).fit(digits)


def test_search_over_its_parameters(digits):
    search = GridSearchCV(
        make(latent=Sparse(), max_iter=10),
        {"latent__weight": [1e-4, 10.0]},
        scoring=neg_reconstruction_error_scorer,
        cv=2,
    ).fit(digits)
    assert search.best_params_ == {"latent__weight": 1e-4}


class Bounded(BaseEstimator):
    """A latent as a user would write it."""

    def build(self, n_components):
        return _Bounded()


class _Bounded(nn.Latent):
    def forward(self, hidden):
        return hidden.tanh()


def test_own_latent_has_no_linear_path_unless_it_says_so(digits):
    fitted = make(latent=Bounded(), max_iter=5).fit(digits)
    assert (np.abs(fitted.transform(digits)) < 1).all()
    assert fitted.net_.module_.linear_path is None


def test_only_the_plain_latent_is_the_identity(generator):
    hidden = torch.randn(5, 4, generator=generator)
    assert nn.IdentityLatent()(hidden) is hidden
    assert nn.IdentityLatent().is_identity
    assert nn.IdentityLatent().allows_linear_path
    for name, parameters in LATENTS.items():
        latent = parameters().build(2, generator=generator)
        assert not latent.is_identity
        assert latent.allows_linear_path == (name in ("contractive", "noisy"))
        assert latent.has_likelihood == parameters.has_likelihood == (name == "variational")
    assert not nn.Latent().allows_linear_path


@pytest.mark.parametrize("name", LATENTS)
def test_codes_are_not_random(name, digits):
    fitted = make(latent=name, max_iter=2).fit(digits)
    codes = fitted.transform(digits)
    np.testing.assert_array_equal(codes, fitted.transform(digits))
    np.testing.assert_allclose(codes[:1], fitted.transform(digits[:1]), atol=1e-12)


@pytest.mark.parametrize("name", LATENTS)
def test_trains_in_parts(name, digits):
    estimator = make(latent=name, learning_rate=3e-3)
    for _ in range(15):
        estimator.partial_fit(digits)
    assert estimator.score(digits) > -0.8 * digits.var(axis=0).mean()

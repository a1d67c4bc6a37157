import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV

from sklearn_ae import AutoencoderTransformer, nn
from sklearn_ae.latents import LATENTS, Contractive, Sparse, TopK
from sklearn_ae.metrics import neg_reconstruction_error_scorer


def make(**parameters):
    defaults = {"n_components": 8, "max_iter": 20, "random_state": 0}
    return AutoencoderTransformer(**defaults | parameters)


@pytest.mark.parametrize("name", LATENTS)
def test_name_stands_for_the_default(digits, name):
    by_name = make(latent=name, max_iter=2).fit_transform(digits)
    by_object = make(latent=LATENTS[name](), max_iter=2).fit_transform(digits)
    np.testing.assert_array_equal(by_name, by_object)
    assert not np.array_equal(by_name, make(max_iter=2).fit_transform(digits))


def test_stronger_l1_makes_more_zeros_and_more_error(digits):
    fits = [
        make(n_components=100, latent=Sparse(weight=weight)).fit(digits)
        for weight in (1e-4, 0.05, 0.3)
    ]
    zeros = [(fit.transform(digits) == 0).mean() for fit in fits]
    assert zeros == sorted(zeros)
    assert zeros[-1] > 0.6
    scores = [fit.score(digits) for fit in fits]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("target", [0.05, 0.2])
def test_divergence_reaches_its_target(digits, target):
    fitted = make(n_components=100, latent=Sparse("kl", target=target), max_iter=100).fit(digits)
    codes = fitted.transform(digits)
    assert ((codes >= 0) & (codes <= 1)).all()
    assert codes.mean() == pytest.approx(target, rel=0.2)
    assert fitted.score(digits) > -0.5 * digits.var(axis=0).mean()


@pytest.mark.parametrize("k", [1, 5, 20])
def test_top_k_keeps_k_and_the_largest(digits, k):
    fitted = make(n_components=20, latent=TopK(k), max_iter=3).fit(digits)
    codes = fitted.transform(digits)
    assert ((codes != 0).sum(axis=1) == k).all()
    latent = TopK(k).build(20)
    hidden = torch.randn(6, 20, generator=torch.Generator().manual_seed(0))
    kept = latent(hidden)
    for row, dropped in zip(kept, hidden - kept, strict=True):
        assert k == 20 or row[row != 0].min() > dropped[dropped != 0].max()


@pytest.mark.parametrize(("n_components", "k"), [(3, 1), (10, 1), (64, 6)])
def test_top_k_by_default(n_components, k):
    assert TopK().build(n_components).k == k


def squared_slope(fitted, X):
    """Compute the mean squared norm of the Jacobian, exactly, divided by the code size."""
    module = fitted.net_.module_
    standard = module.standardize(torch.tensor(X)).requires_grad_()
    code = module.encode_standard(standard)
    slopes = [
        torch.autograd.grad(code[:, i].sum(), standard, retain_graph=True)[0]
        for i in range(code.shape[1])
    ]
    return float(torch.stack(slopes).square().sum(dim=(0, 2)).mean() / len(slopes))


def test_contraction_lowers_the_slope_at_about_the_same_error(digits):
    plain = make(max_iter=40).fit(digits)
    contractive = make(max_iter=40, latent=Contractive(0.01)).fit(digits)
    assert squared_slope(contractive, digits) < 0.5 * squared_slope(plain, digits)
    assert contractive.score(digits) > 1.1 * plain.score(digits)


def test_contraction_is_estimated_without_bias(digits):
    fitted = make(latent=Contractive(2.0), max_iter=3).fit(digits)
    module, rows = fitted.net_.module_, digits[:100]
    module.latent.context = nn.Context(torch.Generator().manual_seed(0))
    output = module(torch.tensor(rows))
    penalties = [module.latent.penalty(module, output, None).item() for _ in range(2000)]
    assert np.mean(penalties) == pytest.approx(2 * squared_slope(fitted, rows), rel=0.05)


def test_slope_of_pca_is_one(digits):
    fitted = make(max_iter=1, learning_rate=1e-12).fit(digits)
    assert squared_slope(fitted, digits) == pytest.approx(1)


@pytest.mark.parametrize("latent", [Sparse(), Sparse("kl"), Contractive()], ids=repr)
def test_penalty_counts_weights(latent, digits):
    module = make(latent=latent, max_iter=1).fit(digits).net_.module_
    x = torch.tensor(digits[:10])
    weight = torch.tensor([0.0, 2.0], dtype=x.dtype).repeat(5)

    def penalty(rows, weight):
        module.latent.context = nn.Context(torch.Generator().manual_seed(0))
        return module.latent.penalty(module, module(rows), weight).item()

    assert penalty(x, weight) == pytest.approx(penalty(x[1::2], None))


@pytest.mark.parametrize("latent", ["sparse", "contractive"])
@pytest.mark.parametrize(("precision", "dtype"), [("float32", "float64"), ("float64", "float32")])
def test_weights_of_another_type_than_the_network(latent, precision, dtype, digits):
    X = digits.astype(dtype)
    fitted = make(latent=latent, precision=precision, max_iter=2)
    fitted.fit(X, sample_weight=np.linspace(0.5, 1.5, len(X)))
    assert fitted.transform(X).dtype == precision


def test_divergence_is_that_of_kullback_and_leibler():
    latent = Sparse("kl", weight=2.0, target=0.1).build(3)
    code = torch.tensor([[0.1, 0.3, 0.5], [0.1, 0.1, 0.7]])
    bernoulli = torch.distributions.Bernoulli
    expected = torch.distributions.kl_divergence(bernoulli(0.1), bernoulli(code.mean(0))).mean()
    output = nn.Output(code, code, code, code)
    torch.testing.assert_close(latent.penalty(None, output, None), 2 * expected)


def test_sparse_codes_have_no_linear_path(digits):
    assert make(latent="sparse", max_iter=1).fit(digits).net_.module_.linear_path is None
    assert make(latent="contractive", max_iter=1).fit(digits).net_.module_.linear_path is not None
    with pytest.raises(ValueError, match="linear_path='pca' has no meaning with TopK"):
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
    ],
    ids=repr,
)
def test_bad_parameters(latent, message, digits):
    with pytest.raises(ValueError, match=message):
        make(latent=latent).fit(digits)


def test_search_over_its_parameters(digits):
    search = GridSearchCV(
        make(latent=Sparse(), max_iter=3),
        {"latent__weight": [1e-4, 10.0]},
        scoring=neg_reconstruction_error_scorer,
        cv=2,
    ).fit(digits)
    assert search.best_params_ == {"latent__weight": 1e-4}


class Bounded(BaseEstimator):
    """What a user would write."""

    has_linear_path = False

    def build(self, n_components):
        return _Bounded()


class _Bounded(nn.Latent):
    def forward(self, hidden):
        return hidden.tanh()


def test_own_latent(digits):
    codes = make(latent=Bounded(), max_iter=5).fit_transform(digits)
    assert (np.abs(codes) < 1).all()

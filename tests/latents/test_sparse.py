import pytest
import torch

from sklearn_ae import nn
from sklearn_ae.latents import Sparse, TopK
from tests.latents.common import make


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


def test_divergence_is_that_of_kullback_and_leibler():
    latent = Sparse("kl", weight=2.0, target=0.1).build(3)
    code = torch.tensor([[0.1, 0.3, 0.5], [0.1, 0.1, 0.7]])
    bernoulli = torch.distributions.Bernoulli
    expected = torch.distributions.kl_divergence(bernoulli(0.1), bernoulli(code.mean(0))).mean()
    output = nn.Output(code, code, code, code)
    torch.testing.assert_close(latent.penalty(None, output, None), 2 * expected)

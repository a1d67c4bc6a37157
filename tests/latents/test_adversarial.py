import numpy as np
import pytest
import torch

from sklearn_ae import nn
from sklearn_ae.latents import Adversarial
from sklearn_ae.latents.wasserstein import squared_discrepancy
from tests.latents.common import make


def accuracy(fitted, X, seed=0):
    """How often the discriminator tells codes from draws of the prior."""
    discriminator = fitted.net_.module_.latent.discriminator
    codes = torch.tensor(fitted.transform(X))
    prior = torch.randn(codes.shape, generator=torch.Generator().manual_seed(seed)).to(codes)
    with torch.inference_mode():
        right = (discriminator(prior) > 0).double().mean() + (
            discriminator(codes) <= 0
        ).double().mean()
    return float(right) / 2


def test_discriminator_is_deceived(all_digits):
    train, test = all_digits[:600], all_digits[600:1000]
    fitted = make(latent="adversarial", max_iter=60).fit(train)
    assert accuracy(fitted, test) < 0.75
    codes = fitted.transform(test)
    assert np.abs(codes.mean(axis=0)).max() < 0.4
    assert codes.std(axis=0) == pytest.approx(1, abs=0.4)
    assert fitted.score(test) > -0.5 * test.var(axis=0).mean()


def test_discriminator_is_not_deceived_for_nothing(all_digits):
    # With no weight on deceiving it, the same discriminator tells codes from draws.
    fitted = make(latent=Adversarial(weight=1e-6), max_iter=60).fit(all_digits[:600])
    assert accuracy(fitted, all_digits[600:1000]) > 0.9


@pytest.fixture
def game(generator):
    latent = Adversarial(weight=2.0).build(3, generator=generator)
    latent.context = nn.Context(generator)
    code = (torch.randn(64, 3, generator=generator) + 2).requires_grad_()
    return latent, code, nn.Output(code, code, code, code)


def test_value_is_the_discrepancy(game):
    latent, code, output = game
    expected = 1 + 2 * squared_discrepancy(code)
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            _, value = latent.objective(None, output, torch.ones(64), None)
        torch.testing.assert_close(value, expected.detach())


def test_each_side_follows_its_own_gradient(game):
    latent, code, output = game
    optimizer = torch.optim.SGD(latent.parameters(), lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        latent.objective(None, output, torch.zeros(64), None).loss.backward()
        optimizer.step()
    # The discriminator has learnt. A step of the codes along their gradient deceives it more.
    assert latent.discriminator(code).mean() < -0.3
    code.grad = None
    latent.objective(None, output, torch.zeros(64), None).loss.backward()
    moved = code.detach() - 5 * code.grad
    assert latent.discriminator(moved).mean() > latent.discriminator(code).mean()

import numpy as np
import torch

from sklearn_ae import nn
from sklearn_ae.latents import Noisy
from tests.latents.common import make


def disturbed_error(fitted, X, scale):
    """Give the error of decoded codes that are disturbed."""
    codes = fitted.transform(X)
    noise = np.random.default_rng(0).normal(size=codes.shape)
    disturbed = fitted.inverse_transform(codes + scale * codes.std(axis=0) * noise)
    return np.mean((disturbed - X) ** 2)


def test_disturbed_codes_are_decoded_better(all_digits):
    train, test = all_digits[:600], all_digits[600:1000]
    noisy = make(latent=Noisy(0.5), n_components=16, max_iter=60).fit(train)
    plain = make(n_components=16, max_iter=60).fit(train)
    assert disturbed_error(noisy, test, 0.5) < 0.95 * disturbed_error(plain, test, 0.5)


def test_noise_has_the_scale_of_the_code():
    latent = Noisy(0.3).build(3)
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(20_000, 3, generator=generator) * torch.tensor([1.0, 10.0, 0.0]) + 5
    latent.context = nn.Context(generator)
    std = (latent(hidden) - hidden).std(dim=0)
    torch.testing.assert_close(std, torch.tensor([0.3, 3.0, 0.0]), rtol=0.03, atol=1e-6)


def test_scale_counts_weights():
    latent = Noisy(1.0).build(1)
    hidden = torch.tensor([[0.0], [1.0], [100.0]])

    def noise(rows, weight):
        latent.context = nn.Context(torch.Generator().manual_seed(0))
        latent.context.weight = weight
        return latent(rows) - rows

    weighted = noise(hidden, torch.tensor([1.0, 1.0, 0.0]))
    assert weighted.abs().max() < 3
    assert noise(hidden, None).abs().max() > 3

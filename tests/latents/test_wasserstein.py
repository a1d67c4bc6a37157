import pytest
import torch

from sklearn_ae.latents.wasserstein import _WIDTHS, squared_discrepancy
from tests.latents.common import make


def test_discrepancy_is_that_from_draws_of_the_prior(generator):
    """The known means of the kernels agree with those over many draws."""
    code = 0.5 * torch.randn(50, 3, generator=generator, dtype=torch.float64) + 1
    prior = torch.randn(4000, 3, generator=generator, dtype=torch.float64)
    expected = 0.0
    for width in _WIDTHS:

        def kernel(a, b, width=width):
            return (-(torch.cdist(a, b) ** 2) / (4 * 3 * width**2)).exp()

        among_prior = (kernel(prior, prior).sum() - len(prior)) / (len(prior) * (len(prior) - 1))
        expected += kernel(code, code).mean() - 2 * kernel(code, prior).mean() + among_prior
    actual = squared_discrepancy(code)
    assert actual.item() == pytest.approx(expected.item() / len(_WIDTHS), rel=0.05)


@pytest.mark.parametrize("n_components", [1, 2, 32])
def test_normal_codes_have_the_least(n_components, generator):
    normal = torch.randn(2000, n_components, generator=generator)
    least = squared_discrepancy(normal)
    assert 0 < least < 2e-3
    for other in (normal + 0.5, 2 * normal, 0.5 * normal, normal.abs(), 0 * normal):
        assert squared_discrepancy(other) > 3 * least


def test_codes_become_normal(all_digits):
    fitted = make(latent="wasserstein", max_iter=60).fit(all_digits)
    codes = torch.tensor(fitted.transform(all_digits))
    plain = make(linear_path=None, n_refinement_steps=0)
    plain = torch.tensor(plain.fit_transform(all_digits))
    plain = (plain - plain.mean(0)) / plain.std(0)
    floor = squared_discrepancy(
        torch.randn(codes.shape, generator=torch.Generator().manual_seed(0))
    )
    assert squared_discrepancy(codes) - floor < 0.2 * (squared_discrepancy(plain) - floor)
    assert fitted.score(all_digits) > -0.4 * all_digits.var(axis=0).mean()


def test_discrepancy_has_a_slope(generator):
    code = (torch.randn(100, 2, generator=generator) + 1).requires_grad_()
    squared_discrepancy(code).backward()
    assert code.grad.mean(0).min() > 0

import numpy as np
import pytest
import torch

from sklearn_ae import nn
from sklearn_ae.latents import Contractive
from tests.latents.common import make


def squared_jacobian(fitted, X):
    """Compute the mean squared norm of the Jacobian, exactly, divided by the code size."""
    module = fitted.net_.module_
    standard = module.standardize(torch.tensor(X)).requires_grad_()
    code = module.encode_standard(standard)
    gradients = [
        torch.autograd.grad(code[:, i].sum(), standard, retain_graph=True)[0]
        for i in range(code.shape[1])
    ]
    return float(torch.stack(gradients).square().sum(dim=(0, 2)).mean() / len(gradients))


def test_contraction_lowers_the_jacobian_at_about_the_same_error(digits):
    plain = make(max_iter=40, n_refinement_steps=0).fit(digits)
    contractive = make(max_iter=40, latent=Contractive(0.01)).fit(digits)
    assert squared_jacobian(contractive, digits) < 0.5 * squared_jacobian(plain, digits)
    assert contractive.score(digits) > 1.5 * plain.score(digits)


def test_contraction_is_estimated_without_bias(digits):
    fitted = make(latent=Contractive(2.0), max_iter=3).fit(digits)
    module, rows = fitted.net_.module_, digits[:100]
    module.latent.context = nn.Context(torch.Generator().manual_seed(0))
    output = module(torch.tensor(rows))
    penalties = [module.latent.penalty(module, output, None).item() for _ in range(2000)]
    assert np.mean(penalties) == pytest.approx(2 * squared_jacobian(fitted, rows), rel=0.05)


def test_jacobian_of_pca_is_one(digits):
    fitted = make(max_iter=1, learning_rate=1e-12).fit(digits)
    assert squared_jacobian(fitted, digits) == pytest.approx(1)

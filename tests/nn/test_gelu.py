import pytest
import torch
from torch.nn import functional

from sklearn_ae.nn import GELU


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (5, 7), (400, 100), (2, 5, 7), (0, 3)])
def test_is_that_of_pytorch(shape, generator):
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    one, other = (x.clone().requires_grad_() for _ in range(2))
    y, expected = GELU()(one), functional.gelu(other)
    assert y.is_contiguous()
    torch.testing.assert_close(y, expected)
    y.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(one.grad, other.grad)

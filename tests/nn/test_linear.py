import pytest
import torch

from sklearn_ae.nn import Linear


@pytest.mark.parametrize("shape", [(), (1,), (6,), (2, 6), (3, 2, 6)])
def test_maps_the_last_dimension(shape, generator):
    layer = Linear(4, 3, generator=generator)
    x = torch.randn(*shape, 4, generator=generator)
    expected = torch.einsum("...i,io->...o", x, layer.weight) + layer.bias[0]
    torch.testing.assert_close(layer(x), expected)


def test_initial_weights_are_those_of_torch(generator):
    ours, theirs = Linear(100, 200, generator=generator), torch.nn.Linear(100, 200)
    for one, other in ((ours.weight, theirs.weight), (ours.bias, theirs.bias)):
        assert one.abs().max() <= 0.1
        torch.testing.assert_close(one.std(), other.std(), rtol=0.2, atol=0)


def test_describes_itself():
    assert repr(Linear(3, 2)) == "Linear(3, 2)"

import pytest
import torch
from torch import nn

from sklearn_ae.nn import LinearPath, Stack, starts_at_zero, zero_last_layer


@pytest.fixture
def components(generator):
    return torch.linalg.qr(torch.randn(6, 3, generator=generator, dtype=torch.float64))[0].T


@pytest.mark.parametrize("n_components", [3, 5])
def test_projects_onto_the_components(components, n_components, generator):
    path = LinearPath(components, n_components, generator=generator)
    x = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    code = path.encode(x)
    assert code.shape == (4, n_components)
    torch.testing.assert_close(code[:, :3], x @ components.T)
    torch.testing.assert_close(path.decode(code), x @ components.T @ components)


def test_further_codes_can_learn(components, generator):
    path = LinearPath(components, 5, generator=generator)
    x = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    (path.decode(path.encode(x)) - x).square().mean().backward()
    assert (path.decoder_weight.grad[3:].abs() > 0).all()


@pytest.mark.parametrize(
    "network",
    [
        Stack([6, 8, 2]),
        nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)),
        nn.Sequential(nn.Linear(6, 8), nn.Unflatten(-1, (1, 8)), nn.ConvTranspose1d(1, 2, 3)),
    ],
)
def test_zero_last_layer(network):
    first = next(network.parameters()).clone()
    zero_last_layer(network)
    output = network(torch.ones(4, 6))
    assert (output == 0).all()
    assert next(network.parameters()).equal(first)
    (output - 1).square().mean().backward()
    assert any((p.grad.abs() > 0).any() for p in network.parameters())


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (Stack([6, 8, 2]), True),
        (nn.Linear(6, 2), True),
        (nn.Sequential(nn.Linear(6, 2), nn.Tanh()), True),
        (nn.Sequential(nn.Linear(6, 2), nn.Sigmoid()), False),
        (nn.Identity(), False),
    ],
)
def test_starts_at_zero(network, expected):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert starts_at_zero(network, 6) is expected
    assert all(tensor.equal(before[name]) for name, tensor in network.state_dict().items())


def test_zero_last_layer_of_a_network_without_parameters():
    zero_last_layer(nn.Identity())

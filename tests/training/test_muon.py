import copy

import pytest
import torch

from sklearn_ae.nn import Linear
from sklearn_ae.training.muon import Muon, orthogonalized


@pytest.mark.parametrize("shape", [(5, 5), (3, 20), (20, 3), (4, 6, 9)])
def test_singular_values_are_about_one(shape, generator):
    matrix = torch.randn(shape, generator=generator) * 100
    found = orthogonalized(matrix)
    assert found.shape == shape
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.3  # the smallest ones of a random square matrix are still on their way
    assert values.max() < 1.3
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    overlap = (u.mT @ found @ vh.mT).diagonal(dim1=-2, dim2=-1)
    torch.testing.assert_close(overlap, values.flip(-1).flip(-1), atol=0.8, rtol=0)


def test_zero_gradient_makes_no_step():
    layer = Linear(3, 4)
    before = copy.deepcopy(layer.state_dict())
    (layer(torch.ones(2, 3)).sum() * 0).backward()
    Muon(layer.parameters(), lr=1).step()
    assert all(tensor.equal(before[name]) for name, tensor in layer.state_dict().items())


def test_vectors_are_updated_by_adam(generator):
    start = torch.randn(7, generator=generator)
    found = []
    for factory in (Muon, torch.optim.Adam):
        parameter = torch.nn.Parameter(start.clone())
        optimizer = factory([parameter], lr=0.1)
        for i in range(5):
            optimizer.zero_grad()
            (parameter**2).sum().mul(i + 1).backward()
            optimizer.step()
        found.append(parameter.detach())
    torch.testing.assert_close(*found)


def test_members_are_updated_each_for_itself(generator):
    gradient = torch.randn(2, 5, 4, generator=generator)
    together = torch.nn.Parameter(torch.zeros(2, 5, 4))
    alone = [torch.nn.Parameter(torch.zeros(5, 4)) for _ in range(2)]
    together.grad = gradient
    for parameter, part in zip(alone, gradient, strict=True):
        parameter.grad = part
    Muon([together]).step()
    Muon(alone).step()
    torch.testing.assert_close(together, torch.stack(alone))


def test_step_has_the_size_of_adams(generator):
    parameter = torch.nn.Parameter(torch.zeros(50, 80))
    parameter.grad = torch.randn(50, 80, generator=generator)
    Muon([parameter], lr=1.0).step()
    assert 0.1 < parameter.detach().square().mean().sqrt() < 0.3


def test_convolutions_are_matrices(generator):
    layer = torch.nn.Conv2d(3, 4, 3)
    layer(torch.randn(2, 3, 5, 5, generator=generator)).square().mean().backward()
    before = layer.weight.detach().clone()
    Muon(layer.parameters()).step()
    step = (before - layer.weight.detach()).flatten(1)
    values = torch.linalg.svdvals(step)
    assert values.max() < 4 * values.min()


def test_weight_decay_and_closure():
    parameter = torch.nn.Parameter(torch.ones(3, 4))
    optimizer = Muon([parameter], lr=0.5, weight_decay=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (parameter * 0).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) == 0
    torch.testing.assert_close(parameter.detach(), torch.full((3, 4), 0.95))

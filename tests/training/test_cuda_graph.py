import pytest
import torch

from sklearn_ae.nn import Autoencoder, LinearPath, Stack
from sklearn_ae.training.cuda_graph import GraphedStep
from sklearn_ae.training.engine import Members

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def make_members(n_members=1, **options):
    generator = torch.Generator().manual_seed(0)
    module = Autoencoder(
        Stack([6, 8, 2], generator=generator),
        Stack([2, 8, 6], generator=generator),
        shift=torch.zeros(6),
        scale=torch.ones(()),
        linear_path=LinearPath(torch.eye(6)[:2], 2, generator=generator),
    ).cuda()
    paths = None if n_members == 1 else [module.linear_path] * n_members
    return Members(module, 0.1, linear_paths=paths, **options)


@pytest.mark.parametrize(("n_members", "max_grad_norm"), [(1, None), (1, 0.1), (3, None)])
@pytest.mark.parametrize("weighted", [False, True])
def test_replayed_steps_are_the_steps(n_members, max_grad_norm, weighted):
    plain, graphed = (make_members(n_members, max_grad_norm=max_grad_norm) for _ in range(2))
    step = GraphedStep(graphed.step, graphed.state()["tensors"])
    for number in range(12):
        x = torch.randn(20 + number % 2, 6, device="cuda")
        weight = torch.rand(len(x), n_members, device="cuda") if weighted else None
        with torch.no_grad():
            expected = plain.step(x, weight, 0.01 / (1 + number))
            found = step(x, weight, 0.01 / (1 + number))
        torch.testing.assert_close(found, expected)
    torch.testing.assert_close(graphed.values, plain.values)
    assert float(graphed._n_steps) == 12

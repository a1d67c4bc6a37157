"""Members are trained as they would be by themselves."""

import pytest
import torch

from sklearn_ae.nn import Autoencoder, LinearPath, Stack
from sklearn_ae.training import Members

N_FEATURES, N_COMPONENTS, N_ROWS = 5, 2, 12


def make_module(seed, *, bounds=None, path=True):
    generator = torch.Generator().manual_seed(seed)
    axes = torch.eye(N_FEATURES, dtype=torch.float64)[:N_COMPONENTS]
    return Autoencoder(
        Stack([N_FEATURES, 4, N_COMPONENTS], generator=generator),
        Stack([N_COMPONENTS, 4, N_FEATURES], generator=generator),
        shift=torch.zeros(N_FEATURES, dtype=torch.float64),
        scale=torch.ones((), dtype=torch.float64),
        linear_path=LinearPath(axes, N_COMPONENTS, generator=generator) if path else None,
        bounds=bounds,
    ).double()


def make_batch(seed, n_rows=N_ROWS):
    return torch.randn(
        n_rows, N_FEATURES, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )


def by_autograd(module, x, optimizer, max_norm=None):
    """Make a step as PyTorch does it, and give the loss."""
    optimizer.zero_grad()
    output = module.to_standard_units(module.decode_raw(module.encode_standard(x)))
    loss = (output - x).square().mean()
    loss.backward()
    if max_norm is not None:
        torch.nn.utils.clip_grad_norm_(module.parameters(), max_norm)
    optimizer.step()
    return float(loss.detach())


def make_optimizer(module, rate, decay, kind=torch.optim.AdamW):
    path = [] if module.linear_path is None else list(module.linear_path.parameters())
    others = [each for each in module.parameters() if not any(each is p for p in path)]
    groups = [{"params": others, "weight_decay": decay}, {"params": path, "weight_decay": 0.0}]
    return kind([group for group in groups if group["params"]], lr=rate)


def weights_of(module):
    return [each.detach().clone() for each in module.parameters()]


@pytest.mark.parametrize("path", [True, False])
@pytest.mark.parametrize("max_norm", [None, 0.05])
@pytest.mark.parametrize("decoupled", [True, False])
@pytest.mark.parametrize("n_members", [1, 3])
def test_a_step_is_that_of_pytorch(n_members, decoupled, max_norm, path):
    modules = [make_module(seed, path=path) for seed in range(n_members)]
    rates, decays = [0.01, 0.01, 0.1][:n_members], [0.0, 0.2, 0.2][:n_members]
    members = Members(
        modules[0],
        [weights_of(module) for module in modules],
        decays,
        decoupled=decoupled,
        max_grad_norm=max_norm,
    )
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    optimizers = [make_optimizer(*each, kind) for each in zip(modules, rates, decays, strict=True)]
    weight = torch.full((n_members, N_ROWS, 1), 1 / N_ROWS, dtype=torch.float64)
    for step in range(3):
        x = torch.stack([make_batch(10 * step + i) for i in range(n_members)])
        losses = members.step(x, weight, rates).tolist()
        expected = [
            by_autograd(*each, max_norm) for each in zip(modules, x, optimizers, strict=True)
        ]
        assert losses == pytest.approx(expected, rel=1e-12)
    for i, module in enumerate(modules):
        for found, parameter in zip(members.weights(i), module.parameters(), strict=True):
            torch.testing.assert_close(found, parameter.detach(), rtol=1e-9, atol=1e-12)


def test_each_member_has_its_bounds():
    bounds = [
        torch.tensor([[low] * N_FEATURES, [high] * N_FEATURES], dtype=torch.float64)
        for low, high in ((-0.1, 0.1), (-torch.inf, 0.3))
    ]
    modules = [make_module(i, bounds=each) for i, each in enumerate(bounds)]
    members = Members(modules[0], [weights_of(m) for m in modules], 0.0, bounds=bounds)
    x = make_batch(0)
    together = members.network.errors(x.expand(2, -1, -1))
    for i, module in enumerate(modules):
        expected = 0.5 * (
            module.to_standard_units(module.decode_raw(module.encode_standard(x))) - x
        )
        expected = 2 * expected.square().sum(-1).detach()
        torch.testing.assert_close(together[i], expected)
        torch.testing.assert_close(members.network_of(i).errors(x), expected)


def test_members_that_are_kept_go_on_as_before():
    def trained(kept):
        modules = [make_module(seed) for seed in range(3)]
        members = Members(modules[0], [weights_of(m) for m in modules], [0.0, 0.1, 0.2])
        places = [0, 1, 2]
        for step in range(4):
            if step == 2 and kept:
                places, members = kept, members.keep(kept)
            x = torch.stack([make_batch(10 * step + i) for i in places])
            weight = torch.full((len(places), N_ROWS, 1), 1 / N_ROWS, dtype=torch.float64)
            members.step(x, weight, [0.01] * len(places))
        return dict(zip(places, map(members.weights, range(len(places))), strict=True))

    everything = trained([])
    for kept in ([0, 2], [1]):
        found = trained(kept)
        assert list(found) == kept
        for place in kept:
            for a, b in zip(found[place], everything[place], strict=True):
                torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)

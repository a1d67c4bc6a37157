import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sklearn_ae.latents import Variational
from sklearn_ae.nn import (
    ACTIVATIONS,
    Autoencoder,
    Chain,
    GaussianNoise,
    LinearPath,
    Stack,
    TiedStack,
    stack_members,
)
from sklearn_ae.nn.nearest_code import pull


def make(sizes=(6, 5, 4, 3), activation="gelu", *, path=False, **parameters):
    generator = torch.Generator().manual_seed(0)
    n_features, n_components = sizes[0], sizes[-1]
    if path:
        components = torch.eye(n_features, dtype=torch.float64)[:n_components]
        parameters["linear_path"] = LinearPath(components, n_components, generator=generator)
    parameters.setdefault("encoder", Stack(sizes, activation=activation, generator=generator))
    parameters.setdefault("decoder", Stack(sizes[::-1], activation=activation, generator=generator))
    shift = torch.zeros(n_features)
    autoencoder = Autoencoder(shift=shift, scale=torch.ones(()), **parameters).double()
    autoencoder.dtype = torch.float64
    return autoencoder


def with_gradients(autoencoder):
    for parameter in autoencoder.parameters():
        parameter.grad = torch.full_like(parameter, torch.nan)
    return autoencoder


def loss_by_autograd(autoencoder, x, weight):
    loss = (autoencoder.to_standard_units(autoencoder(x).raw) - x).square().mean(dim=-1)
    return (loss if weight is None else loss * weight).mean()


def gradients(autoencoder):
    return [parameter.grad.clone() for parameter in autoencoder.parameters()]


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 7), min_size=2, max_size=5),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    path=st.booleans(),
    weighted=st.booleans(),
    bounded=st.booleans(),
    n_rows=st.integers(1, 9),
)
def test_gradients_are_those_of_autograd(sizes, activation, path, weighted, bounded, n_rows):
    sizes = [max(sizes), *sizes[1:]]  # no more components than features
    bounds = None
    if bounded:  # of rows that go beyond: the gradient does not stop there
        bounds = torch.tensor([[-0.1], [0.2]], dtype=torch.float64).repeat(1, sizes[0])
    autoencoder = with_gradients(make(sizes, activation, path=path, bounds=bounds))
    assert Chain.fits(autoencoder)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n_rows, sizes[0], generator=generator, dtype=torch.float64)
    weight = torch.rand(n_rows, generator=generator, dtype=torch.float64) if weighted else None
    chain = Chain(autoencoder, n_rows=9)
    chain.backward(x[:1])  # leaves nothing behind in the memory that is used again
    before = x.clone()
    total = chain.backward(x, weight)
    by_hand = gradients(autoencoder)
    assert x.equal(before)

    autoencoder.zero_grad()
    loss = loss_by_autograd(autoencoder, x, weight)
    loss.backward()
    torch.testing.assert_close(total / x.numel(), loss.detach())
    torch.testing.assert_close(by_hand, gradients(autoencoder))


def test_loss_leaves_the_gradients_alone():
    autoencoder = with_gradients(make(path=True))
    x = torch.rand(7, 6, dtype=torch.float64)
    chain = Chain(autoencoder, n_rows=7)
    total = chain.backward(x)
    before = gradients(autoencoder)
    assert chain.loss(x + 1) > chain.loss(x) == total
    assert all(map(torch.equal, gradients(autoencoder), before))


@pytest.mark.parametrize("weighted", [False, True])
def test_loss_at_the_nearest_codes(weighted):
    bounds = torch.tensor([[-0.1], [0.5]], dtype=torch.float64).repeat(1, 6)
    autoencoder = with_gradients(make(path=True, bounds=bounds))
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(7, 6, generator=generator, dtype=torch.float64)
    weight = torch.rand(7, generator=generator, dtype=torch.float64) if weighted else torch.ones(7)
    chain = Chain(autoencoder, n_rows=7)
    losses = []
    for n_steps in (0, 1, 4):
        output = autoencoder.approach(autoencoder(x), n_steps)
        errors = (autoencoder.to_standard_units(output.raw) - x).square().sum(-1)
        losses.append(chain.loss(x, weight if weighted else None, n_steps))
        torch.testing.assert_close(losses[-1], (weight * errors).sum().detach())
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


def test_products_in_bfloat16():
    autoencoder = with_gradients(make((20, 16, 4), path=True))
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(50, 20, generator=generator, dtype=torch.float64)
    total = Chain(autoencoder, n_rows=50).backward(x)
    exact = torch.cat([gradient.flatten() for gradient in gradients(autoencoder)])
    coarse_chain = Chain(autoencoder, n_rows=50, dtype=torch.bfloat16)
    coarse_total = coarse_chain.backward(x)
    coarse = torch.cat([gradient.flatten() for gradient in gradients(autoencoder)])
    assert not coarse.equal(exact)
    assert (coarse - exact).norm() < 0.02 * exact.norm()
    assert coarse_total == pytest.approx(float(total), rel=0.01)
    # The weights are read anew each time.
    with torch.no_grad():
        for parameter in autoencoder.parameters():
            parameter.zero_()
    assert coarse_chain.loss(x) == pytest.approx(float(x.square().sum()))


def frozen(autoencoder):
    autoencoder.decoder.layers[0].bias.requires_grad_(False)
    return autoencoder


def hooked(autoencoder):
    autoencoder.encoder.layers[1].register_forward_hook(lambda *_: None)
    return autoencoder


def gradient_hooked(autoencoder):
    autoencoder.encoder.layers[0].weight.register_hook(lambda _: None)
    return autoencoder


def normalised(autoencoder):
    nn.utils.parametrizations.weight_norm(autoencoder.encoder.layers[0])
    return autoencoder


def tied():
    encoder = Stack([6, 3])
    return make((6, 3), encoder=encoder, decoder=TiedStack(encoder))


NOT_PLAIN = {
    "latent": lambda: make(latent=Variational().build(3), encoder=Stack([6, 6])),
    "corruption": lambda: make(corruption=GaussianNoise(torch.ones(()))),
    "output activation": lambda: make(output_activation=nn.Sigmoid()),
    "dropout": lambda: make(encoder=Stack([6, 5, 3], dropout=0.1)),
    "members": lambda: make(encoder=Stack([6, 5, 3], n_members=2)),
    "tied": tied,
    "own module": lambda: make(encoder=nn.Sequential(nn.Linear(6, 3))),
    "frozen": lambda: frozen(make()),
    "hook": lambda: hooked(make()),
    "hook of a gradient": lambda: gradient_hooked(make()),
    "parametrization": lambda: normalised(make()),
}


@pytest.mark.parametrize("reason", NOT_PLAIN)
def test_does_not_fit(reason):
    assert Chain.fits(make())
    assert not Chain.fits(NOT_PLAIN[reason]())


@settings(max_examples=30)
@given(
    sizes=st.lists(st.integers(1, 7), min_size=2, max_size=4),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    path=st.booleans(),
    n_members=st.integers(2, 4),
    n_rows=st.integers(1, 9),
)
def test_members_are_computed_as_each_alone(sizes, activation, path, n_members, n_rows):
    sizes = [max(sizes), *sizes[1:]]
    bounds = torch.tensor([[-0.5], [0.9]], dtype=torch.float64).repeat(1, sizes[0])
    members = [make(sizes, activation, path=path, bounds=bounds) for _ in range(n_members)]
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for member in members:
            for parameter in member.parameters():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    stacked = stack_members(members)
    with_gradients(stacked)
    shape = n_members, n_rows, sizes[0]
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    weight = torch.rand(shape[:2], generator=generator, dtype=torch.float64)
    chain = Chain(stacked, n_rows=9)
    totals = chain.backward(x, weight)
    torch.testing.assert_close(chain.loss(x, weight), totals)
    for i, member in enumerate(map(with_gradients, members)):
        alone = Chain(member, n_rows).backward(x[i], weight[i])
        torch.testing.assert_close(totals[i], alone)
        for whole, part in zip(gradients(stacked), gradients(member), strict=True):
            torch.testing.assert_close(whole[i].view_as(part), part)


@pytest.mark.parametrize("path", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_decoder_alone(path, weighted):
    bounds = torch.tensor([[-0.5], [0.9]], dtype=torch.float64).repeat(1, 6)
    autoencoder = make(path=path, bounds=bounds)
    ours = [*autoencoder.decoder.parameters()]
    if path:
        ours.append(autoencoder.linear_path.decoder_weight)
    for parameter in ours:
        parameter.grad = torch.full_like(parameter, torch.nan)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(7, 6, generator=generator, dtype=torch.float64)
    code = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    weight = torch.rand(7, generator=generator, dtype=torch.float64) if weighted else None
    chain = Chain(autoencoder, n_rows=9, with_encoder=False)

    total = chain.backward_decoder(code, x, weight)
    by_hand = [parameter.grad.clone() for parameter in ours]
    assert all(parameter.grad is None for parameter in autoencoder.encoder.parameters())
    autoencoder.zero_grad()
    raw = autoencoder.to_standard_units(autoencoder.decode_raw(code))
    errors = (raw - x).square()
    (errors if weight is None else errors * weight[:, None]).mean().backward()
    torch.testing.assert_close(by_hand, [parameter.grad for parameter in ours])
    expected = errors if weight is None else errors * weight[:, None]
    torch.testing.assert_close(total, expected.detach().sum())

    error, slope = chain.pull(code, x)
    its_error, its_slope = pull(
        lambda code: autoencoder.to_standard_units(autoencoder.decode_raw(code)), code, x, True
    )
    torch.testing.assert_close((error, slope), (its_error, its_slope))
    torch.testing.assert_close(chain.pull(code, x, with_slope=False), (error, None))

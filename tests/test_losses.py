import pytest
import torch
from torch.nn import functional

from sklearn_ae import losses
from sklearn_ae.nn import Autoencoder, Output, Stack

INPUT = torch.rand(4, 6, generator=torch.Generator().manual_seed(0))
OTHER = torch.rand(4, 6, generator=torch.Generator().manual_seed(1)) * 5


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (losses.squared_error, (INPUT - OTHER).pow(2).mean(1)),
        (losses.absolute_error, (INPUT - OTHER).abs().mean(1)),
        (
            losses.huber,
            torch.where(
                (INPUT - OTHER).abs() < 1, (INPUT - OTHER) ** 2 / 2, (INPUT - OTHER).abs() - 0.5
            ).mean(1),
        ),
        (
            losses.binary_cross_entropy,
            functional.binary_cross_entropy(OTHER.sigmoid(), INPUT, reduction="none").mean(1),
        ),
    ],
)
def test_values(loss, expected):
    torch.testing.assert_close(loss(INPUT, OTHER), expected)
    with_members = loss(INPUT[None], OTHER[None])
    torch.testing.assert_close(with_members, expected[None])


def test_every_name_has_its_function():
    for name, (function, _, _) in losses.LOSSES.items():
        assert function is getattr(losses, name)


def test_logits_far_out_stay_finite():
    loss = losses.binary_cross_entropy(torch.zeros(1, 2), torch.full((1, 2), 1e4))
    assert loss.item() == 1e4


@pytest.fixture
def autoencoder():
    return Autoencoder(
        Stack([6, 2]), Stack([2, 6]), shift=torch.full((6,), 10.0), scale=torch.tensor(2.0)
    )


def test_criterion_units(autoencoder):
    output = Output((INPUT - 10) / 2, OTHER, torch.zeros(4, 2), torch.zeros(4, 2))
    for name, expected in [
        ("squared_error", (output.standard_input - OTHER).square().mean()),
        ("binary_cross_entropy", losses.binary_cross_entropy(INPUT, OTHER).mean()),
        (losses.squared_error, (INPUT - (OTHER * 2 + 10)).square().mean()),
    ]:
        found = losses.Criterion(name)(output, INPUT, None, autoencoder)
        torch.testing.assert_close(found.loss, expected)


def test_criterion_weights(autoencoder):
    output = autoencoder(INPUT)
    weight = torch.tensor([0.0, 1, 2, 1])
    found = losses.Criterion("squared_error")(output, INPUT, weight, autoencoder)
    each = losses.squared_error(output.standard_input, output.raw)
    torch.testing.assert_close(found.loss, (each * weight).sum() / 4)
    assert found.value is found.loss


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [
        (lambda x, y: 1.0, TypeError, "must give a tensor .* got 1.0 of type float"),
        (lambda x, y: (x - y).detach().numpy(), TypeError, "of type ndarray. Compute it with"),
        (lambda x, y: (x - y).square().mean(), ValueError, r"shape \(4,\), got shape \(\)"),
        (lambda x, y: (x - y).square(), ValueError, r"shape \(4,\), got shape \(4, 6\)"),
    ],
)
def test_loss_that_is_not_one_number_for_each_sample(loss, error, message, autoencoder):
    with pytest.raises(error, match=message):
        losses.Criterion(loss)(autoencoder(INPUT), INPUT, None, autoencoder)

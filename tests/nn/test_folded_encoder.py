from types import MethodType

import pytest
import torch
from torch import nn

from sklearn_ae.nn import Autoencoder, CodeBasis, LinearPath, Stack, folded_encoder


def build(n_members=1, path=True, scale=2.0, **parameters):
    generator = torch.Generator().manual_seed(0)
    basis = CodeBasis(2)
    basis.there.copy_(torch.tensor([[2.0, 1.0], [0.0, 3.0]]))
    basis.start.fill_(0.5)
    return Autoencoder(
        Stack([4, 8, 2], n_members=n_members, generator=generator),
        Stack([2, 8, 4], n_members=n_members, generator=generator),
        shift=torch.tensor([1.0, -2, 3, 4]),
        scale=torch.as_tensor(scale),
        linear_path=LinearPath(torch.eye(4)[:2], 2) if path else None,
        basis=basis,
        **parameters,
    )


@pytest.mark.parametrize("scale", [2.0, [1.0, 2.0, 3.0, 4.0]], ids=["one scale", "one a column"])
@pytest.mark.parametrize("path", [True, False], ids=["path", "no path"])
def test_gives_the_same_codes(path, scale, generator):
    autoencoder = build(path=path, scale=scale)
    encode = folded_encoder(autoencoder)
    assert not isinstance(encode, MethodType)
    x = 3 * torch.randn(7, 4, generator=generator)
    torch.testing.assert_close(encode(x), autoencoder.encode(x))


def far(autoencoder):
    autoencoder.shift += 1e4


def watched(autoencoder):
    autoencoder.encoder.register_forward_hook(lambda *args: None)


def own_encoder(autoencoder):
    autoencoder.encoder = nn.Linear(4, 2)


@pytest.mark.parametrize("change", [far, watched, own_encoder])
def test_encodes_step_by_step_where_something_would_be_lost(change):
    autoencoder = build()
    change(autoencoder)
    assert folded_encoder(autoencoder) == autoencoder.encode


def test_rows_in_another_type_are_encoded_step_by_step():
    autoencoder = build(dtype=torch.float64)
    assert folded_encoder(autoencoder) == autoencoder.encode


def test_members_are_encoded_step_by_step(generator):
    autoencoder = build(n_members=2, path=False)
    x = torch.randn(2, 7, 4, generator=generator)
    torch.testing.assert_close(folded_encoder(autoencoder)(x), autoencoder.encode(x))

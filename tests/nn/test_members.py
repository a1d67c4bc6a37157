import pytest
import torch

from sklearn_ae.nn import (
    Autoencoder,
    LinearPath,
    Stack,
    are_stackable,
    own_memory,
    share_memory,
    stack_members,
)


def make(seed, *, path=True, bounded=True, scale=True, width=5):
    generator = torch.Generator().manual_seed(seed)
    uniform = torch.rand(3, 4, generator=generator)
    return Autoencoder(
        Stack([4, width, 2], generator=generator),
        Stack([2, width, 4], generator=generator),
        linear_path=LinearPath(torch.eye(4)[:2], 2, generator=generator) if path else None,
        shift=uniform[0],
        scale=1 + uniform[1] if scale else 1 + uniform[1, 0],
        bounds=torch.stack([uniform[2] - 1, uniform[2]]) if bounded else None,
    )


X = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(9))


@pytest.mark.parametrize("parts", [{}, {"path": False}, {"bounded": False}, {"scale": False}])
def test_computes_what_each_member_computes(parts):
    members = [make(seed, **parts) for seed in range(3)]
    stacked = stack_members(members)
    for whole, part in (
        (stacked.encode_standard(X), lambda member, x: member.encode_standard(x)),
        (stacked.standardize(X), lambda member, x: member.standardize(x)),
        (stacked.reconstruct(X), lambda member, x: member.reconstruct(x)),
        (
            stacked.to_standard_units(stacked.decode_raw(X[..., :2])),
            lambda member, x: member.to_standard_units(member.decode_raw(x[:, :2])),
        ),
    ):
        each = torch.stack([part(member, x) for member, x in zip(members, X, strict=True)])
        torch.testing.assert_close(whole, each)


def test_memory_is_shared_when_asked_for():
    members = [make(seed) for seed in range(3)]
    before = members[1].reconstruct(X[1])
    stacked = stack_members(members)
    with torch.no_grad():
        stacked.linear_path.decoder_weight[1] += 1
    torch.testing.assert_close(members[1].reconstruct(X[1]), before)
    share_memory(stacked, members)
    after = members[1].reconstruct(X[1])
    torch.testing.assert_close(after, stacked.reconstruct(X)[1])
    assert not torch.allclose(after, before)
    own_memory(members[1])
    with torch.no_grad():
        for parameter in stacked.parameters():
            parameter.zero_()
    torch.testing.assert_close(members[1].reconstruct(X[1]), after)
    assert not torch.allclose(members[0].reconstruct(X[0]), make(0).reconstruct(X[0]))


@pytest.mark.parametrize("other", [{"path": False}, {"bounded": False}, {"width": 6}])
def test_what_can_not_be_stacked(other):
    assert are_stackable([make(0), make(1)])
    assert not are_stackable([make(0), make(1, **other)])

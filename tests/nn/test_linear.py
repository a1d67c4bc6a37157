import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_ae.nn import Linear


@settings(max_examples=20)
@given(n_members=st.integers(1, 4), batch=st.integers(1, 6), n_in=st.integers(1, 5))
def test_each_member_is_a_layer_of_its_own(n_members, batch, n_in):
    generator = torch.Generator().manual_seed(0)
    layer = Linear(n_in, 3, n_members=n_members, generator=generator)
    x = torch.randn(n_members, batch, n_in, generator=generator)
    output = layer(x)
    assert output.shape == (n_members, batch, 3)
    for member in range(n_members):
        expected = x[member] @ layer.weight[member] + layer.bias[member]
        torch.testing.assert_close(output[member], expected)


def test_one_member_takes_and_gives_a_matrix(generator):
    layer = Linear(4, 3, generator=generator)
    x = torch.randn(5, 4, generator=generator)
    torch.testing.assert_close(layer(x), layer(x[None])[0])


def test_initial_weights_are_those_of_torch(generator):
    ours, theirs = Linear(100, 200, generator=generator), torch.nn.Linear(100, 200)
    for one, other in ((ours.weight, theirs.weight), (ours.bias, theirs.bias)):
        assert one.abs().max() <= 0.1
        torch.testing.assert_close(one.std(), other.std(), rtol=0.2, atol=0)


def test_members_start_from_different_weights(generator):
    layer = Linear(3, 2, n_members=2, generator=generator)
    assert not layer.weight[0].equal(layer.weight[1])


def test_describes_itself():
    assert repr(Linear(3, 2, n_members=4)) == "Linear(3, 2, n_members=4)"

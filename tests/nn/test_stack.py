import pytest
import torch

from sklearn_ae.nn import ACTIVATIONS, Dropout, Linear, Stack


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_is_layers_with_activations_between(activation, generator):
    stack = Stack([4, 6, 5, 2], activation=activation, generator=generator)
    first, second, third = (layer for layer in stack.layers if isinstance(layer, Linear))
    act = ACTIVATIONS[activation]()
    x = torch.randn(7, 4, generator=generator)
    torch.testing.assert_close(stack(x), third(act(second(act(first(x))))))


def test_dropout_after_hidden_layers_alone():
    kinds = [type(layer) for layer in Stack([4, 6, 5, 2], dropout=0.1).layers]
    assert kinds.count(Dropout) == 2
    assert kinds[-1] is Linear


def test_members(generator):
    stack = Stack([4, 6, 2], n_members=3, generator=generator)
    assert stack(torch.zeros(3, 5, 4)).shape == (3, 5, 2)

import pytest
import torch

from sklearn_ae.nn import ACTIVATIONS, Dropout, Linear, Stack, TiedStack


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


def test_tied_stack_has_the_weights_transposed(generator):
    stack = Stack([4, 6, 2], activation="tanh", generator=generator)
    tied = TiedStack(stack)
    first, last = stack.layers[0], stack.layers[2]
    code = torch.randn(5, 2, generator=generator)
    hidden = torch.tanh(code @ last.weight.T + tied.layers[0].bias)
    expected = hidden @ first.weight.T + tied.layers[2].bias
    torch.testing.assert_close(tied(code), expected)
    torch.testing.assert_close(tied(code[None, :, None])[0, :, 0], expected)


def test_tied_stack_trains_the_same_weights(generator):
    stack = Stack([4, 6, 2], generator=generator)
    tied = TiedStack(stack)
    own = {id(p) for p in tied.parameters()} - {id(p) for p in stack.parameters()}
    assert len(own) == 2  # the biases
    tied(stack(torch.ones(3, 4))).sum().backward()
    assert all(parameter.grad is not None for parameter in stack.parameters())

import copy
import pickle

import pytest
import torch
from torch import nn, optim

from sklearn_ae.training.flat import FlatParameters


def in_two_groups(parameters):
    groups = [
        {"params": parameters[:1], "weight_decay": 0.5},
        {"params": parameters[1:], "lr": 0.2},
    ]
    return optim.AdamW(groups, lr=0.1, weight_decay=0.1, fused=True)


OPTIMIZERS = {
    "adam": lambda parameters: optim.Adam(parameters, lr=0.1, fused=True),
    "adamw": lambda parameters: optim.AdamW(parameters, lr=0.1, weight_decay=0.1, fused=True),
    "amsgrad": lambda parameters: optim.Adam(parameters, lr=0.1, amsgrad=True),
    "sgd": lambda parameters: optim.SGD(parameters, lr=0.1),
    "momentum": lambda parameters: optim.SGD(parameters, lr=0.1, momentum=0.9),
    "rmsprop": lambda parameters: optim.RMSprop(parameters, lr=0.1, centered=True),
    "adagrad": lambda parameters: optim.Adagrad(parameters, lr=0.1),
    "nadam": lambda parameters: optim.NAdam(parameters, lr=0.1),
    "rprop": lambda parameters: optim.Rprop(parameters, lr=0.1),
    "two groups": lambda parameters: in_two_groups(list(parameters)),
}


@pytest.fixture
def module(generator):
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    for parameter in module.parameters():
        nn.init.normal_(parameter, generator=generator)
    return module


def set_gradients(module, step):
    """Give the parameters some gradients, in the memory that there is."""
    for parameter in module.parameters():
        gradient = torch.cos(parameter.detach() * (1 + step))
        if parameter.grad is None:
            parameter.grad = gradient
        else:
            parameter.grad.copy_(gradient)


def train(module, optimizer, steps):
    for step in steps:
        set_gradients(module, step)
        optimizer.step()


def train_flat(module, optimizer, epochs):
    flat = FlatParameters(optimizer)
    for steps in epochs:
        with flat.in_use():
            train(module, optimizer, steps)
    return flat


def assert_same(one, other):
    torch.testing.assert_close(list(one.parameters()), list(other.parameters()))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_trains_as_without(name, module):
    other = copy.deepcopy(module)
    plain, joined = (OPTIMIZERS[name](m.parameters()) for m in (module, other))
    train(module, plain, range(9))
    # Plain steps before and after: the state goes there and back.
    train(other, joined, range(2))
    train_flat(other, joined, [range(2, 4), range(4, 7)]).release()
    for parameter in other.parameters():
        assert parameter.grad is None
    train(other, joined, range(7, 9))
    assert_same(module, other)


def test_the_optimizer_can_be_saved_between_epochs(module):
    other = copy.deepcopy(module)
    optimizer, other_optimizer = (OPTIMIZERS["adam"](m.parameters()) for m in (module, other))
    train_flat(module, optimizer, [range(2), range(2, 5)])
    other_optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    other.load_state_dict(module.state_dict())
    train(other, other_optimizer, range(5, 7))
    train(module, optimizer, range(5, 7))
    assert_same(module, other)


def test_an_error_within_an_epoch_leaves_the_optimizer_usable(module):
    optimizer = OPTIMIZERS["adam"](module.parameters())
    flat = FlatParameters(optimizer)

    def fail():
        with flat.in_use():
            train(module, optimizer, range(2))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert optimizer.param_groups[0]["params"] == list(module.parameters())
    assert all(optimizer.state[parameter]["step"] == 2 for parameter in module.parameters())


def test_one_vector_while_it_lasts(module):
    optimizer = OPTIMIZERS["adam"](module.parameters())
    flat = train_flat(module, optimizer, [range(2)])
    assert len({p.untyped_storage().data_ptr() for p in module.parameters()}) == 1
    flat.release()
    first, *_ = module.parameters()
    for tensor in (first, optimizer.state[first]["exp_avg"], optimizer.state[first]["step"]):
        assert tensor.untyped_storage().nbytes() == tensor.nbytes
    states = [optimizer.state[parameter]["step"] for parameter in module.parameters()]
    assert len(set(map(id, states))) == 4
    restored = pickle.loads(pickle.dumps(module))
    assert_same(module, restored)

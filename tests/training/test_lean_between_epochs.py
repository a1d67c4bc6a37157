"""Callbacks that change net, weights or optimizer between lean epochs: nothing goes unnoticed."""

import copy
import pickle

import numpy as np
import pytest
import skorch.callbacks
import torch
from skorch.callbacks import Callback
from torch import nn

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.nn import Stack
from sklearn_ae.training.flat import FlatParameters, _FlatGroup
from sklearn_ae.training.lean import LeanEpochs
from tests.training.test_lean import BatchWatcher, assert_same_fit, make, n_lean

assert n_lean  # a fixture


class At(Callback):
    """Does something to the net before an epoch."""

    def __init__(self, epoch, action):
        self.epoch = epoch
        self.action = action

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) - 1 == self.epoch:
            self.action(net)


def freeze(net, trained=False):
    for parameter in net.module_.decoder.parameters():
        parameter.requires_grad_(trained)
        parameter.grad = None  # or optimizers would go on with the last one


def replace_weights(net):
    for parameter in net.module_.parameters():
        parameter.data = parameter.data * 0.9


def load_assigned(net):
    net.module_.load_state_dict(copy.deepcopy(net.module_.state_dict()), assign=True)
    net.optimizer_.param_groups[0]["params"] = list(net.module_.parameters())
    net.optimizer_.state.clear()


def clear_state(net):
    net.optimizer_.state.clear()


def load_state(net):
    state = copy.deepcopy(net.optimizer_.state_dict())
    for values in state["state"].values():
        values["exp_avg"] *= 2
    net.optimizer_.load_state_dict(state)


def replace_entry(net):
    for state in net.optimizer_.state.values():
        state["exp_avg_sq"] = state["exp_avg_sq"] * 4


def forget_steps(net):
    for state in net.optimizer_.state.values():
        state["step"].zero_()


def forget_gradients(net):
    net.optimizer_.zero_grad(set_to_none=True)


def swap_optimizer(net):
    net.optimizer_ = torch.optim.SGD(net.module_.parameters(), lr=0.01)


def split_groups(net):
    (group,) = net.optimizer_.param_groups
    first, *others = group["params"]
    group["params"] = [first]
    net.optimizer_.add_param_group({"params": others})


def ask_for_a_penalty(net):
    net.l1_penalty = 1e-2


@pytest.mark.parametrize(
    "action",
    [
        replace_weights,
        load_assigned,
        clear_state,
        load_state,
        replace_entry,
        forget_steps,
        forget_gradients,
        swap_optimizer,
        split_groups,
        ask_for_a_penalty,
    ],
)
def test_as_full_epochs_do(action, curve):
    parameters = {"learning_rate": 0.01, "learning_rate_schedule": "constant"}
    lean = make(callbacks=[At(2, action)], **parameters).fit(curve)
    full = make(callbacks=[At(2, action), BatchWatcher()], **parameters).fit(curve)
    assert_same_fit(lean, full)
    if action not in (load_assigned, forget_gradients, split_groups):  # these change nothing else
        plain = make(**parameters).fit(curve)
        assert not np.allclose(lean.loss_curve_[3:], plain.loss_curve_[3:], rtol=1e-6)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "adamw"])
@pytest.mark.parametrize(("start", "end"), [(0, 2), (2, 4)])
def test_layers_held_for_some_epochs(optimizer, start, end, curve, n_lean):
    def callbacks():
        return [At(start, freeze), At(end, lambda net: freeze(net, trained=True))]

    parameters = {"optimizer": optimizer, "learning_rate_schedule": "constant"}
    lean = make(callbacks=callbacks(), **parameters).fit(curve)
    full = make(callbacks=[*callbacks(), BatchWatcher()], **parameters).fit(curve)
    assert_same_fit(lean, full)


@pytest.mark.parametrize(
    "hook",
    [
        lambda net: net.optimizer_.register_step_post_hook(lambda *_: None),
        lambda net: net.module_.decoder.register_forward_pre_hook(lambda *_: None),
        lambda net: net.module_.decoder.register_full_backward_hook(lambda *_: None),
        lambda net: next(net.module_.parameters()).register_post_accumulate_grad_hook(
            lambda _: None
        ),
    ],
)
def test_hooks_of_pytorch_are_called(hook, curve, n_lean):
    make(callbacks=[At(2, hook)]).fit(curve)
    assert n_lean() == 2


def test_hook_of_a_callback_instance(curve, n_lean):
    callback, called = Callback(), []
    callback.on_batch_end = lambda *args, **kwargs: called.append(True)
    make(callbacks=[callback]).fit(curve)
    assert n_lean() == 0
    assert called


def test_own_optimizers_take_their_own_steps(curve, n_lean):
    class Own(torch.optim.Adam):
        pass

    make(optimizer=Own).fit(curve)
    assert n_lean() == 0


def test_optimizer_of_some_parameters(curve, n_lean):
    def of_some(parameters, lr):
        (group,) = parameters
        return torch.optim.Adam(group["params"][:2], lr=lr)

    make(optimizer=of_some).fit(curve)
    assert n_lean() == 0


def test_rates_of_each_batch(curve, n_lean):
    scheduler = skorch.callbacks.LRScheduler(
        torch.optim.lr_scheduler.ExponentialLR, gamma=0.5, step_every="batch"
    )
    make(callbacks=[scheduler], learning_rate_schedule="constant").fit(curve)
    assert n_lean() == 0


def test_other_rows_are_judged_as_such(curve):
    losses = []

    def judge(net):
        rows, held_out = net.callbacks_[1][1].split_
        losses.append((net.mean_loss(rows), net.mean_loss(held_out), net.mean_loss(rows)))

    make(callbacks=[At(2, judge)]).fit(curve)
    (of_training, of_held_out, again) = losses[0]
    assert of_training == again != of_held_out


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "auto"])
def test_weights_of_another_type(precision, curve, n_lean):
    weight = np.linspace(0.5, 2, len(curve))
    fitted = make(precision=precision).fit(curve, sample_weight=weight)
    assert n_lean() == 6
    assert fitted.best_loss_ < fitted.initial_loss_


def test_batches_larger_than_the_data(curve, n_lean):
    huge = make(batch_size=10**9).fit(curve)
    assert n_lean() == 6
    assert_same_fit(huge, make(batch_size=len(curve)).fit(curve))


def test_rows_that_can_only_be_read(curve):
    frozen = curve.copy()
    frozen.setflags(write=False)
    assert_same_fit(make(batch_size=32).fit(frozen), make(batch_size=32).fit(curve))


def test_checkpoint_of_the_whole_net(curve, tmp_path):
    checkpoint = skorch.callbacks.Checkpoint(monitor=None, dirname=tmp_path, f_pickle="net.pkl")
    fitted = make(callbacks=[checkpoint]).fit(curve)
    net = pickle.loads((tmp_path / "net.pkl").read_bytes())
    assert len(net.history) == len(fitted.net_.history)


def test_interruption_while_parameters_are_given_back(curve, monkeypatch):
    states = _FlatGroup.states

    def interrupted(self):
        monkeypatch.setattr(_FlatGroup, "states", states)
        raise KeyboardInterrupt

    fitted = make(warm_start=True)
    monkeypatch.setattr(_FlatGroup, "states", interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        fitted.fit(curve)
    (group,) = fitted.net_.optimizer_.param_groups
    assert set(group["params"]) == set(fitted.net_.module_.parameters())
    assert fitted.fit(curve).best_loss_ < fitted.initial_loss_


def test_counters_and_empty_layers(curve):
    class WithCounter(nn.Module):
        def __init__(self, n_in, n_out):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(n_in, 8), nn.BatchNorm1d(8), nn.Linear(8, n_out))
            self.empty = nn.Parameter(torch.empty(0))

        def forward(self, x):
            return self.layers(x)

    torch.manual_seed(0)
    modules = WithCounter(5, 2), WithCounter(2, 5)
    fitted = AutoencoderTransformer(2, architecture=modules, max_iter=3, random_state=0)
    assert np.isfinite(fitted.fit(curve.astype(np.float32)).best_loss_)


@pytest.mark.parametrize(
    "change",
    [
        lambda stack: stack.layers.append(nn.ReLU()),
        lambda stack: stack.layers.__setitem__(1, nn.LeakyReLU(0.5)),
        lambda stack: stack.layers.__setitem__(1, nn.ELU(2.0)),
        lambda stack: stack.layers.__setitem__(2, stack.layers[4]),
    ],
    ids=["last activation", "slope", "alpha", "shared"],
)
def test_networks_that_look_plain(change, curve, n_lean):
    encoder, decoder = Stack([5, 4, 4, 4, 2]), Stack([2, 4, 5])
    change(encoder)
    modules = encoder.double(), decoder.double()
    fitted = AutoencoderTransformer(2, architecture=modules, max_iter=2, random_state=0)
    fitted.fit(curve)
    assert n_lean() == 0


def test_moments_are_stepped_together():
    parameters = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(3))]
    optimizer = torch.optim.Adam(parameters)
    assert FlatParameters.fits(optimizer)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    assert FlatParameters.fits(optimizer)
    parameters[0].grad = None
    optimizer.step()
    assert not FlatParameters.fits(optimizer)
    optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))]})
    assert not FlatParameters.fits(optimizer)


def test_lean_epochs_are_the_normal_case(curve, n_lean):
    fitted = make().fit(curve)
    assert n_lean() == 6
    assert LeanEpochs(fitted.net_).fits()


def test_a_single_batch_held_for_some_epochs(curve):
    # On the general path a batch is in input units, on the lean one in standard units.
    parameters = {"batch_size": 1000, "optimizer": "sgd", "learning_rate": 0.1}

    def callbacks():
        return [At(2, freeze), At(4, lambda net: freeze(net, trained=True))]

    lean = make(callbacks=callbacks(), **parameters).fit(10 * curve + 3)
    full = make(callbacks=[*callbacks(), BatchWatcher()], **parameters).fit(10 * curve + 3)
    assert_same_fit(lean, full)


def test_threads_by_the_size_of_steps(curve):
    n_threads = []

    def note(net):
        n_threads.append(torch.get_num_threads())

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        make(callbacks=[At(1, note)]).fit(curve)
        make(callbacks=[At(1, note)], hidden_layer_sizes=(6000,), max_iter=2).fit(curve)
    finally:
        torch.set_num_threads(before)
    assert n_threads == [1, 2]

import math

import numpy as np
import pytest
import torch

from sklearn_ae.training import Judging, Monitor, Rows

ROWS = Rows(np.zeros((2, 1)))


def test_when_rows_are_judged():
    assert all(Judging().is_due(epoch, 59) for epoch in range(1, 60))
    assert [e for e in range(1, 15) if Judging(every=5).is_due(e, 14)] == [1, 5, 10, 14]


class FakeNet:
    """A net of one weight, whose losses are given."""

    dtype = torch.float64
    n_scheduled = 12

    def __init__(self, initial, schedule="constant"):
        self.initial = initial
        self.schedule = schedule
        self.history = []
        self.weight = torch.zeros(1)

    def mean_loss(self, rows, as_in_training=False):
        return self.initial

    def weights(self):
        return [self.weight]

    def set_weights(self, weights):
        self.weight.copy_(weights[0])


def train(monitor, losses, initial=10.0, validation=True, schedule="constant"):
    """Train with these losses; the weight counts the epochs."""
    net = FakeNet(initial, schedule)
    data = {"dataset_train": ROWS, "dataset_valid": "validation" if validation else None}
    monitor.on_train_begin(net)
    try:
        for epoch, loss in enumerate(losses, start=1):
            monitor.on_epoch_begin(net, **data)
            net.weight.fill_(epoch if math.isfinite(loss) else math.nan)
            net.history.append({"train_loss": loss, "valid_loss": loss})
            monitor.on_epoch_end(net, **data)
    except KeyboardInterrupt:
        pass
    monitor.on_train_end(net)
    return net.weight.item(), len(net.history)


@pytest.mark.parametrize("validation", [True, False])
def test_keeps_the_best(validation):
    monitor = Monitor(0, None)
    assert train(monitor, [5, 3, 4, 6], validation=validation) == (2, 4)
    assert monitor.best_loss_ == 3
    assert monitor.initial_loss_ == 10


def test_keeps_what_was_there_if_nothing_is_better():
    monitor = Monitor(0, None)
    assert train(monitor, [11, 12]) == (0, 2)
    assert monitor.best_loss_ == 10


def test_gain_within_rounding_is_none():
    assert train(Monitor(0, None), [10 - 1e-15])[0] == 0


def test_stops_after_patience():
    assert train(Monitor(0, 2), [5, 6, 4, 6, 5, 3]) == (3, 5)


def test_improvement_has_to_exceed_tol_to_count_but_not_to_be_kept():
    assert train(Monitor(0.5, 2), [9, 8, 1]) == (2, 2)
    assert train(Monitor(0.5, 2), [4, 3, 1.9]) == (3, 3)


def test_negative_losses():
    assert train(Monitor(0.1, 2), [-1, -1.05, -1.08], initial=0) == (3, 3)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_divergence(bad):
    monitor = Monitor(0, None)
    assert train(monitor, [5, bad, 4]) == (1, 2)
    assert monitor.diverged_


def test_weights_that_diverged_behind_a_finite_loss():
    class Diverging(FakeNet):
        def weights(self):
            return [torch.tensor([math.nan])] if len(self.history) > 1 else [self.weight]

    monitor = Monitor(0, None)
    net = Diverging(10.0)
    monitor.on_train_begin(net)
    for _ in range(2):
        monitor.on_epoch_begin(net, ROWS, None)
        net.history.append({"train_loss": 1.0})
        if len(net.history) == 2:
            with pytest.raises(KeyboardInterrupt):
                monitor.on_epoch_end(net, ROWS, None)
        else:
            monitor.on_epoch_end(net, ROWS, None)
    assert monitor.diverged_


def test_never_finite():
    monitor = Monitor(0, None)
    assert train(monitor, [1.0], initial=math.nan) == (0, 0)
    assert monitor.diverged_


def test_keep_last():
    monitor = Monitor(0, None, keep_last=True)
    assert train(monitor, [11]) == (1, 1)
    assert train(monitor, [11, math.nan]) == (1, 2)


def test_hooks():
    calls = []
    monitor = Monitor(0, None, begin=lambda: calls.append("begin"), end=lambda: len(calls) >= 3)
    assert train(monitor, [5, 4, 3, 2]) == (3, 3)
    assert calls == ["begin"] * 3


def test_patience_begins_once_the_learning_rate_falls():
    assert train(Monitor(0, 2), [11] * 9, schedule="one_cycle")[1] == 5  # a quarter of 12, and 2
    assert train(Monitor(0, 2), [11] * 9, schedule="cosine")[1] == 2


def test_improves_on_losses_since_the_learning_rate_falls():
    # Better at first than ever after, yet improving: as near principal components.
    losses = [9, 30, 40, 39, 38, 37, 36, 36, 36, 36]
    assert train(Monitor(0, 2), losses, schedule="one_cycle") == (1, 9)
    assert train(Monitor(0, 2), losses, schedule="cosine") == (1, 3)
    assert train(Monitor(0, 2, warm_up=3), losses) == (1, 9)


def test_patience_begins_after_the_warm_up():
    assert train(Monitor(0, 2, warm_up=3), [11] * 9)[1] == 5
    assert train(Monitor(0, 2), [11] * 9)[1] == 2


def test_holds_no_weights_after_training():
    monitor = Monitor(0, None, min_gain=0.1)
    train(monitor, [9, 8])
    assert monitor.weights_ == monitor._initial_weights == []


@pytest.mark.parametrize(("min_gain", "kept"), [(0.0, 2), (0.1, 2), (0.3, 0)])
def test_least_gain(min_gain, kept):
    monitor = Monitor(0, None, min_gain=min_gain)
    assert train(monitor, [9, 8, 9]) == (kept, 3)
    assert monitor.best_loss_ == (8 if kept else 10)

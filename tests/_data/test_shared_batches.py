"""Batches that several trainings use at once."""

import numpy as np
import pytest
import torch

from sklearn_ae._data import shared_batches
from sklearn_ae._data.rows import Batches, Rows
from sklearn_ae._data.shared_batches import SharedBatches

X = np.random.default_rng(0).normal(size=(50, 3))


def make_batches(seed=0, rows=None, batch_size=8):
    return Batches(
        Rows(X) if rows is None else rows,
        batch_size=batch_size,
        device=torch.device("cpu"),
        dtype=torch.float64,
        generator=torch.Generator().manual_seed(seed),
    )


def epoch(batches):
    return torch.cat([x for x, _ in batches.iterate(lambda x: x)])


@pytest.mark.parametrize("batch_size", [8, 64])
def test_epochs_are_those_of_each(batch_size):
    epochs = {}
    shared = [
        SharedBatches(make_batches(seed, batch_size=batch_size), epochs) for seed in (0, 0, 1)
    ]
    alone = [make_batches(seed, batch_size=batch_size) for seed in (0, 0, 1)]
    for _ in range(3):
        for one, other in zip(shared, alone, strict=True):
            torch.testing.assert_close(epoch(one), epoch(other), rtol=0, atol=0)
    # One that leaves the others goes on in its own order.
    torch.testing.assert_close(epoch(shared[1]), epoch(alone[1]), rtol=0, atol=0)
    assert len(shared[0]) == len(alone[0])


def test_an_epoch_is_fetched_once(monkeypatch):
    taken = []
    take = Rows.take
    monkeypatch.setattr(Rows, "take", lambda self, *args: taken.append(1) or take(self, *args))
    epochs = {}
    shared = [SharedBatches(make_batches(), epochs) for _ in range(4)]
    iterators = [each.iterate(lambda x: x) for each in shared]
    for batches in zip(*iterators, strict=True):
        assert all(x is batches[0][0] for x, _ in batches)
    assert len(taken) == 1


def test_large_epochs_are_not_kept(monkeypatch):
    monkeypatch.setattr(shared_batches, "_MAX_ENTRIES", 10)
    epochs = {}
    torch.testing.assert_close(epoch(SharedBatches(make_batches(), epochs)), epoch(make_batches()))
    assert epochs == {}


def test_rows_in_their_order():
    shared = SharedBatches(make_batches(), {})
    shared.generator = None
    np.testing.assert_array_equal(epoch(shared), X)

"""Batches of a stream: every row once, from all over the source, shuffled."""

import numpy as np
import pytest
import torch
from sklearn import config_context

from sklearn_ae._data.streams.batches import StreamBatches, _spread
from sklearn_ae._data.streams.opening import open_source
from sklearn_ae._data.streams.stream import read_through

X = np.column_stack([np.arange(5000.0), np.zeros((5000, 3))])


@pytest.fixture(autouse=True)
def small_memory():
    with config_context(working_memory=0.1):
        yield


def make(tmp_path, kind="memmap", seed=0, batch_size=64, fraction=0.02):
    X.tofile(tmp_path / "rows")
    given = np.memmap(tmp_path / "rows", float, "r", shape=X.shape)
    if kind == "in order":
        memmap, given = given, lambda: (memmap[i : i + 300] for i in range(0, len(X), 300))
    stream = read_through(open_source(given), X.dtype, 4, "test")
    stream, validation = stream.split(fraction, 0)
    return validation, StreamBatches(
        stream,
        batch_size=batch_size,
        device=torch.device("cpu"),
        dtype=torch.float32,
        generator=torch.Generator().manual_seed(seed),
    )


def flat(lists):
    return [number for each in lists for number in each]


def numbers(batches):
    return [x[:, 0].int().tolist() for x, weight, _ in batches if weight is None]


@pytest.mark.filterwarnings("ignore:The rows of X seem to be sorted")
@pytest.mark.parametrize("kind", ["memmap", "in order"])
@pytest.mark.parametrize("batch_size", [1, 64, 3000])
def test_every_training_row_once(tmp_path, kind, batch_size):
    validation, batches = make(tmp_path, kind, batch_size=batch_size)
    found = numbers(batches)
    assert len(found) == len(batches)
    assert max(map(len, found)) <= batch_size
    left_out = validation[:][0][:, 0].astype(int).tolist()
    assert len(left_out) == 100
    assert sorted(flat(found) + left_out) == list(range(5000))


def test_epochs_differ_and_seeds_repeat_them(tmp_path):
    _, batches = make(tmp_path)
    first, second = numbers(batches), numbers(batches)
    assert first != second
    again = make(tmp_path)[1]
    assert [numbers(again), numbers(again)] == [first, second]
    assert numbers(make(tmp_path, seed=1)[1]) != first


def test_each_buffer_is_from_all_over_the_file(tmp_path):
    _, batches = make(tmp_path)
    for part in np.array_split(flat(numbers(batches)), 10):
        assert abs(np.mean(part) - 2500) < 150
        assert np.histogram(part, 5, (0, 5000))[0].min() > 0.1 * len(part)


def test_rows_in_order_warn_once(tmp_path):
    _, batches = make(tmp_path, "in order")
    with pytest.warns(UserWarning, match="seem to be sorted") as caught:
        assert numbers(batches) != numbers(batches)
    assert len(caught) == 1


def test_without_a_generator_the_sample_is_enough(tmp_path):
    _, batches = make(tmp_path)
    batches.generator = None
    found = flat(numbers(batches))
    assert found == batches.rows.sample[:][0][:, 0].astype(int).tolist()


@pytest.mark.parametrize(("n_pieces", "n_parts"), [(1, 1), (5, 9), (60, 7), (100, 100), (7, 0)])
def test_pieces_are_drawn_from_all_parts_in_turn(n_pieces, n_parts):
    order = _spread(n_pieces, n_parts, np.random.default_rng(0))
    assert sorted(order) == list(range(n_pieces))
    if n_pieces == 60:
        for start in range(53):
            assert np.ptp(order[start : start + 7]) > 35

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sklearn_ae._data.rows import Batches, Rows

X = np.arange(2.0, 42.0).reshape(20, 2)
WEIGHT = np.arange(1.0, 21.0)  # as the first column is, but for its unit


def positions(rows):
    return set(rows[:][0][:, 0] / 2 - 1)


def batches(rows, batch_size, generator=None):
    return Batches(
        rows,
        batch_size=batch_size,
        device=torch.device("cpu"),
        dtype=torch.float32,
        generator=generator,
    )


@settings(max_examples=30)
@given(batch_size=st.integers(1, 30), shuffle=st.booleans(), as_sparse=st.booleans())
def test_every_row_once_an_epoch_with_its_weight_and_target(batch_size, shuffle, as_sparse):
    generator = torch.Generator().manual_seed(0) if shuffle else None
    rows = Rows(sparse.csr_array(X) if as_sparse else X, WEIGHT, target=2 * X)
    iterator = batches(rows, batch_size, generator)
    for _ in range(2):
        parts = list(iterator)
        assert len(parts) == len(iterator)
        x, weight, target = (torch.cat(each).numpy() for each in zip(*parts, strict=True))
        order = weight.astype(int) - 1
        assert sorted(order) == list(range(20))
        np.testing.assert_array_equal(x, X[order])
        np.testing.assert_array_equal(target, 2 * X[order])


def test_selected_rows_keep_their_targets():
    some = Rows(X, target=2 * X).select(np.array([3, 7, 11]))
    for rows in (some, some.extract()):
        (batch,) = batches(rows, 7)
        np.testing.assert_array_equal(batch.target, 2 * X[[3, 7, 11]])


def test_order_differs_from_epoch_to_epoch():
    iterator = batches(Rows(X), 7, torch.Generator().manual_seed(0))
    one, other = (torch.cat([x for x, *_ in iterator]) for _ in range(2))
    assert not one.equal(other)


def test_without_weights():
    assert all(weight is None for _, weight, _ in batches(Rows(X), 7))
    np.testing.assert_array_equal(Rows(X, index=np.arange(7)).weight(), np.ones(7))


def test_one_batch_of_all_is_built_once():
    iterator = batches(Rows(X), 20, torch.Generator().manual_seed(0))
    (first,), (second,) = iterator, iterator
    assert first is second


@pytest.mark.parametrize("fraction", [0.001, 0.1, 0.5, 0.999])
def test_split_is_a_partition(fraction, generator):
    training, validation = Rows(X).split(fraction, generator)
    assert len(validation) == min(max(1, round(fraction * 20)), 19)
    assert sorted([*positions(training), *positions(validation)]) == list(range(20))


def test_split_goes_by_weight(generator):
    training, validation = Rows(X, WEIGHT / WEIGHT.mean()).split(0.3, generator)
    held = sum(WEIGHT[int(i)] for i in positions(validation))
    assert 0.3 * WEIGHT.sum() <= held <= 0.3 * WEIGHT.sum() + 20
    for part in (training, validation):
        rows, weight = part[:]
        assert weight.mean() == pytest.approx(1)
        np.testing.assert_allclose(weight / weight.max(), rows[:, 0] / rows[:, 0].max())


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_split_keeps_equal_rows_together_whatever_their_type(make, dtype):
    distinct = np.random.default_rng(0).integers(0, 9, (12, 3)).astype(dtype)
    repeated = np.repeat(distinct, 3, axis=0)[np.random.default_rng(1).permutation(36)]

    def validation_of(rows):
        part = rows.split(0.3, torch.Generator().manual_seed(0))[1]
        return {tuple(row) for row in part[:][0]}

    training, validation = Rows(make(repeated)).split(0.3, torch.Generator().manual_seed(0))
    assert not {tuple(row) for row in training[:][0]} & {tuple(row) for row in validation[:][0]}
    assert validation_of(Rows(make(repeated))) == validation_of(Rows(distinct))


def test_split_of_a_split(generator):
    training, _ = Rows(X, WEIGHT).split(0.3, generator)
    again, _ = training.split(0.5, generator)
    assert positions(again) < positions(training)


def test_split_is_random():
    seeds = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    one, other = (positions(Rows(X, WEIGHT).split(0.3, seed)[1]) for seed in seeds)
    assert one != other


def test_nothing_is_copied(generator):
    training, validation = Rows(X).split(0.3, generator)
    assert training.X is X
    assert validation.X is X


def test_read_only_rows_are_left_as_they_are():
    read_only = X.copy()
    read_only.flags.writeable = False
    for x, *_ in batches(Rows(read_only), 20):
        x += 1
    np.testing.assert_array_equal(read_only, X)


@pytest.mark.parametrize("copy", [True, False])
def test_copies_may_be_written_into(copy):
    own = X.copy()
    iterator = batches(Rows(own), 7)
    iterator.copy, iterator.dtype = copy, torch.float64
    for x, *_ in iterator:
        assert np.shares_memory(x.numpy(), own) != copy


@pytest.mark.parametrize(("n_rows", "sizes"), [(64, [64]), (65, [32, 33]), (200, [50] * 4)])
def test_batches_are_alike_in_size(n_rows, sizes, generator):
    batches = Batches(
        Rows(np.zeros((n_rows, 1))),
        batch_size=64,
        device=torch.device("cpu"),
        dtype=torch.float32,
        generator=generator,
    )
    assert len(batches) == len(sizes)
    assert [len(x) for x, *_ in batches] == sizes


@settings(max_examples=30)
@given(
    batch_size=st.integers(1, 30),
    resident=st.booleans(),
    reuse=st.booleans(),
    shuffle=st.booleans(),
    entries=st.integers(1, 50),
)
def test_all_ways_to_fetch_give_the_same(batch_size, resident, reuse, shuffle, entries):
    rows = Rows(X, WEIGHT, index=np.arange(3, 17))
    one, other = (
        batches(rows, batch_size, torch.Generator().manual_seed(0) if shuffle else None)
        for _ in range(2)
    )
    other.resident = resident
    with pytest.MonkeyPatch.context() as monkeypatch:
        for _ in range(2):
            expected = [(x + 1, weight) for x, weight, _ in one]
            monkeypatch.setattr("sklearn_ae._data.rows._BLOCK_ENTRIES", entries)
            fetched = [
                (x.clone(), weight.clone())
                for x, weight, _ in other.iterate(lambda x: x.add_(1), reuse=reuse)
            ]
            for (x, weight), (other_x, other_weight) in zip(expected, fetched, strict=True):
                assert x.equal(other_x)
                assert weight.equal(other_weight)
    assert X.min() == 2  # what is done to batches is not done to the matrix


def test_memory_is_used_again_only_on_demand(generator):
    iterator = batches(Rows(X), 7, generator)
    iterator.dtype = torch.float64
    kept = [x for x, *_ in iterator]
    assert len({tuple(row) for x in kept for row in x.tolist()}) == 20
    places = [{x.data_ptr() for x, *_ in iterator.iterate(reuse=True)} for _ in range(2)]
    assert places[0] == places[1]


def test_subsample_is_random_and_repeatable():
    rows = Rows(X, WEIGHT)
    assert rows.subsample(20) is rows
    assert len(rows.subsample(5)) == 5
    assert rows.subsample(5)[:][1].mean() == pytest.approx(1)
    assert positions(rows.subsample(5)) == positions(rows.subsample(5))
    assert positions(rows.subsample(5)) != set(range(5))
    assert positions(Rows(X, index=np.arange(10, 20)).subsample(2)) <= set(range(10, 20))


def test_subsample_sees_every_phase_of_periodic_rows():
    hours = np.arange(24_000) % 24
    assert len(np.unique(Rows(hours[:, None]).subsample(1000)[:][0])) == 24


def test_groups_are_the_distinct_rows():
    X = np.repeat(np.arange(10.0), 3)[:, None]
    group, weight = Rows(X, np.arange(30.0)).groups()
    assert set(group) == set(range(10))
    assert all(len(set(group[X[:, 0] == value])) == 1 for value in range(10))
    np.testing.assert_array_equal(weight[group[::3]], np.arange(30).reshape(10, 3).sum(axis=1))


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_groups_depend_on_distinct_rows_but_not_on_order_units_or_type(make):
    X = np.random.default_rng(0).normal(size=(12, 3))
    places = np.random.default_rng(1).permutation(np.repeat(np.arange(12), np.arange(1, 13)))
    group = Rows(X).groups()[0]
    for same, expected in (
        (X[places], group[places]),
        (X.astype(np.float32), group),
        (7 * X + 3, group),
    ):
        np.testing.assert_array_equal(Rows(make(same)).groups()[0], expected)


def test_distinct_rows_have_the_summed_weights():
    X = np.array([[1.0, 0.0], [2.0, 0.0], [1.0, -0.0]])
    distinct, weight = Rows(X, np.array([1.0, 2.0, 3.0])).distinct()
    np.testing.assert_array_equal(distinct, X[:2])
    np.testing.assert_array_equal(weight, [4, 2])


def test_weight_of_a_part_counts_in_input_units():
    weight = np.array([1.0, 2.0, 3.0, 4.0])
    rows = Rows(np.arange(4.0)[:, None], weight / 2.5, mean_weight=2.5)
    assert rows.total_weight == pytest.approx(10)
    generator = torch.Generator().manual_seed(0)
    parts = rows.split(0.5, generator)
    assert sum(part.total_weight for part in parts) == pytest.approx(10)

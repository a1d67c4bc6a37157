import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from sklearn_ae._persistence.tree import decode, encode
from sklearn_ae.architectures import MLP


class Known:
    def __init__(self):
        self.value = 1


class Unknown(Known):
    pass


CLASSES = {"Known": Known, "MLP": MLP}


def round_trip(value):
    tensors = {}
    text = json.dumps(encode(value, "value", tensors, CLASSES), allow_nan=False)
    return decode(json.loads(text), tensors, CLASSES)


def is_same(one, other):
    """Tell whether two values are the same, types included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and is_same(list(one.values()), list(other.values()))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(
            one, other, equal_nan=one.dtype.kind == "f"
        )
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    return one == other or (one != one and other != other)


ARRAYS = st_numpy.arrays(
    st.sampled_from(["f4", "f8", "i4", "i8", "u1", "?"]),
    st_numpy.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), ARRAYS
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), inner, max_size=3),
    ),
    max_leaves=8,
)


@given(VALUES)
def test_round_trip(value):
    assert is_same(round_trip(value), value)


@pytest.mark.parametrize(
    "value",
    [
        np.float64(0.1),
        np.float32(math.inf),
        np.int64(3),
        np.bool_(True),
        torch.arange(3),
        torch.tensor(1.5, dtype=torch.float64),
        np.array(["a", "b"], dtype=object),
        torch.device("cpu"),
        {"a.b": {"c": np.ones(2)}, "a": {"b.c": np.zeros(2)}},
    ],
)
def test_round_trip_of(value):
    found = round_trip(value)
    assert is_same(found, value) if not isinstance(value, torch.device) else found == value


def test_memory_order_and_views():
    value = np.arange(12.0).reshape(3, 4).T[::2]
    found = round_trip([value, value])
    assert is_same(found, [value, value])
    found[0][:] = 0
    assert is_same(found[1], value)


def test_random_state():
    random_state = np.random.RandomState(3)
    found = round_trip(random_state)
    assert np.array_equal(found.normal(size=5), random_state.normal(size=5))


def test_objects_of_known_classes():
    assert vars(round_trip(Known())) == {"value": 1}
    found = round_trip(MLP((8, 4), "tanh"))
    assert found == MLP((8, 4), "tanh")
    assert type(found.hidden_layer_sizes) is tuple


@pytest.mark.parametrize("value", [Unknown(), object(), {1, 2}, b"bytes", 1j, print, Known])
def test_of_other_types(value):
    with pytest.raises(TypeError, match=r"model\.here\.0, of type \w+, can not be saved"):
        encode({"here": [value]}, "model", {}, CLASSES)


@pytest.mark.parametrize(
    "node",
    [
        {"object": ["Unknown", {}]},
        {"object": ["os.system", {"command": "true"}]},
        {"other": 1},
        {},
        {"array": "missing"},
        {"float": "text"},
        {"scalar": ["O", 1]},
        {"tuple": 3},
        {"dict": [[1]]},
        {"object": ["MLP", {"no_parameter": 1}]},
    ],
)
def test_nodes_that_encode_does_not_make(node):
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        decode(node, {}, CLASSES)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_ae._data.quantiles import weighted_quantile

numbers = st.lists(st.integers(-5, 5), min_size=1, max_size=20)


@given(numbers, st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), st.data())
def test_weights_are_repetitions(values, q, data):
    values = np.array(values, dtype=float)
    n_times = np.array(
        data.draw(st.lists(st.integers(1, 4), min_size=len(values), max_size=len(values)))
    )
    expected = weighted_quantile(np.repeat(values, n_times), None, q)
    assert weighted_quantile(values, n_times.astype(float), q) == pytest.approx(expected)


def test_median_of_two_is_between_them():
    assert weighted_quantile(np.array([1.0, 2.0]), None, 0.5) == 1.5


def test_is_that_of_numpy():
    values = np.random.default_rng(0).normal(size=101)
    for q in (0.1, 0.33, 0.5):
        expected = np.quantile(values, q, method="averaged_inverted_cdf")
        assert weighted_quantile(values, None, q) == expected

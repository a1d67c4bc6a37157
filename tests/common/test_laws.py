"""Laws that hold for any data: units, order of rows, batches, formats."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from sklearn.base import clone

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from tests.common.instances import ESTIMATORS, outputs

few_examples = settings(max_examples=15)
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)

BASE = np.random.default_rng(0).normal(size=(60, 5)) @ np.diag([3.0, 2, 1, 0.5, 0.1])
PARAMETERS = {"n_components": 2, "hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}
FITTED = [estimator(**PARAMETERS).fit(BASE) for estimator in ESTIMATORS]

seeds = st.integers(0, 2**32 - 1)
rows = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 20), st.just(5)),
    elements=st.floats(-100, 100, allow_subnormal=False),
)
# Powers of two, and shifts of a few digits: free of rounding, so that the law is exact.
scales = st.integers(-40, 40).map(lambda exponent: 2.0**exponent)
shifts = st.integers(-8, 8).map(float)


def assert_close(one, other, rtol=1e-6):
    np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * np.abs(other).max(initial=0))


@few_examples
@given(scale=scales, shift=shifts)
def test_transformer_does_not_depend_on_units(scale, shift):
    X = np.round(BASE, 4)
    expected = AutoencoderTransformer(**PARAMETERS).fit(X)
    found = AutoencoderTransformer(**PARAMETERS).fit(scale * (X + shift))
    assert_close(found.transform(scale * (X + shift)), expected.transform(X))
    assert_close(found.reconstruct(scale * (X + shift)), scale * (expected.reconstruct(X) + shift))
    assert_close(found.score_samples(scale * (X + shift)), scale**2 * expected.score_samples(X))


@pytest.mark.parametrize(
    "noise",
    [{"corruption": "gaussian"}, {"dropout": 0.3}, {"latent": "variational"}, {"latent": "noisy"}],
    ids=str,
)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_noise_does_not_depend_on_units(estimator, noise):
    expected = estimator(**PARAMETERS, **noise).fit(BASE)
    # Another scale for each column, where the estimator takes one.
    scale = 8.0 if estimator is AutoencoderTransformer else 2.0 ** np.arange(5)
    found = estimator(**PARAMETERS, **noise).fit(scale * BASE)
    assert_close(found.reconstruct(scale * BASE), scale * expected.reconstruct(BASE))


@few_examples
@given(data=st.data())
def test_detector_does_not_depend_on_the_units_of_any_column(data):
    scale = np.array(data.draw(st.lists(scales, min_size=5, max_size=5)))
    shift = np.array(data.draw(st.lists(shifts, min_size=5, max_size=5)))
    X = np.round(BASE, 4)
    expected = AutoencoderOutlierDetector(**PARAMETERS).fit(X)
    found = AutoencoderOutlierDetector(**PARAMETERS).fit(scale * (X + shift))
    assert_close(found.score_samples(scale * (X + shift)), expected.score_samples(X))
    assert_close(found.feature_errors(scale * (X + shift)), expected.feature_errors(X))
    assert_close(found.offset_, expected.offset_)


@pytest.mark.parametrize("fitted", FITTED, ids=lambda e: type(e).__name__)
@few_examples
@given(X=rows, seed=seeds)
def test_order_of_rows_does_not_matter_after_fit(fitted, X, seed):
    order = np.random.default_rng(seed).permutation(len(X))
    expected = outputs(fitted, X)
    for name, values in outputs(fitted, X[order]).items():
        assert_close(values, expected[name][order])


@pytest.mark.parametrize("fitted", FITTED, ids=lambda e: type(e).__name__)
@few_examples
@given(X=rows)
def test_row_alone_is_row_in_a_batch(fitted, X):
    expected = outputs(fitted, X)
    for i in range(len(X)):
        for name, values in outputs(fitted, X[i : i + 1]).items():
            np.testing.assert_allclose(values[0], expected[name][i], rtol=1e-6, atol=1e-9)


@each_estimator
def test_more_rows_than_fit_in_a_batch_of_inference(estimator):
    X = np.random.default_rng(1).normal(size=(10_000, 5))
    fitted = FITTED[ESTIMATORS.index(estimator)]
    expected = outputs(fitted, X)
    parts = [outputs(fitted, part) for part in (X[:1], X[1:4100], X[4100:])]
    for name, values in expected.items():
        assert_close(np.concatenate([part[name] for part in parts]), values)


@pytest.mark.parametrize("fitted", FITTED, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("batch_size", [1, 7, 64, "auto"])
def test_batch_size_does_not_matter_after_fit(fitted, batch_size):
    other = pickle.loads(pickle.dumps(fitted)).set_params(batch_size=batch_size)
    expected = outputs(fitted, BASE)
    for name, values in outputs(other, BASE).items():
        np.testing.assert_array_equal(values, expected[name])


@each_estimator
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array])
@few_examples
@given(seed=seeds, density=st.floats(0.05, 1), n_features=st.sampled_from([5, 60]))
def test_sparse_equals_dense(estimator, container, seed, density, n_features):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, n_features)) * (rng.random((40, n_features)) < density)
    parameters = PARAMETERS | {"learning_rate": 1e-3}
    dense, fitted = estimator(**parameters).fit(X), estimator(**parameters).fit(container(X))
    # Rows that were made dense lie elsewhere in memory, by which some processors round otherwise.
    for name, values in outputs(fitted, container(X)).items():
        np.testing.assert_allclose(values, outputs(dense, X)[name], rtol=1e-3, atol=1e-3)


@each_estimator
@few_examples
@given(seed=seeds)
def test_round_trips_of_pickle_and_clone(estimator, seed):
    fitted = estimator(**PARAMETERS).set_params(random_state=seed % 1000).fit(BASE)
    expected = outputs(fitted, BASE)
    for copy in (pickle.loads(pickle.dumps(fitted)), clone(fitted).fit(BASE)):
        assert copy.get_params() == fitted.get_params()
        for name, values in outputs(copy, BASE).items():
            np.testing.assert_array_equal(values, expected[name])


@each_estimator
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frame_equals_array(estimator, frame):
    names = [f"x{i}" for i in range(5)]
    X = frame(BASE, columns=names) if frame is pd.DataFrame else frame(BASE, schema=names)
    fitted = estimator(**PARAMETERS).fit(X)
    assert list(fitted.feature_names_in_) == names
    expected = outputs(FITTED[ESTIMATORS.index(estimator)], BASE)
    for name, values in outputs(fitted, X).items():
        np.testing.assert_array_equal(values, expected[name])


@each_estimator
@few_examples
@given(seed=seeds)
def test_integer_weights_repeat_rows_in_a_full_batch(estimator, seed):
    weight = np.random.default_rng(seed).integers(0, 4, len(BASE))
    # At larger rates, Adam makes steps of rounding errors where gradients are almost zero.
    parameters = PARAMETERS | {
        "batch_size": 1000,
        "early_stopping": False,
        "learning_rate": 1e-3,
    }
    weighted = estimator(**parameters).fit(BASE, sample_weight=weight)
    repeated = estimator(**parameters).fit(BASE.repeat(weight, axis=0))
    for name, values in outputs(weighted, BASE).items():
        assert_close(values, outputs(repeated, BASE)[name], rtol=1e-5)

"""Estimators that were saved, in any way, are what they were."""

import copy
import io
import pickle

import cloudpickle
import joblib
import numpy as np
import pytest
import skops.io

from sklearn_ae import load
from tests.common.instances import fast_instances, instances

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 9))


def all_outputs(estimator):
    """Give everything that a fitted estimator computes."""
    found = {}
    for method in (
        "transform",
        "score_samples",
        "reconstruct",
        "predict",
        "decision_function",
        "p_values",
        "feature_errors",
        "explain",
        "log_likelihood",
    ):
        if hasattr(estimator, method):
            try:
                found[method] = np.asarray(getattr(estimator, method)(X))
            except ValueError as error:  # some detectors have no p-values
                found[method] = str(error)
    if hasattr(estimator, "transform"):
        found["inverse_transform"] = estimator.inverse_transform(found["transform"])
        found["sample"] = estimator.sample(4, random_state=0)
        found["interpolate"] = estimator.interpolate(X[0], X[1], 3)
    found["diagnosis"] = str(estimator.diagnose())
    return found


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for method, values in expected.items():
        if isinstance(values, str):
            assert found[method] == values, method
        else:
            assert found[method].dtype == values.dtype, method
            assert np.array_equal(found[method], values), method


def by_file(estimator, folder):
    estimator.save(folder / "model.safetensors")
    return load(folder / "model.safetensors")


def by_pickle(estimator, _):
    return pickle.loads(pickle.dumps(estimator))


def by_joblib(estimator, folder):
    joblib.dump(estimator, folder / "model.joblib")
    return joblib.load(folder / "model.joblib")


def by_cloudpickle(estimator, _):
    return cloudpickle.loads(cloudpickle.dumps(estimator))


def by_skops(estimator, _):
    content = skops.io.dumps(estimator)
    return skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))


def by_copy(estimator, _):
    return copy.deepcopy(estimator)


@pytest.mark.parametrize("estimator", instances(), ids=repr)
def test_everything_is_the_same(estimator, tmp_path):
    estimator.set_params(random_state=0).fit(X)
    expected = all_outputs(estimator)
    saved = [by_file(estimator, tmp_path), by_pickle(estimator, tmp_path)]
    for other in saved:
        assert vars(other).keys() == vars(estimator).keys()
        assert repr(other) == repr(estimator)
        assert_same(all_outputs(other), expected)
    found = skops.io.get_untrusted_types(data=skops.io.dumps(estimator))
    assert set(found) == types_to_trust(estimator)
    # So is what further training makes of them.
    expected = all_outputs(estimator.partial_fit(X[:40]))
    for other in saved:
        assert_same(all_outputs(other.partial_fit(X[:40])), expected)


@pytest.mark.parametrize("way", [by_joblib, by_cloudpickle, by_skops, by_copy])
@pytest.mark.parametrize("estimator", fast_instances(), ids=lambda e: type(e).__name__)
def test_other_ways(estimator, way, tmp_path):
    estimator.fit(X)
    assert_same(all_outputs(way(estimator, tmp_path)), all_outputs(estimator))


@pytest.mark.parametrize("estimator", fast_instances(), ids=lambda e: type(e).__name__)
def test_unfitted(estimator, tmp_path):
    for way in (by_pickle, by_joblib, by_cloudpickle, by_skops, by_copy):
        assert repr(way(estimator, tmp_path)) == repr(estimator)


def types_to_trust(estimator):
    """Give the types that skops has to trust: the estimator, and parameters that are objects."""
    objects = [each for each in estimator.get_params(deep=False).values() if is_object(each)]
    return {f"{type(each).__module__}.{type(each).__name__}" for each in (estimator, *objects)}


def is_object(value):
    return hasattr(value, "get_params")


@pytest.mark.parametrize("estimator", instances(), ids=repr)
def test_types_that_skops_has_to_trust_before_fit(estimator):
    found = skops.io.get_untrusted_types(data=skops.io.dumps(estimator))
    assert set(found) == types_to_trust(estimator)


def test_a_pickle_is_no_larger_than_what_training_needs():
    # The weights, and two moments of each for further training.
    for estimator in fast_instances():
        estimator.fit(X)
        n_bytes = sum(tensor.nbytes for tensor in estimator.net_.weights())
        stream = io.BytesIO()
        pickle.dump(estimator, stream)
        assert stream.tell() < 3 * n_bytes + 40_000

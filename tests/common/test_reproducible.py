"""The same `random_state` gives the same bits; global random state is left alone."""

import pickle
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from sklearn_ae import AutoencoderTransformer
from tests.common.instances import ESTIMATORS, outputs

t = np.random.default_rng(0).uniform(-1, 1, size=(150, 1))
X = np.hstack([t, t**2, np.sin(3 * t), np.cos(3 * t)])  # where training finds more than PCA
PARAMETERS = {
    "n_components": 1,
    "max_iter": 8,
    "dropout": 0.1,
    "batch_size": 32,
    "learning_rate": 0.01,
}

each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)


def fit_outputs(estimator, data=X):
    return outputs(clone(estimator).fit(data), data)


def assert_same_bits(one, other):
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(other[name], values)


@each_estimator
def test_same_bits_whatever_the_global_seed(estimator):
    estimator = estimator(**PARAMETERS, random_state=3)
    expected = fit_outputs(estimator)
    for seed in (1, 2):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)
        assert_same_bits(fit_outputs(estimator), expected)


@each_estimator
def test_same_bits_in_parallel(estimator, digits):
    estimator = estimator(n_components=5, max_iter=2, random_state=3)
    expected = fit_outputs(estimator, digits)
    jobs = [delayed(fit_outputs)(estimator, digits) for _ in range(2)]
    for found in Parallel(n_jobs=2)(jobs):
        assert_same_bits(found, expected)


def test_same_bits_in_another_process():
    code = (
        "import pickle, sys; from tests.common import test_reproducible as t;"
        "estimator = t.AutoencoderTransformer(**t.PARAMETERS, random_state=3);"
        "sys.stdout.buffer.write(pickle.dumps(t.fit_outputs(estimator)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    expected = fit_outputs(AutoencoderTransformer(**PARAMETERS, random_state=3))
    assert_same_bits(pickle.loads(run.stdout), expected)


def test_same_bits_of_small_steps_for_any_number_of_threads(digits):
    # Larger steps are divided among threads, and their products rounded in another order.
    estimator = AutoencoderTransformer(
        n_components=3, hidden_layer_sizes=(32,), max_iter=12, random_state=0
    )
    some = digits[:600].astype(np.float32)
    n_threads = torch.get_num_threads()
    found = []
    try:
        for n in (1, 2):
            torch.set_num_threads(n)
            found.append(fit_outputs(estimator, some))
    finally:
        torch.set_num_threads(n_threads)
    estimator.fit(some)
    assert estimator.best_loss_ < 0.9 * estimator.initial_loss_
    assert_same_bits(*found)


@pytest.mark.parametrize("shape", [(2000, 300), (200, 1000)])
def test_same_bits_for_any_number_of_threads_of_blas(shape):
    rng = np.random.default_rng(0)
    wide = rng.normal(size=shape) @ np.diag(np.geomspace(1, 0.01, shape[1]))
    estimator = AutoencoderTransformer(n_components=20, max_iter=1, random_state=0)
    found = []
    for n in (1, 2):
        with threadpool_limits(n, user_api="blas"):
            found.append(fit_outputs(estimator, wide))
    assert_same_bits(*found)


@each_estimator
@pytest.mark.parametrize("random_state", [None, 0, np.random.RandomState(0)], ids=str)
def test_global_state_is_left_as_it_was(estimator, random_state):
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    estimator = estimator(**PARAMETERS, random_state=random_state).fit(X).partial_fit(X)
    outputs(estimator, X)
    after = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    assert after[0] == before[0]
    for one, other in zip(after[1], before[1], strict=True):
        np.testing.assert_array_equal(one, other)
    assert after[2].equal(before[2])


@each_estimator
def test_random_state_has_its_effect(estimator):
    estimator = estimator(**PARAMETERS, random_state=0)
    first = fit_outputs(estimator)["reconstruct"]
    other = fit_outputs(estimator.set_params(random_state=1))["reconstruct"]
    assert not np.array_equal(first, other)
    again = fit_outputs(estimator.set_params(random_state=0))["reconstruct"]
    np.testing.assert_array_equal(again, first)


@each_estimator
def test_no_random_state_differs_each_time(estimator):
    estimator = estimator(**PARAMETERS, random_state=None)
    one, other = (fit_outputs(estimator)["reconstruct"] for _ in range(2))
    assert not np.array_equal(one, other)


@each_estimator
def test_random_state_instance_advances(estimator):
    estimator = estimator(**PARAMETERS, random_state=np.random.RandomState(0))
    one, other = (estimator.fit(X).reconstruct(X) for _ in range(2))
    assert not np.array_equal(one, other)


@each_estimator
def test_nothing_is_random_after_fit(estimator):
    fitted = estimator(**PARAMETERS, random_state=0).fit(X)
    assert_same_bits(outputs(fitted, X), outputs(fitted, X))


@each_estimator
def test_partial_fit_goes_on_alike_after_pickling(estimator):
    fitted = estimator(**PARAMETERS, random_state=0).partial_fit(X)
    copy = pickle.loads(pickle.dumps(fitted))
    assert_same_bits(outputs(copy.partial_fit(X), X), outputs(fitted.partial_fit(X), X))

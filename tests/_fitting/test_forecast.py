import time

import numpy as np
import pytest
import torch

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import Convolutional
from tests.common.instances import ESTIMATORS

X = np.random.default_rng(0).uniform(size=(700, 16))
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)


@each_estimator
@pytest.mark.parametrize("given", [X, X.shape])
def test_forecast_is_what_fit_does(estimator, given):
    model = estimator(n_components=3, max_iter=4, random_state=0)
    forecast = model.plan_for(given)
    fitted = model.fit(X)
    assert forecast.plan == fitted.plan_
    assert (forecast.n_rows, forecast.n_features) == X.shape
    assert forecast.n_components == fitted.n_components_
    assert forecast.n_weights == sum(p.numel() for p in fitted.net_.module_.parameters())
    assert forecast.n_epochs == fitted.n_iter_
    assert forecast.n_operations > 0
    assert forecast.seconds > 0


@each_estimator
def test_nothing_changes(estimator):
    state = np.random.RandomState(0)
    model = estimator(n_components=2, random_state=state, verbose=1)
    before, of_torch = dict(vars(model)), torch.get_rng_state()
    drawn = state.get_state()[1].copy()
    model.plan_for(X)
    assert vars(model) == before
    np.testing.assert_array_equal(state.get_state()[1], drawn)
    assert torch.equal(torch.get_rng_state(), of_torch)


def test_twice_the_epochs_take_twice_the_operations():
    short, long = (
        AutoencoderTransformer(8, architecture=Convolutional((4, 4)), max_iter=n).plan_for(X.shape)
        for n in (10, 20)
    )
    assert long.n_operations == 2 * short.n_operations
    assert long.n_steps == 2 * short.n_steps


def test_a_long_fit_is_told_in_a_moment():
    start = time.monotonic()
    forecast = AutoencoderTransformer(4, max_iter=10_000_000).plan_for(X)
    assert forecast.seconds > 10 * (time.monotonic() - start)


def test_text():
    text = repr(AutoencoderTransformer().plan_for((20_000, 6)))
    assert text.startswith("Fit of 20,000 rows x 6 columns:")
    assert "the rows decide" in text
    assert "s" in text.splitlines()[-1]


def test_rows_of_a_source():
    forecast = AutoencoderTransformer(2)
    with pytest.raises(ValueError, match="give its shape"):
        forecast.plan_for(lambda: (np.ones((100_000, 50)) for _ in range(4)))


@pytest.mark.parametrize("shape", [(1, 3), (10, 0)])
def test_bad_shape(shape):
    with pytest.raises(ValueError, match="must be at least"):
        AutoencoderTransformer().plan_for(shape)


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="n_components"):
        AutoencoderTransformer(n_components=-1).plan_for(X)

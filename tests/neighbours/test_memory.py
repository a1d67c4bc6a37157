"""A pipeline with a memory trains an autoencoder once for equal data and parameters."""

import numpy as np
import pytest
from joblib import Memory
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVR

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import MLP
from sklearn_ae.corruption import GaussianNoise
from sklearn_ae.latents import Sparse


class Counted(AutoencoderTransformer):
    n_fits = 0

    def fit(self, X, y=None, sample_weight=None):
        type(self).n_fits += 1
        return super().fit(X, y, sample_weight)


@pytest.fixture
def count():
    Counted.n_fits = 0
    return lambda: Counted.n_fits


def make(folder, **parameters):
    options = {"n_components": 2, "max_iter": 3, "random_state": 0} | parameters
    return make_pipeline(Counted(**options), LinearRegression(), memory=Memory(folder, verbose=0))


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"random_state": None},
        {"architecture": MLP((8,), "tanh"), "latent": Sparse("kl"), "corruption": GaussianNoise()},
    ],
    ids=["defaults", "no seed", "parameter objects"],
)
def test_equal_autoencoders_are_trained_once(curve, tmp_path, count, parameters):
    y = curve[:, 0]
    first = make(tmp_path, **parameters).fit(curve, y)
    second = make(tmp_path, **parameters).fit(curve, y)
    assert count() == 1
    np.testing.assert_array_equal(second[0].transform(curve), first[0].transform(curve))
    np.testing.assert_array_equal(second.predict(curve), first.predict(curve))
    second[0].partial_fit(curve)  # it can be trained on


@pytest.mark.parametrize(
    "change", [{"random_state": 1}, {"n_components": 1}, {"latent": Sparse("kl")}, {"tol": 0.1}]
)
def test_others_are_trained_anew(curve, tmp_path, count, change):
    make(tmp_path).fit(curve, curve[:, 0])
    make(tmp_path, **change).fit(curve, curve[:, 0])
    make(tmp_path).fit(curve[:-1], curve[:-1, 0])
    assert count() == 3


def test_search_of_a_later_step(curve, tmp_path, count):
    pipeline = make(tmp_path).set_params(linearregression=SVR())
    GridSearchCV(pipeline, {"linearregression__C": [0.1, 1, 10]}, cv=2).fit(curve, curve[:, 0])
    assert count() == 3  # once a fold, and once for all rows

"""A fitted model holds none of the rows that it was fitted on."""

import pickle

import numpy as np
import pytest

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae.latents import LATENTS

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 8))


def rows_within(fitted, X):
    """Give how many rows a pickle has, as they are or in another type or in standard units."""
    content = pickle.dumps(fitted)
    module = fitted.net_.module_
    standard = (X - module.shift.double().numpy()) / module.scale.double().numpy()
    forms = [
        form.astype(dtype) for form in (X, X - X.mean(axis=0), standard) for dtype in ("f4", "f8")
    ]
    # Half a row is enough to tell.
    return sum(row[:4].tobytes() in content for form in forms for row in form)


@pytest.mark.parametrize("latent", [None, *LATENTS])
@pytest.mark.parametrize("training", ["fit", "partial_fit", "fit further"])
def test_transformers(latent, training):
    estimator = AutoencoderTransformer(
        2, latent=latent, hidden_layer_sizes=(4,), max_iter=3, warm_start=True, random_state=0
    )
    fitted = (estimator.partial_fit if training == "partial_fit" else estimator.fit)(X)
    if training == "fit further":
        fitted.fit(X)
    assert rows_within(fitted, X) == 0


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True}, {"early_stopping": False}])
def test_transformers_with_and_without_validation_rows(parameters):
    fitted = AutoencoderTransformer(2, max_iter=3, random_state=0, **parameters).fit(
        X, sample_weight=rng.uniform(1, 2, len(X))
    )
    assert rows_within(fitted, X) == 0


def test_the_search_finds_rows():
    fitted = AutoencoderTransformer(2, max_iter=1, random_state=0).fit(X)
    fitted.rows_ = X[:10].copy()
    assert rows_within(fitted, X) == 10


@pytest.mark.parametrize("training", ["fit", "partial_fit"])
def test_detectors(training):
    fitted = AutoencoderOutlierDetector(2, hidden_layer_sizes=(4,), max_iter=3, random_state=0)
    getattr(fitted, training)(X)
    assert rows_within(fitted, X) == 0

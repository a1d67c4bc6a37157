"""Successive halving, with epochs as the resource."""

import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingGridSearchCV, HalvingRandomSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer


@pytest.mark.parametrize("search", [HalvingGridSearchCV, HalvingRandomSearchCV])
@pytest.mark.parametrize("in_pipeline", [False, True])
def test_epochs_are_the_resource(curve, search, in_pipeline):
    model = AutoencoderTransformer(n_components=1, random_state=0)
    prefix = ""
    if in_pipeline:
        model = make_pipeline(StandardScaler(), model)
        prefix = "autoencodertransformer__"
    rates = {f"{prefix}learning_rate": [1e-7, 1e-6, 1e-5, 1e-2]}
    options = {"n_candidates": 4} if search is HalvingRandomSearchCV else {}
    halving = search(
        model,
        rates,
        resource=f"{prefix}max_iter",
        min_resources=4,
        max_resources=16,
        factor=2,
        cv=2,
        random_state=0,
        **options,
    ).fit(curve)
    assert halving.n_resources_ == [4, 8, 16]
    assert halving.n_candidates_ == [4, 2, 1]
    assert halving.best_params_ == {f"{prefix}learning_rate": 1e-2, f"{prefix}max_iter": 16}
    best = halving.best_estimator_
    assert (best[-1] if in_pipeline else best).n_iter_ == 16


def test_detector(curve):
    def worst_row(detector, X, y=None):
        return detector.score_samples(X).min()

    halving = HalvingGridSearchCV(
        AutoencoderOutlierDetector(random_state=0),
        {"n_components": [1, 2]},
        resource="max_iter",
        min_resources=2,
        max_resources=4,
        factor=2,
        cv=2,
        scoring=worst_row,
        random_state=0,
    ).fit(curve)
    assert halving.n_resources_ == [2, 4]
    assert halving.best_estimator_.n_iter_ <= 4

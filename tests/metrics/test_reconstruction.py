import pickle

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.decomposition import NMF, PCA, TruncatedSVD
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.metrics import (
    neg_reconstruction_error_scorer,
    reconstruction_error,
    reconstruction_r2,
    reconstruction_r2_scorer,
)

TRANSFORMERS = [
    PCA(2),
    NMF(2, max_iter=2000),
    TruncatedSVD(2),
    AutoencoderTransformer(2, max_iter=5, random_state=0),
    make_pipeline(MinMaxScaler(), AutoencoderTransformer(2, max_iter=5, random_state=0)),
]


@pytest.fixture
def X(curve):
    return 10 * (curve + 1.5)


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda t: type(t).__name__)
def test_values(transformer, X):
    transformer.fit(X)
    reconstruction = transformer.inverse_transform(transformer.transform(X))
    error = np.mean((X - reconstruction) ** 2)
    assert reconstruction_error(transformer, X) == pytest.approx(error)
    assert reconstruction_r2(transformer, X) == pytest.approx(1 - error / X.var(axis=0).mean())


def test_r2_of_pca_is_its_explained_variance(X):
    pca = PCA(2).fit(X)
    assert reconstruction_r2(pca, X) == pytest.approx(pca.explained_variance_ratio_.sum())


def test_weights(X):
    pca = PCA(1).fit(X)
    weight = np.repeat([0.0, 1.0], 150)
    for metric in (reconstruction_error, reconstruction_r2):
        assert metric(pca, X, sample_weight=weight) == pytest.approx(metric(pca, X[150:]))


def test_sparse(X):
    svd = TruncatedSVD(2).fit(X)
    assert reconstruction_error(svd, sparse.csr_array(X)) == pytest.approx(
        reconstruction_error(svd, X)
    )


@pytest.mark.parametrize("estimator", [LinearRegression(), Normalizer()], ids=repr)
def test_needs_a_transformer(estimator, X):
    with pytest.raises(TypeError, match="needs a transformer with inverse_transform"):
        reconstruction_error(estimator, X)


def test_large_numbers_of_float32():
    X = 1e25 * np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    fitted = AutoencoderTransformer(2, max_iter=1).fit(X)
    assert reconstruction_error(fitted, X) == pytest.approx(-fitted.score(X), rel=1e-4)


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda t: type(t).__name__)
def test_scorers(transformer, X):
    scoring = {"error": neg_reconstruction_error_scorer, "r2": reconstruction_r2_scorer}
    found = cross_validate(transformer, X, scoring=scoring, cv=2, return_estimator=True)
    fold = X[:150]  # of two folds without shuffling, the first is tested first
    assert found["test_error"][0] == -reconstruction_error(found["estimator"][0], fold)
    assert found["test_r2"][0] == reconstruction_r2(found["estimator"][0], fold)


@pytest.mark.parametrize("scorer", [neg_reconstruction_error_scorer, reconstruction_r2_scorer])
@pytest.mark.parametrize("y", [None, "given"])
def test_grid_search(scorer, y, X):
    pipeline = make_pipeline(StandardScaler(), PCA())
    grid = {"pca": [PCA(), AutoencoderTransformer(max_iter=3)], "pca__n_components": [1, 3]}
    search = GridSearchCV(pipeline, grid, scoring=scorer, cv=2)
    search.fit(X, None if y is None else np.zeros(len(X)))
    assert search.best_params_["pca__n_components"] == 3


def test_scorers_take_routed_weights(X):
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = neg_reconstruction_error_scorer.set_score_request(sample_weight=True)
        weight = np.linspace(0, 1, len(X))
        search = GridSearchCV(PCA(), {"n_components": [1]}, scoring=scorer, cv=2)
        search.fit(X, sample_weight=weight)
    pca = PCA(1).fit(X[150:])
    expected = -reconstruction_error(pca, X[:150], sample_weight=weight[:150])
    assert search.cv_results_["split0_test_score"][0] == pytest.approx(expected)


@pytest.mark.parametrize("scorer", [neg_reconstruction_error_scorer, reconstruction_r2_scorer])
def test_scorers_are_pickled_and_documented(scorer, X):
    fitted = PCA(1).fit(X)
    assert pickle.loads(pickle.dumps(scorer))(fitted, X) == scorer(fitted, X)
    assert scorer(fitted, X, None) == scorer(fitted, X, y=None)
    assert scorer.__doc__.startswith("Compute")

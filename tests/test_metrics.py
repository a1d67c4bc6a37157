import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import NMF, PCA, TruncatedSVD
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, OneHotEncoder, StandardScaler
from sklearn.svm import OneClassSVM

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae.metrics import (
    broken_rows_auc,
    broken_rows_auc_scorer,
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


# --- broken rows --------------------------------------------------------------------------------


def test_broken_rows_tell_who_knows_the_dependencies(curve):
    good = AutoencoderOutlierDetector(1, max_iter=40, random_state=0).fit(curve[:200])
    blind = EllipticEnvelope(random_state=0).fit(
        np.random.default_rng(0).permuted(curve[:200], axis=0)
    )
    assert broken_rows_auc(good, curve[200:]) > 0.9
    assert broken_rows_auc(blind, curve[200:]) < 0.7


def test_broken_rows_are_always_the_same(curve):
    detector = IsolationForest(random_state=0).fit(curve)
    assert broken_rows_auc(detector, curve) == broken_rows_auc(detector, curve)


def test_broken_rows_of_sparse_data(curve):
    detector = IsolationForest(random_state=0).fit(curve)
    expected = broken_rows_auc(detector, curve)
    assert broken_rows_auc(detector, sparse.csr_array(curve)) == expected


def test_broken_rows_for_who_has_no_score_samples(curve):
    machine = OneClassSVM().fit(curve)
    pipeline = make_pipeline(StandardScaler(), EllipticEnvelope(random_state=0)).fit(curve)
    for detector in (machine, pipeline):
        assert 0.5 < broken_rows_auc(detector, curve) < 1


def test_search_by_broken_rows(curve):
    search = GridSearchCV(
        AutoencoderOutlierDetector(max_iter=30, random_state=0),
        {"n_components": [1, 5]},
        scoring=broken_rows_auc,
        cv=3,
    ).fit(curve)
    assert search.best_score_ > 0.8


def test_broken_rows_of_tables(curve):
    table = pd.DataFrame(curve, columns=list("abcde"))
    table["side"] = np.where(table["a"] > 0, "right", "left")
    columns = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["side"]), remainder="passthrough"
    )
    pipeline = make_pipeline(columns, IsolationForest(random_state=0)).fit(table)
    assert 0.5 < broken_rows_auc(pipeline, table) < 1


def test_broken_rows_with_missing_values(curve):
    curve[0, 0] = np.nan
    forest = IsolationForest(random_state=0).fit(curve)
    assert 0.5 < broken_rows_auc(forest, curve) < 1


@pytest.mark.parametrize("scorer", [broken_rows_auc, broken_rows_auc_scorer])
def test_broken_rows_as_monitor(scorer, curve):
    callback = pytest.importorskip("sklearn.callback", reason="callbacks need scikit-learn 1.9")
    monitor = callback.ScoringMonitor(scoring=scorer)
    detector = AutoencoderOutlierDetector(1, max_iter=3, random_state=0).set_callbacks(monitor)
    detector.fit(curve, sample_weight=np.ones(len(curve)))
    last = monitor.get_logs().data[0]  # the whole fit; the epochs follow
    assert last["score"] == pytest.approx(broken_rows_auc(detector, curve))


def test_broken_rows_among_several_scores(curve):
    scoring = {"broken": broken_rows_auc, "again": broken_rows_auc_scorer}
    found = cross_validate(IsolationForest(random_state=0), curve, scoring=scoring, cv=2)
    np.testing.assert_array_equal(found["test_broken"], found["test_again"])


@pytest.mark.parametrize(
    "scorer", [broken_rows_auc, neg_reconstruction_error_scorer, reconstruction_r2_scorer]
)
def test_scorers_are_pickled_and_documented(scorer, curve):
    fitted = AutoencoderOutlierDetector(1, max_iter=1, random_state=0).fit(curve)
    if scorer is not broken_rows_auc:
        fitted = PCA(1).fit(curve)
    assert pickle.loads(pickle.dumps(scorer))(fitted, curve) == scorer(fitted, curve)
    assert scorer(fitted, curve, None) == scorer(fitted, curve, y=None)
    assert scorer.__doc__.startswith("Compute")

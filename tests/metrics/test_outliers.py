import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import OneClassSVM

from sklearn_ae import AutoencoderOutlierDetector
from sklearn_ae.metrics import broken_rows_auc, broken_rows_auc_scorer


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


def test_broken_rows_are_pickled_and_documented(curve):
    fitted = AutoencoderOutlierDetector(1, max_iter=1, random_state=0).fit(curve)
    score = broken_rows_auc(fitted, curve)
    assert pickle.loads(pickle.dumps(broken_rows_auc))(fitted, curve) == score
    assert broken_rows_auc(fitted, curve, None) == broken_rows_auc(fitted, curve, y=None) == score
    assert broken_rows_auc.__doc__.startswith("Compute")

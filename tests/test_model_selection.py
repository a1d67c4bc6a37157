"""Searches that train their candidates together give what scikit-learn's own give."""

import inspect
import warnings

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae.architectures import MLP
from sklearn_ae.model_selection import BatchedGridSearchCV, BatchedRandomizedSearchCV

SHORT = {"n_components": 2, "hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}
RATES = [0.001, 0.02]


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    X = np.tanh(rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6)))
    return X + 0.1 * rng.normal(size=X.shape)


@pytest.fixture(scope="module")
def y(X):
    return (X[:, 0] > np.median(X[:, 0])).astype(int)


def transformer(**parameters):
    return AutoencoderTransformer(**SHORT | parameters)


def assert_same_results(ours, other, rtol=1e-9):
    assert ours.keys() == other.keys()
    for name, values in other.items():
        if "time" in name:
            continue
        if name == "params" or name.startswith("param_"):
            assert list(ours[name]) == list(values)
        else:
            np.testing.assert_allclose(ours[name], values, rtol=rtol, err_msg=name)


def n_together(capsys):
    """Give the number of fits that a search with verbose=1 says were trained together."""
    lines = capsys.readouterr().out.splitlines()
    return sum(int(line.split()[0]) for line in lines if "trained together" in line)


class Scaler(StandardScaler):
    """Notes its fits."""

    fits = []

    def fit(self, X, y=None, sample_weight=None):
        self.fits.append(self.with_mean)
        return super().fit(X, y, sample_weight)


GRIDS = {
    "rates, decays and seeds": (
        transformer(),
        {"learning_rate": RATES, "weight_decay": [0.0, 0.1], "random_state": [0, 1]},
    ),
    "code sizes and widths": (
        transformer(learning_rate=0.01),
        {"n_components": [2, 3], "hidden_layer_sizes": [8, (6, 4)], "max_iter": [1, 3]},
    ),
    "batches and bounds": (
        transformer(hidden_layer_sizes=()),
        {"batch_size": [7, 64], "output_activation": ["auto", "identity"]},
    ),
    "schedules, optimizers and clipping": (
        transformer(learning_rate=0.01),
        {
            "learning_rate_schedule": ["one_cycle", "constant"],
            "optimizer": ["adam", "adamw"],
            "max_grad_norm": [None, 0.01],
        },
    ),
    "validation rows and patience": (
        transformer(max_iter=30, learning_rate=0.05, tol=0.01),
        {"n_iter_no_change": [None, 2], "early_stopping": [True, False], "random_state": [0, 1]},
    ),
    "share of the variance": (transformer(n_components=0.7), {"learning_rate": RATES}),
    "a plain detector": (
        AutoencoderOutlierDetector(
            architecture=MLP((8,)),
            linear_path="auto",
            **{name: value for name, value in SHORT.items() if name != "hidden_layer_sizes"},
        ),
        {"learning_rate": RATES, "contamination": [0.1, 0.2]},
    ),
}


@pytest.mark.parametrize("name", GRIDS)
def test_results_are_those_of_one_fit_after_the_other(name, X, capsys):
    estimator, grid = GRIDS[name]
    scoring = None
    if isinstance(estimator, AutoencoderOutlierDetector):
        scoring = make_scorer(lambda y, scores: scores.mean(), response_method="decision_function")
    data = (X, np.zeros(len(X))) if scoring else (np.maximum(X, -0.5),)
    options = {"cv": 3, "scoring": scoring, "return_train_score": True}
    expected = GridSearchCV(estimator, grid, **options).fit(*data)
    ours = BatchedGridSearchCV(estimator, grid, verbose=1, **options).fit(*data)
    assert_same_results(ours.cv_results_, expected.cv_results_)
    assert ours.best_params_ == expected.best_params_
    np.testing.assert_array_equal(
        ours.predict(X) if scoring else ours.transform(X),
        expected.predict(X) if scoring else expected.transform(X),
    )
    assert n_together(capsys) == 3 * len(expected.cv_results_["params"])


def test_joined_validation_rows(X):
    # Enough rows for a split, and few enough for them to join.
    rows = np.concatenate([X + shift for shift in (0.0, 0.01, 0.02, 0.03)])
    estimator = AutoencoderTransformer(2, hidden_layer_sizes=4, n_refinement_steps=1)
    grid = {"random_state": [0, 1, 2]}
    options = {"cv": 3, "refit": False}
    expected = GridSearchCV(estimator, grid, **options).fit(rows)
    fitted = clone(estimator).set_params(random_state=0).fit(rows[:533])
    assert len(fitted.validation_curve_) < len(fitted.loss_curve_)  # they have joined
    ours = BatchedGridSearchCV(estimator, grid, **options).fit(rows)
    assert_same_results(ours.cv_results_, expected.cv_results_)


def test_trials_of_few_rows(X, capsys):
    # At the tiny rate, trials find that training does not help.
    estimator = AutoencoderTransformer(hidden_layer_sizes=8, random_state=0)
    grid = {"n_components": [1, 2, 3], "learning_rate": [1e-6, 0.01]}
    expected = GridSearchCV(estimator, grid, cv=2, refit=False).fit(X)
    ours = BatchedGridSearchCV(estimator, grid, cv=2, refit=False, verbose=1).fit(X)
    assert_same_results(ours.cv_results_, expected.cv_results_)
    assert n_together(capsys) == 12


def test_steps_of_a_pipeline_are_shared(X, y, capsys):
    pipeline = make_pipeline(Scaler(), PCA(5), transformer(), LogisticRegression())
    grid = {
        "scaler__with_mean": [True, False],
        "autoencodertransformer__learning_rate": RATES,
        "logisticregression__C": [0.1, 1.0],
    }
    options = {"cv": 3, "scoring": ["accuracy", "neg_log_loss"], "refit": "accuracy"}
    expected = GridSearchCV(pipeline, grid, **options).fit(X, y)
    Scaler.fits.clear()
    ours = BatchedGridSearchCV(pipeline, grid, verbose=1, **options).fit(X, y)
    assert sorted(Scaler.fits) == [False] * 3 + [True] * 4  # and the best one
    assert n_together(capsys) == 24
    assert_same_results(ours.cv_results_, expected.cv_results_)
    np.testing.assert_array_equal(ours.predict(X), expected.predict(X))


def test_own_scorers_see_a_complete_pipeline(X):
    def score(estimator, X, y=None):
        estimator[-1].diagnose()
        return estimator[-1].sample(3, random_state=0).mean() + estimator[0].mean_.sum()

    pipeline = make_pipeline(StandardScaler(), transformer())
    grid = {"autoencodertransformer__learning_rate": RATES}
    expected = GridSearchCV(pipeline, grid, cv=2, scoring=score).fit(X)
    ours = BatchedGridSearchCV(pipeline, grid, cv=2, scoring=score).fit(X)
    assert_same_results(ours.cv_results_, expected.cv_results_)


def test_weights_of_rows(X, capsys):
    weight = np.random.default_rng(0).uniform(0.5, 2, len(X))
    grid = {"learning_rate": RATES}
    expected = GridSearchCV(transformer(), grid, cv=3).fit(X, sample_weight=weight)
    ours = BatchedGridSearchCV(transformer(), grid, cv=3, verbose=1).fit(X, sample_weight=weight)
    assert_same_results(ours.cv_results_, expected.cv_results_)
    assert n_together(capsys) == 6


@pytest.mark.parametrize(
    ("estimator", "grid", "reason"),
    [
        (transformer(latent="noisy"), {"learning_rate": RATES}, "their networks are not plain"),
        (AutoencoderOutlierDetector(max_iter=2), {"n_components": [1, 2]}, "the default detector"),
        (transformer(warm_start=True), {"learning_rate": RATES}, "warm_start=True"),
        (PCA(), {"n_components": [1, 2]}, "neither an autoencoder nor a pipeline"),
        (
            make_pipeline(transformer()),
            {"autoencodertransformer": [transformer(), transformer(max_iter=1)]},
            "the autoencoder is a parameter of the search",
        ),
    ],
)
def test_what_is_made_one_by_one(estimator, grid, reason, X, capsys):
    scoring = (
        None
        if hasattr(estimator, "score")
        else make_scorer(lambda y, scores: scores.mean(), response_method="decision_function")
    )
    options = {"cv": 2, "scoring": scoring, "refit": False}
    seeded = "random_state" in estimator.get_params()
    estimator = clone(estimator).set_params(random_state=0) if seeded else estimator
    y = np.zeros(len(X))
    expected = GridSearchCV(estimator, grid, **options).fit(X[:60], y[:60])
    ours = BatchedGridSearchCV(estimator, grid, verbose=1, **options).fit(X[:60], y[:60])
    out = capsys.readouterr().out
    assert "0 fits were trained together" in out
    assert "4 fits are made one by one: " in out
    assert reason in out
    assert_same_results(ours.cv_results_, expected.cv_results_)


def test_failing_fits_count_as_in_scikit_learn(X):
    grid = {"learning_rate": [0.01, -1.0], "n_components": [2, 3]}
    with pytest.warns(Warning, match="6 fits failed out of a total of 12"):
        ours = BatchedGridSearchCV(transformer(), grid, cv=3, error_score=-7.0).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = GridSearchCV(transformer(), grid, cv=3, error_score=-7.0).fit(X)
    assert_same_results(ours.cv_results_, expected.cv_results_)
    with pytest.raises(ValueError, match="learning_rate"):
        BatchedGridSearchCV(transformer(), grid, cv=3, error_score="raise").fit(X)


def test_divergence_is_that_of_one_fit(X):
    grid = {"learning_rate": [0.01, 1e300]}
    with pytest.warns(RuntimeWarning, match="no longer finite"):
        ours = BatchedGridSearchCV(transformer(), grid, cv=2).fit(X)
    with pytest.warns(RuntimeWarning, match="no longer finite"):
        expected = GridSearchCV(transformer(), grid, cv=2).fit(X)
    assert_same_results(ours.cv_results_, expected.cv_results_)


def test_processes(X):
    grid = {"learning_rate": RATES, "random_state": [0, 1]}
    expected = GridSearchCV(transformer(), grid, cv=3).fit(X)
    ours = BatchedGridSearchCV(transformer(), grid, cv=3, n_jobs=2).fit(X)
    assert_same_results(ours.cv_results_, expected.cv_results_)


def test_randomized_search(X):
    distributions = {"learning_rate": loguniform(1e-3, 1e-1), "weight_decay": [0.0, 0.1]}
    options = {"n_iter": 4, "random_state": 0, "cv": 2}
    expected = RandomizedSearchCV(transformer(), distributions, **options).fit(X)
    ours = BatchedRandomizedSearchCV(transformer(), distributions, **options).fit(X)
    assert_same_results(ours.cv_results_, expected.cv_results_)
    assert clone(ours).get_params()["n_iter"] == 4


def test_a_part_of_the_rows_at_a_time(X, capsys):
    from sklearn import config_context

    grid = {"learning_rate": RATES}
    expected = GridSearchCV(transformer(), grid, cv=KFold(4)).fit(X)
    with config_context(working_memory=1e-3):
        ours = BatchedGridSearchCV(transformer(), grid, cv=KFold(4), verbose=1).fit(X)
    assert "8 fits were trained together, in 4 batches" in capsys.readouterr().out
    assert_same_results(ours.cv_results_, expected.cv_results_)


# --- successive halving ---------------------------------------------------------------------


def test_halving_drops_the_worst(X):
    estimator = transformer(
        n_components=1, max_iter=27, learning_rate_schedule="constant", early_stopping=False
    )
    rates = np.logspace(-5, -2, 9).tolist()
    search = BatchedGridSearchCV(estimator, {"learning_rate": rates}, cv=2, factor=3).fit(X)
    results = search.cv_results_
    np.testing.assert_array_equal(np.bincount(results["iter"]), [6, 2, 1])
    np.testing.assert_array_equal(results["n_resources"], 3.0 * 3 ** results["iter"])
    full = GridSearchCV(estimator, {"learning_rate": rates}, cv=2).fit(X)
    last = results["iter"] == 2
    full_scores = np.where(last, full.cv_results_["mean_test_score"], -np.inf)
    assert search.best_index_ == full_scores.argmax()
    np.testing.assert_allclose(
        results["mean_test_score"][last], full.cv_results_["mean_test_score"][last], rtol=1e-9
    )
    # At the first rung, the scores are those of so many epochs.
    early = GridSearchCV(clone(estimator).set_params(max_iter=3), {"learning_rate": rates}, cv=2)
    first = results["iter"] == 0
    np.testing.assert_allclose(
        results["mean_test_score"][first],
        early.fit(X).cv_results_["mean_test_score"][first],
        rtol=1e-9,
    )


def test_halving_takes_the_best_of_those_that_reach_the_end(X):
    # A score that falls with training: candidates that were dropped early have the highest.
    def error(estimator, X, y=None):
        return float(np.square(estimator.reconstruct(X) - X).mean())

    search = BatchedGridSearchCV(
        transformer(max_iter=9),
        {"learning_rate": [1e-4, 1e-3, 1e-2]},
        cv=2,
        factor=3,
        scoring=error,
    ).fit(X)
    results = search.cv_results_
    assert results["iter"][search.best_index_] == results["iter"].max()


def test_halving_leaves_out_what_is_made_one_by_one(X):
    grid = {"latent": [None, "noisy"], "learning_rate": [1e-4, 1e-3, 1e-2]}
    search = BatchedGridSearchCV(transformer(max_iter=9), grid, cv=2, factor=3).fit(X)
    n_resources = search.cv_results_["n_resources"]
    assert np.isnan(n_resources[3:]).all()
    assert (search.cv_results_["iter"][3:] == search.cv_results_["iter"].max()).all()


def test_halving_needs_one_score(X):
    search = BatchedGridSearchCV(
        transformer(),
        {"learning_rate": RATES},
        factor=2,
        scoring={"a": "r2", "b": "r2"},
        refit=False,
    )
    with pytest.raises(ValueError, match="refit must name the score that decides"):
        search.fit(X)
    with pytest.raises(ValueError, match="'factor' parameter"):
        BatchedGridSearchCV(transformer(), {"learning_rate": RATES}, factor=1.0).fit(X)


def test_on_digits_the_pipeline_of_the_guide():
    X, y = load_digits(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), transformer(max_iter=2), LogisticRegression())
    grid = {"autoencodertransformer__n_components": [2, 4]}
    search = BatchedGridSearchCV(pipeline, grid, cv=2).fit(X[:400], y[:400])
    assert search.best_params_ == {"autoencodertransformer__n_components": 4}
    assert search.score(X[400:], y[400:]) > 0.5


# --- scikit-learn's own tests ---------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "test_grid_search",
        "test_grid_search_no_score",
        "test_grid_search_groups",
        "test_no_refit",
        "test_refit",
        "test_refit_callable",
        "test_grid_search_error",
        "test_grid_search_failing_classifier",
        "test_grid_search_failing_classifier_raise",
        "test_grid_search_one_grid_point",
        "test_grid_search_cv_splits_consistency",
        "test_unsupervised_grid_search",
        "test_search_cv_results_none_param",
        "test_pickle",
        "test_transform_inverse_transform_round_trip",
        "test_empty_cv_iterator_error",
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_of_scikit_learn(name, monkeypatch):
    their = pytest.importorskip("sklearn.model_selection.tests.test_search")
    test = getattr(their, name, None)
    if test is None or inspect.signature(test).parameters:
        pytest.skip("this version of scikit-learn has it not, or in another form")
    monkeypatch.setattr(their, "GridSearchCV", BatchedGridSearchCV)
    monkeypatch.setattr(their, "RandomizedSearchCV", BatchedRandomizedSearchCV)
    test()

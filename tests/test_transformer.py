import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.utils import estimator_html_repr

from benchmarks.machine import peak_memory
from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import MLP
from sklearn_ae.metrics import neg_reconstruction_error_scorer, reconstruction_error


def make(**parameters):
    defaults = {"n_components": 1, "max_iter": 20, "early_stopping": True, "random_state": 0}
    return AutoencoderTransformer(**defaults | parameters)


def pca_error(n_components, train, test):
    return reconstruction_error(PCA(n_components).fit(train), test)


# --- beside PCA ----------------------------------------------------------------------------------


@pytest.mark.parametrize("load", [load_digits, load_breast_cancer, load_wine, load_iris])
@pytest.mark.parametrize("n_components", [1, 3])
def test_starts_at_pca(load, n_components):
    X = StandardScaler().fit_transform(load().data)
    pca = PCA(n_components).fit(X)
    fitted = make(
        n_components=n_components, max_iter=1, learning_rate=1e-12, output_activation="identity"
    ).fit(X)
    codes = pca.transform(X)
    np.testing.assert_allclose(
        fitted.reconstruct(X), pca.inverse_transform(codes), rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(
        np.abs(fitted.transform(X)), np.abs(codes) / X.std(), rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_starts_at_pca_of_wide_data_down_to_small_components(dtype):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(120, 40)) * 0.75 ** np.arange(40)) @ rng.normal(size=(40, 2000))
    X = X.astype(dtype)
    fitted = make(n_components=30, max_iter=1, learning_rate=1e-12).fit(X)
    assert reconstruction_error(fitted, X) < 1.1 * pca_error(30, X, X)


@pytest.mark.parametrize(
    ("load", "ratio"),
    [(load_digits, 0.8), (load_breast_cancer, 0.95), (load_wine, 1.01), (load_iris, 1.01)],
)
def test_ends_beyond_pca(load, ratio):
    X = StandardScaler().fit_transform(load().data)
    train, test = train_test_split(X, random_state=0)
    fitted = make(n_components=2, max_iter=50).fit(train)
    assert reconstruction_error(fitted, test) <= ratio * pca_error(2, train, test)


def test_exact_low_rank_is_reconstructed_exactly():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 20)) + 5
    assert reconstruction_error(make(n_components=3).fit(X), X) < 1e-20 * X.var()


def test_noise_is_not_overfitted():
    X = np.random.default_rng(0).normal(size=(800, 20))
    train, test = X[:400], X[400:]
    fitted = make(n_components=2, max_iter=100).fit(train)
    assert reconstruction_error(fitted, test) < 1.01 * pca_error(2, train, test)


def test_a_curve_needs_one_component(curve):
    fitted = make(max_iter=100).fit(curve)
    assert reconstruction_error(fitted, curve) < 0.1 * pca_error(1, curve, curve)


# --- code size -----------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95, 0.999, np.float64(0.5)])
@pytest.mark.parametrize("shape", [(100, 8), (8, 100)])
def test_share_of_the_variance_counts_as_in_pca(share, shape):
    X = np.random.default_rng(0).normal(size=shape) * np.linspace(1, 5, shape[1])
    expected = PCA(share).fit(X).n_components_
    assert make(n_components=share, max_iter=1).fit(X).n_components_ == expected


def test_auto_is_95_percent(digits):
    fitted = make(n_components="auto", max_iter=1).fit(digits)
    assert fitted.n_components_ == PCA(0.95).fit(digits).n_components_


@pytest.mark.parametrize("linear_path", ["pca", None])
def test_overcomplete(curve, linear_path):
    fitted = make(n_components=9, linear_path=linear_path).fit(curve)
    assert fitted.transform(curve).shape == (300, 9)
    if linear_path:
        assert reconstruction_error(fitted, curve) < 1e-20


# --- in scikit-learn -----------------------------------------------------------------------------


def test_score_is_minus_the_reconstruction_error(curve):
    X = 100 * curve + 3
    fitted = make().fit(X)
    error = np.mean((X - fitted.inverse_transform(fitted.transform(X))) ** 2, axis=1)
    np.testing.assert_allclose(fitted.score_samples(X), -error)
    assert fitted.score(X) == pytest.approx(-error.mean())
    np.testing.assert_allclose(
        fitted.reconstruct(X), fitted.inverse_transform(fitted.transform(X)), rtol=1e-10
    )


def test_grid_search_in_parallel_as_with_pca():
    X, y = load_digits(return_X_y=True)
    X, y = X[:400], y[:400]
    best = {}
    for reduction in (PCA(), AutoencoderTransformer(max_iter=10, random_state=0)):
        pipeline = make_pipeline(MinMaxScaler(), reduction, LogisticRegression(max_iter=1000))
        name = pipeline.steps[1][0]
        grid = {f"{name}__n_components": [4, 8]}
        search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, y)
        best[name] = search.best_score_
    assert best["autoencodertransformer"] > best["pca"] - 0.05


def test_search_over_an_architecture(curve):
    search = GridSearchCV(
        make(architecture=MLP((8,))),
        {"architecture__activation": ["tanh", "relu"], "n_components": [1, 2]},
        scoring=neg_reconstruction_error_scorer,
        cv=2,
    ).fit(curve)
    assert search.best_params_["n_components"] == 2


def test_cross_validation_by_its_own_score(curve):
    scores = cross_val_score(make(), curve, cv=3)
    assert (scores < 0).all()


def test_column_transformer():
    frame = pd.DataFrame(load_iris().data, columns=list("abcd")).assign(kind=list("xyz") * 50)
    transformer = make_column_transformer(
        (make(n_components=2), list("abcd")),
        (OneHotEncoder(sparse_output=False), ["kind"]),
    ).set_output(transform="pandas")
    assert list(transformer.fit_transform(frame).columns)[:2] == [
        "autoencodertransformer__autoencodertransformer0",
        "autoencodertransformer__autoencodertransformer1",
    ]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output(curve, library):
    codes = make(n_components=2).set_output(transform=library).fit_transform(curve)
    assert type(codes).__module__.startswith(library)
    assert list(codes.columns) == ["autoencodertransformer0", "autoencodertransformer1"]


def test_sample_weight_is_routed(curve):
    import sklearn

    weight = np.linspace(0, 1, len(curve))
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(StandardScaler(), make().set_fit_request(sample_weight=True))
        pipeline[0].set_fit_request(sample_weight=False)
        weighted = pipeline.fit(curve, sample_weight=weight)[-1]
    X = StandardScaler().fit_transform(curve)
    np.testing.assert_array_equal(
        weighted.transform(X), make().fit(X, sample_weight=weight).transform(X)
    )


def test_html_representation(curve):
    html = estimator_html_repr(make().fit(curve))
    assert "AutoencoderTransformer" in html
    assert "n_components" in html
    assert "Fitted" in html


@pytest.mark.parametrize("weight", [np.ones(3), -np.ones(300), np.zeros(300)])
def test_score_checks_its_weights(curve, weight):
    with pytest.raises(ValueError, match=r"sample_weight|Sample weights|Negative values"):
        make(max_iter=1).fit(curve).score(curve, sample_weight=weight)


def test_one_row_is_not_split(curve):
    fitted = make(warm_start=True, early_stopping=True, max_iter=2).fit(curve)
    assert fitted.fit(curve[:1]).n_iter_ == 4
    with pytest.raises(ValueError, match="1 sample with a positive sample_weight"):
        make().fit(curve, sample_weight=np.eye(300)[0])


def test_weights_of_held_out_rows_have_mean_one(curve):
    weight = np.where(np.arange(300) % 2, 1e-3, 1.0)
    parameters = {"max_iter": 1, "learning_rate": 1e-12, "early_stopping": True}
    fitted = make(**parameters).fit(curve, sample_weight=weight)
    assert fitted.initial_loss_ == pytest.approx(
        make(**parameters).fit(curve).initial_loss_, rel=0.5
    )


def test_notebook_classes_come_back_from_a_worker(curve):
    """Classes of __main__ can not be pickled by reference, only by cloudpickle."""
    code = (
        "import sys, cloudpickle, numpy as np, torch\n"
        "from sklearn_ae import AutoencoderTransformer\n"
        "class Own(torch.nn.Linear): pass\n"
        "def loss(a, b): return (a - b).abs().mean(-1)\n"
        "X = np.random.default_rng(0).normal(size=(20, 3))\n"
        "estimator = AutoencoderTransformer(\n"
        "    1, architecture=(Own(3, 1), Own(1, 3)), loss=loss, max_iter=1)\n"
        "sys.stdout.buffer.write(cloudpickle.dumps(estimator.fit(X)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    fitted = pickle.loads(run.stdout)
    assert fitted.transform(np.zeros((20, 3))).shape == (20, 1)


def test_pickle_holds_the_network_once(curve):
    fitted = make(hidden_layer_sizes=(500,), optimizer="sgd", max_iter=1).fit(curve)
    n_bytes = sum(w.numel() * w.element_size() for w in fitted.net_.weights())
    assert len(pickle.dumps(fitted)) < 1.2 * n_bytes + 20_000
    copy = pickle.loads(pickle.dumps(fitted))
    assert copy.net_.module is copy.net_.module_


def test_inverse_transform_into_wide_data_is_made_in_batches(curve):
    X = np.random.default_rng(0).normal(size=(5, 20_000)).astype(np.float32)
    fitted = make(hidden_layer_sizes=(), max_iter=1).fit(X)
    codes = np.zeros((4000, 1), np.float32)
    with peak_memory() as growth:
        decoded = fitted.inverse_transform(codes)
    assert growth[0] < 2 * decoded.nbytes / 2**20


def test_many_rows_have_the_codes_of_few(curve):
    fitted = make(max_iter=1).fit(curve)
    many = np.tile(curve, (5000 // len(curve) + 1, 1))
    some = fitted.transform(curve)
    np.testing.assert_allclose(fitted.transform(many)[: len(curve)], some, rtol=1e-4, atol=1e-5)


def test_clone_has_the_parameters_alone(curve):
    fitted = make(architecture=MLP((4,))).fit(curve)
    copy = clone(fitted)
    assert not hasattr(copy, "net_")
    assert copy.get_params() == fitted.get_params()
    assert copy.architecture is not fitted.architecture


@pytest.mark.parametrize(
    "parameters", [{"latent": "wasserstein"}, {"dropout": 0.2}, {"latent": "adversarial"}], ids=str
)
def test_warm_start_goes_on_where_losses_depend_on_batches(parameters, digits):
    fitted = make(
        n_components=4, warm_start=True, early_stopping=False, max_iter=20, **parameters
    ).fit(digits[:400])
    before = fitted.transform(digits)
    fitted.fit(digits[:400])
    assert not np.array_equal(fitted.transform(digits), before)

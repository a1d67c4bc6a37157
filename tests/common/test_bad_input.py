"""Bad input gets a clear error, and costs a fitted estimator nothing."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from skorch.callbacks import EpochScoring, InputShapeSetter

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from tests.common.instances import ESTIMATORS, fast_instances, outputs

X = np.random.default_rng(0).normal(size=(60, 4))
FITTED = [estimator.fit(X) for estimator in fast_instances()]

each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)


def with_entry(value):
    bad = X.copy()
    bad[3, 1] = value
    return bad


# What is given, and a part of the message.
BAD_DATA = {
    "NaN": (with_entry(np.nan), "contains NaN"),
    "infinity": (with_entry(np.inf), "contains infinity"),
    "sparse NaN": (sparse.csr_array(with_entry(np.nan)), "contains NaN"),
    "complex": (X + 1j, "Complex data not supported"),
    "strings": (np.full((5, 4), "a"), "could not convert string to float"),
    "objects": (np.array([[1, "a", 2, 3]] * 5, dtype=object), "could not convert string to float"),
    "1-D": (X[:, 0], "Expected 2D array, got 1D array instead"),
    "3-D": (X[None], "Found array with dim 3"),
    "no rows": (X[:0], "Found array with 0 sample"),
    "no columns": (X[:, :0], "Found array with 0 feature"),
}
BAD_FOR_FIT = BAD_DATA | {"one row": (X[:1], "Found array with 1 sample")}
BAD_AFTER_FIT = BAD_DATA | {
    "fewer columns": (X[:, :3], "X has 3 features, but .* is expecting 4 features"),
    "more columns": (np.hstack([X, X]), "X has 8 features, but .* is expecting 4 features"),
}
METHODS = {
    AutoencoderTransformer: ("transform", "reconstruct", "score_samples", "score"),
    AutoencoderOutlierDetector: (
        "score_samples",
        "decision_function",
        "predict",
        "feature_errors",
        "reconstruct",
    ),
}


@pytest.mark.parametrize("fitted", FITTED, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(("bad", "message"), BAD_FOR_FIT.values(), ids=BAD_FOR_FIT)
def test_fitting_bad_data(fitted, method, bad, message):
    if bad is BAD_FOR_FIT["one row"][0] and method == "partial_fit":
        return  # a further part of a stream may be one row
    before = outputs(fitted, X)
    with pytest.raises(ValueError, match=message):
        getattr(fitted, method)(bad)
    after = outputs(fitted, X)
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values)


@pytest.mark.parametrize("fitted", FITTED, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize(("bad", "message"), BAD_AFTER_FIT.values(), ids=BAD_AFTER_FIT)
def test_applying_to_bad_data(fitted, bad, message):
    for method in METHODS[type(fitted)]:
        with pytest.raises(ValueError, match=message):
            getattr(fitted, method)(bad)


@each_estimator
def test_not_fitted(estimator):
    for method in (*METHODS[estimator], "inverse_transform", "get_feature_names_out"):
        if hasattr(estimator, method):
            with pytest.raises(NotFittedError):
                getattr(estimator(), method)(X)


@each_estimator
def test_names_and_order_of_columns(estimator):
    frame = pd.DataFrame(X, columns=list("abcd"))
    fitted = estimator(n_components=2, max_iter=2).fit(frame)
    with pytest.raises(ValueError, match="order as they were in fit"):
        fitted.score_samples(frame[list("bacd")])
    with pytest.raises(ValueError, match="Feature names unseen at fit time:\n- e"):
        fitted.score_samples(frame.rename(columns={"a": "e"}))


def test_inverse_transform_of_wrong_width():
    fitted = FITTED[0]
    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 2 features"):
        fitted.inverse_transform(np.zeros((5, 3)))


BAD_PARAMETERS = [
    ("n_components", 0),
    ("n_components", True),
    ("n_components", np.True_),
    ("n_components", -1),
    ("n_components", 1.0),
    ("n_components", 1.5),
    ("n_components", "all"),
    ("hidden_layer_sizes", 0),
    ("activation", "step"),
    ("dropout", 1.0),
    ("architecture", "mlp"),
    ("corruption", "rust"),
    ("latent", "hidden"),
    ("loss", "hinge"),
    ("linear_path", "ica"),
    ("optimizer", "newton"),
    ("learning_rate", 0),
    ("learning_rate_schedule", "zigzag"),
    ("weight_decay", -1),
    ("batch_size", 0),
    ("max_iter", 0),
    ("tol", -1),
    ("early_stopping", "never"),
    ("validation_fraction", 1.0),
    ("n_iter_no_change", 0),
    ("precision", "float16"),
    ("random_state", "seed"),
]


@each_estimator
@pytest.mark.parametrize(("name", "value"), BAD_PARAMETERS, ids=str)
def test_bad_parameter(estimator, name, value):
    message = f"The {name!r} parameter of {estimator.__name__} must be .*Got {value!r} instead"
    with pytest.raises(ValueError, match=message.replace("(", r"\(").replace(")", r"\)")):
        estimator(**{name: value}).fit(X)


@each_estimator
@pytest.mark.parametrize("sizes", [(8, 0), (8, -2), (8, 2.5)])
def test_bad_layer(estimator, sizes):
    with pytest.raises((ValueError, TypeError), match="hidden_layer_sizes"):
        estimator(hidden_layer_sizes=sizes).fit(X)


@each_estimator
@pytest.mark.parametrize("device", ["abacus", "cuda:99", "meta:x"])
def test_unknown_device(estimator, device):
    with pytest.raises(ValueError, match=re.escape(f"device={device!r} can not be used here")):
        estimator(device=device, max_iter=1).fit(X)


@each_estimator
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(60), "zero"),
        (-np.ones(60), "Negative values in data"),
        (np.ones(59), "sample_weight.shape"),
        (np.full(60, np.nan), "contains NaN"),
    ],
)
def test_bad_weights(estimator, weights, message):
    with pytest.raises(ValueError, match=message):
        estimator(max_iter=1).fit(X, sample_weight=weights)


@each_estimator
def test_cross_entropy_needs_the_unit_interval(estimator):
    with pytest.raises(ValueError, match=r"X must be in \[0, 1\].*MinMaxScaler"):
        estimator(loss="binary_cross_entropy").fit(X)


@each_estimator
def test_linear_path_has_no_meaning_under_cross_entropy(estimator):
    with pytest.raises(ValueError, match="linear_path='pca' is not supported"):
        estimator(loss="binary_cross_entropy", linear_path="pca").fit(np.abs(X) / 10)


# --- unusual input that is good -----------------------------------------------------------------

rng = np.random.default_rng(1)
UNUSUAL = {
    "one column": rng.normal(size=(40, 1)),
    "two rows": rng.normal(size=(2, 4)),
    "two equal rows": np.ones((2, 4)),
    "all rows equal": np.tile(rng.normal(size=5), (30, 1)),
    "all zero": np.zeros((30, 3)),
    "a constant column": np.hstack([rng.normal(size=(30, 3)), np.full((30, 1), 7.0)]),
    "huge": 1e30 * rng.normal(size=(40, 4)),
    "tiny": 1e-30 * rng.normal(size=(40, 4)),
    "far from zero": 1e6 + rng.normal(size=(40, 4)),
    "wide": rng.normal(size=(10, 200)),
    "integers": rng.integers(0, 5, size=(40, 4)),
    "booleans": rng.random((40, 4)) < 0.5,
    "numbers as objects": rng.normal(size=(40, 4)).astype(object),
    "nested lists": rng.normal(size=(40, 4)).tolist(),
    "Fortran order": np.asfortranarray(rng.normal(size=(40, 4))),
    "one heavy tail": np.vstack([rng.normal(size=(40, 4)), np.full((1, 4), 1e6)]),
}


@each_estimator
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("data", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_data(estimator, dtype, data):
    data = np.asarray(data) if isinstance(data, list) else data
    data = data.astype(dtype)
    fitted = estimator(max_iter=3, random_state=0).fit(data)
    for values in outputs(fitted, data).values():
        assert np.isfinite(values).all()
    # Never worse than the column means.
    spread = np.mean((data.astype(float) - data.mean(axis=0, dtype=float)) ** 2)
    error = np.mean((fitted.reconstruct(data).astype(float) - data) ** 2)
    rounding = float(np.finfo(dtype).eps) * float(np.abs(data).max())
    assert error <= 1.0001 * spread + 100 * rounding**2


@pytest.mark.parametrize("kind", ["nested lists", "numbers as objects", "integers", "booleans"])
def test_what_becomes_float64(kind):
    data = UNUSUAL[kind]
    codes = AutoencoderTransformer(2, max_iter=2, random_state=0).fit_transform(data)
    same = AutoencoderTransformer(2, max_iter=2, random_state=0).fit_transform(
        np.asarray(data).astype(float)
    )
    np.testing.assert_array_equal(codes, same)


@each_estimator
@pytest.mark.parametrize(
    "parameters", [{"batch_size": 10_000}, {"max_iter": 1}, {"batch_size": 1}, {"n_components": 9}]
)
def test_unusual_parameters(estimator, parameters):
    fitted = estimator(**({"n_components": 2, "max_iter": 2} | parameters)).fit(X)
    assert fitted.n_iter_ == fitted.max_iter
    assert np.isfinite(fitted.score_samples(X)).all()
    assert fitted.n_components_ == parameters.get("n_components", 2)


LARGE = np.random.default_rng(0).normal(size=(2**18 + 1, 4))


@each_estimator
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_entries_of_large_data_that_are_not_finite(estimator, value):
    fitted = estimator(n_components=2, max_iter=2, random_state=0).fit(X)
    bad = LARGE.copy()
    bad[100_000, 1] = value
    message = "contains NaN" if np.isnan(value) else "contains infinity"
    with pytest.raises(ValueError, match=message):
        fitted.score_samples(bad)


@pytest.mark.parametrize("layout", ["plain", "read-only", "reversed", "column by column", "huge"])
def test_large_data_in_any_layout(layout):
    fitted = AutoencoderTransformer(n_components=2, max_iter=2, random_state=0).fit(X)
    large = LARGE.copy(order="F" if layout == "column by column" else "C")
    if layout == "huge":  # finite, but their sum is not
        large[:2, 0] = np.finfo(float).max / 1.5
    if layout == "reversed":
        large = large[::-1]
    large.flags.writeable = layout != "read-only"
    codes = fitted.transform(large)
    np.testing.assert_allclose(codes[-5:], fitted.transform(large[-5:]))


@pytest.mark.parametrize("estimator", [AutoencoderTransformer, AutoencoderOutlierDetector])
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"latent": "vae"}, r"Did you mean 'variational'\?"),
        ({"activation": "rellu"}, r"\{'elu', 'gelu', .*Did you mean 'relu'\?"),
        ({"n_components": "atuo"}, r"Did you mean 'auto'\?"),
        ({"n_components": True}, "must be a number, not a boolean"),
        ({"hidden_layer_sizes": True}, "must be a number, not a boolean"),
    ],
)
def test_parameters(estimator, parameters, message):
    with pytest.raises(ValueError, match=message):
        estimator(**parameters).fit(X)


@pytest.mark.parametrize("callback", [EpochScoring("r2"), InputShapeSetter()])
def test_callbacks_that_need_a_target(callback):
    with pytest.raises(TypeError, match="is not supported: the target of an autoencoder"):
        AutoencoderTransformer(1, callbacks=[callback]).fit(X)


def test_sizes_in_other_types():
    fitted = AutoencoderTransformer(1, hidden_layer_sizes=(4,), max_iter=1, warm_start=True).fit(X)
    assert fitted.set_params(hidden_layer_sizes=[4]).fit(X).n_iter_ == 2


def test_a_change_from_an_array_of_sizes():
    sizes = np.array([8, 4])
    fitted = AutoencoderTransformer(1, hidden_layer_sizes=sizes, max_iter=1, warm_start=True).fit(X)
    with pytest.raises(ValueError, match="hidden_layer_sizes='auto' differs from"):
        fitted.set_params(hidden_layer_sizes="auto").fit(X)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_no_positive_weight(method):
    with pytest.raises(ValueError, match="at least one non-zero number"):
        getattr(AutoencoderTransformer(1), method)(X, sample_weight=np.zeros(len(X)))

"""Export to ONNX: onnxruntime gives what the methods give."""

import sys

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_ae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    register_onnx_converters,
    to_onnx,
)
from sklearn_ae.architectures import MLP, Recurrent
from tests.common.instances import CONFIGURATIONS, OF_DETECTOR

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def rows():
    """Training rows with a bound, 3, and new rows, some of them far from the others."""
    rng = np.random.default_rng(0)
    X = np.maximum(rng.normal(size=(80, 9)) ** 2 - 0.2, 0) + 3
    return X, np.vstack([X[:20], 1.3 * X[20:40], X[40:] + rng.normal(size=(40, 9))])


def run(model, X):
    """Give the outputs of a model."""
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"X": X})


def check(estimator, parts, X):
    for part in parts:
        given = estimator.transform(X) if part == "inverse_transform" else X
        model, expected = to_onnx(estimator, part), getattr(estimator, part)(given)
        (found,) = run(model, given)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
        np.testing.assert_array_equal(run(model, given[:1])[0].shape, expected[:1].shape)


# One method for each type: all methods share their code, and an export takes a second.
METHODS = {
    (AutoencoderTransformer, "float64"): "transform",
    (AutoencoderTransformer, "float32"): "score_samples",
    (AutoencoderOutlierDetector, "float64"): "score_samples",
    (AutoencoderOutlierDetector, "float32"): "reconstruct",
}


@pytest.mark.parametrize(
    ("name", "estimator", "dtype"),
    [
        (name, *method)
        for method in METHODS
        # An encoder and a decoder are the same in the detector and in the other type.
        for name in (CONFIGURATIONS if METHODS[method] == "transform" else OF_DETECTOR)
    ],
)
def test_every_configuration(name, estimator, dtype, rows):
    fitted = estimator(**CONFIGURATIONS[name]).set_params(max_iter=1, random_state=0)
    if estimator is AutoencoderTransformer and fitted.latent is None:
        # Of recurrent layers, each refinement step takes seconds to trace.
        fitted.set_params(n_refinement_steps=0 if name == "recurrent" else 1)
    X, new = (each.astype(dtype) for each in rows)
    check(fitted.fit(X), [METHODS[estimator, dtype]], new)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_method(dtype, rows):
    X, new = (each.astype(dtype) for each in rows)
    for options in ({}, {"output_activation": "logistic", "hidden_layer_sizes": 4}):
        parameters = {"n_components": 2, "max_iter": 3, "random_state": 0, **options}
        transformer = AutoencoderTransformer(n_refinement_steps=0, **parameters).fit(X)
        check(transformer, ["inverse_transform", "reconstruct"], new)
        check(
            AutoencoderOutlierDetector(**parameters).fit(X), ["decision_function", "predict"], new
        )


def test_all_refinement_steps(curve):
    fitted = AutoencoderTransformer(1, max_iter=60, random_state=0).fit(curve)
    assert fitted.plan_.n_refinement_steps == 20
    X = curve + np.random.default_rng(1).normal(scale=0.1, size=curve.shape)
    check(fitted, ["transform"], X)
    encoder = fitted.net_.module_.encode(torch.from_numpy(X)).detach().numpy()
    assert np.abs(fitted.transform(X) - encoder).max() > 0.01 * np.abs(encoder).max()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_wide_data(dtype):
    rng = np.random.default_rng(0)
    X = np.maximum(rng.normal(size=(60, 3)) @ rng.normal(size=(3, 2200)), 0).astype(dtype)
    fitted = AutoencoderTransformer(2, max_iter=3, n_refinement_steps=1, random_state=0).fit(X)
    assert fitted.net_.module_.axes is not None
    assert fitted.net_.module_.bounds is not None
    check(fitted, ["score_samples", "inverse_transform"], X)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_recurrent_cells(cell, rows):
    X = rows[0].astype("float32")
    architecture = Recurrent((3, 3), cell=cell, hidden_size=3, n_layers=2)
    fitted = AutoencoderTransformer(
        2, architecture=architecture, n_refinement_steps=1, max_iter=2, random_state=0
    )
    check(fitted.fit(X), ["transform"], X)


def own(*layers, n_components=2):
    """Give an architecture of these layers between linear ones, the same each time."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(9, 8), *layers, nn.Linear(8, n_components))
    decoder = nn.Sequential(nn.Linear(n_components, 8), *layers, nn.Linear(8, 9))
    return encoder, decoder


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_own_layers(dtype, rows):
    layers = [
        nn.LayerNorm(8),
        nn.LeakyReLU(0.1),
        nn.ELU(),
        nn.SiLU(),
        nn.Tanh(),
        nn.Sigmoid(),
        nn.Softplus(),
        nn.Softmax(dim=-1),
        nn.Unflatten(1, (2, 4)),
        nn.Conv1d(2, 2, 3, padding=1, groups=2),
        nn.GELU(approximate="tanh"),
        nn.Flatten(),
        nn.Hardtanh(-0.1, 0.1),
        nn.ReLU(inplace=True),
    ]
    X = rows[0].astype(dtype)
    fitted = AutoencoderTransformer(
        architecture=own(*layers),
        n_components=2,
        # In float32, rounding decides whether some rows make the step.
        n_refinement_steps=1 if dtype == "float64" else 0,
        max_iter=2,
        random_state=0,
    ).fit(X)
    check(fitted, ["reconstruct"], X)


def test_the_graph_casts_its_input(rows):
    X = rows[0]
    fitted = AutoencoderTransformer(2, max_iter=2, n_refinement_steps=0, precision="float32").fit(X)
    small = X.astype("float32")
    (found,) = run(to_onnx(fitted, "reconstruct", dtype="float32"), small)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, fitted.reconstruct(small.astype("float64")), rtol=1e-5)
    (codes,) = run(to_onnx(fitted, "transform"), X)
    assert codes.dtype == np.float32


class OfAnyShape(nn.Module):
    def forward(self, x):
        return x * (2 if x.sum() > 0 else 1)


class Cumulative(nn.Module):
    def forward(self, x):
        return x.cumsum(dim=-1)


class PartInPlace(nn.Module):
    def forward(self, x):
        y = x + 1
        y[:, :2].mul_(2)
        return y


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (OfAnyShape(), "cannot be exported to ONNX: PyTorch cannot trace its network"),
        (Cumulative(), "cannot be exported to ONNX: PyTorch's operation cumsum"),
        (PartInPlace(), "cannot be exported to ONNX: aten.mul_.Tensor changes a part"),
    ],
)
def test_what_cannot_be_exported_says_so(layer, message, rows):
    fitted = AutoencoderTransformer(
        2, architecture=own(layer), n_refinement_steps=0, max_iter=2
    ).fit(rows[0])
    with pytest.raises(ValueError, match=message):
        to_onnx(fitted, "transform")


def test_wrong_arguments(rows):
    fitted = AutoencoderTransformer(2, max_iter=1, architecture=MLP((4,))).fit(rows[0])
    with pytest.raises(ValueError, match=r"part must be one of .* got 'predict'"):
        to_onnx(fitted, "predict")
    with pytest.raises(ValueError, match="dtype must be 'float32', 'float64' or None, got 'int8'"):
        to_onnx(fitted, "transform", dtype="int8")
    with pytest.raises(ValueError, match=r"skl2onnx exports pipelines"):
        to_onnx(make_pipeline(fitted), "transform")
    with pytest.raises(NotFittedError):
        to_onnx(AutoencoderTransformer(), "transform")


@pytest.mark.parametrize("package", ["onnx", "skl2onnx"])
def test_a_missing_package_is_named(package, rows, monkeypatch):
    fitted = AutoencoderTransformer(2, max_iter=1, architecture=MLP((4,))).fit(rows[0])
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"{package}: pip install sklearn-ae\[onnx\]"):
        to_onnx(fitted, "transform") if package == "onnx" else register_onnx_converters()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_in_a_pipeline(dtype, rows):
    """Fitted on float64, exported for both types."""
    skl2onnx = pytest.importorskip("skl2onnx")
    register_onnx_converters()
    X = rows[0]
    y = X[:, 0] + X[:, 1] ** 2 > np.median(X[:, 0] + X[:, 1] ** 2)
    encode = AutoencoderTransformer(2, max_iter=3, n_refinement_steps=1, random_state=0)
    pipeline = make_pipeline(StandardScaler(), encode, LogisticRegression()).fit(X, y.astype(int))
    given = X.astype(dtype)
    model = skl2onnx.to_onnx(pipeline, given[:1], options={"zipmap": False})
    labels, probabilities = run(model, given)
    assert probabilities.dtype == dtype
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(X), atol=1e-5)
    np.testing.assert_array_equal(labels, pipeline.predict(X))


def test_a_detector_in_a_pipeline(rows):
    skl2onnx = pytest.importorskip("skl2onnx")
    register_onnx_converters()
    X, new = rows
    pipeline = make_pipeline(StandardScaler(), AutoencoderOutlierDetector(max_iter=2)).fit(X)
    labels, scores = run(skl2onnx.to_onnx(pipeline, X[:1]), new)
    np.testing.assert_allclose(scores, pipeline.decision_function(new), atol=1e-4)
    np.testing.assert_array_equal(labels, pipeline.predict(new))


def test_what_a_pipeline_cannot_export_says_so(rows):
    skl2onnx = pytest.importorskip("skl2onnx")
    register_onnx_converters()
    encode = AutoencoderTransformer(2, max_iter=1, architecture=MLP((4,)))
    pipeline = make_pipeline(encode).fit(rows[0])
    with pytest.raises(ValueError, match="expected one input of type FloatTensorType or Double"):
        skl2onnx.to_onnx(pipeline, rows[0][:1].astype("int64"))


def test_rows_without_a_number_are_outliers(rows):
    X = rows[0]
    fitted = AutoencoderOutlierDetector(2, max_iter=1, random_state=0).fit(X)
    (labels,) = run(to_onnx(fitted, "predict"), np.full((2, 9), np.nan))
    assert labels.tolist() == [-1, -1]


def test_tables_stay_behind(rows):
    X = rows[0]
    fitted = AutoencoderTransformer(2, max_iter=1, architecture=MLP((4,)), random_state=0).fit(X)
    expected = fitted.transform(X)
    (codes,) = run(to_onnx(fitted.set_output(transform="pandas"), "transform"), X)
    np.testing.assert_allclose(codes, expected, atol=1e-5)

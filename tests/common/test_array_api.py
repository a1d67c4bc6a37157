"""Arrays of other libraries, under scikit-learn's array_api_dispatch: in, and out again."""

import array_api_strict
import numpy as np
import pytest
import sklearn
import torch
from sklearn.utils import estimator_checks

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer, load
from sklearn_ae.metrics import (
    broken_rows_auc,
    continuity_scorer,
    neighbors_overlap_scorer,
    reconstruction_error,
    reconstruction_r2,
    trustworthiness_scorer,
)
from sklearn_ae.plotting import LatentMapDisplay
from tests.common.instances import ESTIMATORS, fast_instances

pytest.importorskip("scipy", "1.14", reason="array API dispatch needs SciPy 1.14")

X = np.random.default_rng(0).normal(size=(60, 5))
METHODS = (
    "transform",
    "score_samples",
    "reconstruct",
    "decision_function",
    "feature_errors",
    "p_values",
    "predict",
)
LIBRARIES = {
    "torch": torch.tensor,
    "array_api_strict": array_api_strict.asarray,
    "array_api_strict on another device": lambda X: array_api_strict.asarray(
        X, device=array_api_strict.Device("device1")
    ),
}


@pytest.fixture(autouse=True)
def dispatch():
    with sklearn.config_context(array_api_dispatch=True):
        yield


@pytest.fixture(params=LIBRARIES)
def convert(request):
    return LIBRARIES[request.param]


def as_numpy(array):
    if isinstance(array, torch.Tensor):
        return array.numpy()
    return np.asarray(array_api_strict.asarray(array, device=array_api_strict.Device("CPU_DEVICE")))


@pytest.mark.parametrize("estimator", fast_instances(), ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_same_values_of_the_same_kind(estimator, convert, dtype):
    own, weight = X.astype(dtype), np.linspace(1, 2, len(X))
    expected = {}
    estimator.fit(own, sample_weight=weight)
    for method in filter(lambda method: hasattr(estimator, method), METHODS):
        expected[method] = getattr(estimator, method)(own)
    foreign = convert(own)
    estimator.fit(foreign, sample_weight=convert(weight))
    for method, values in expected.items():
        found = getattr(estimator, method)(foreign)
        assert type(found) is type(foreign), method
        assert found.device == foreign.device, method
        found = as_numpy(found)
        assert found.dtype == values.dtype, method
        np.testing.assert_allclose(found, values, rtol=1e-6, atol=1e-6, err_msg=method)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(("library", "device"), [("torch", "cpu"), ("array_api_strict", None)])
def test_values_of_the_defaults(estimator, library, device):
    pytest.importorskip("sklearn", "1.9", reason="the check has other parameters before 1.9")
    estimator_checks.check_array_api_input_and_values(
        estimator.__name__, estimator(), library, device_name=device, check_sample_weight=True
    )


def test_way_back(convert):
    estimator = AutoencoderTransformer(2, max_iter=2, random_state=0).fit(convert(X))
    codes = estimator.transform(convert(X))
    for found in (
        estimator.inverse_transform(codes),
        estimator.interpolate(convert(X[0]), convert(X[1])),
        estimator.explained_variance_ratio_,
    ):
        assert type(found) is type(codes)
        assert found.device == codes.device
    assert isinstance(estimator.score(convert(X), sample_weight=convert(np.ones(60))), float)


def test_further_methods_of_the_detector(convert):
    estimator = AutoencoderOutlierDetector(2, max_iter=2, random_state=0).fit(convert(X))
    found = estimator.predict(convert(X), false_discovery_rate=0.2)
    assert type(found) is type(convert(X))
    assert estimator.explain(convert(X)).equals(
        AutoencoderOutlierDetector(2, max_iter=2, random_state=0).fit(X).explain(X)
    )
    weight = convert(np.ones(60))
    estimator.set_threshold(convert(X), contamination=0.5, sample_weight=weight)
    assert 25 < int((as_numpy(estimator.predict(convert(X))) == -1).sum()) < 35
    estimator.partial_fit(convert(X))


def test_batches(monkeypatch):
    estimator = AutoencoderTransformer(2, max_iter=2, random_state=0).fit(X)
    tensor = torch.tensor(X)
    at_once = estimator.transform(tensor)
    monkeypatch.setattr(type(estimator.net_), "inference_rows", lambda self, X: 7)
    assert torch.equal(estimator.transform(tensor), at_once)


def test_results_take_part_in_autograd():
    estimator = AutoencoderTransformer(2, max_iter=2, random_state=0).fit(X)
    codes = estimator.transform(torch.tensor(X, requires_grad=True))
    weight = torch.ones(2, dtype=codes.dtype, requires_grad=True)
    (codes @ weight).sum().backward()
    assert torch.allclose(weight.grad, codes.sum(dim=0))


def test_the_input_stays_as_it_is():
    tensor = torch.tensor(X)
    estimator = AutoencoderTransformer(2, max_iter=2, random_state=0).fit(tensor)
    estimator.transform(tensor)
    assert np.array_equal(tensor.numpy(), X)


@pytest.mark.parametrize("estimator", fast_instances(), ids=lambda e: type(e).__name__)
def test_fitted_on_arrays_of_numpy(estimator, convert):
    estimator.fit(X)
    assert type(estimator.score_samples(convert(X))) is type(convert(X))


@pytest.mark.parametrize("estimator", fast_instances(), ids=lambda e: type(e).__name__)
def test_fitted_on_others(estimator, convert, tmp_path):
    estimator.fit(convert(X))
    message = r"score_samples\(\) must use the same namespace as those passed to fit\(\): expected"
    with pytest.raises(ValueError, match=message):
        estimator.score_samples(X)
    expected = as_numpy(estimator.score_samples(convert(X)))
    estimator.save(tmp_path / "model")
    assert np.array_equal(load(tmp_path / "model").score_samples(X), expected)


def test_what_is_wrong_with_an_array(convert):
    estimator = AutoencoderTransformer(2, max_iter=2).fit(convert(X))
    for wrong, message in (
        (X[:, :3], "X has 3 features, but AutoencoderTransformer is expecting 5"),
        (np.full_like(X, np.nan), "Input X contains NaN"),
        (X[0], "Expected 2D array, got 1D array"),
    ):
        with pytest.raises(ValueError, match=message):
            estimator.transform(convert(wrong))


def test_metrics():
    transformer = AutoencoderTransformer(2, max_iter=2, random_state=0)
    detector = AutoencoderOutlierDetector(2, max_iter=2, random_state=0)
    for metric, estimator in (
        (reconstruction_error, transformer),
        (reconstruction_r2, transformer),
        (broken_rows_auc, detector),
    ):
        expected = metric(estimator.fit(X), X)
        tensor = torch.tensor(X)
        assert metric(estimator.fit(tensor), tensor) == pytest.approx(expected, rel=1e-6)


def test_scorers_of_neighborhoods():
    transformer = AutoencoderTransformer(2, max_iter=2, random_state=0)
    for scorer in (trustworthiness_scorer, continuity_scorer, neighbors_overlap_scorer):
        expected = scorer(transformer.fit(X), X)
        tensor = torch.tensor(X)
        assert scorer(transformer.fit(tensor), tensor) == pytest.approx(expected, rel=1e-6)


def test_map():
    plt = pytest.importorskip("matplotlib.pyplot")
    transformer = AutoencoderTransformer(3, max_iter=2, random_state=0).fit(torch.tensor(X))
    display = LatentMapDisplay.from_estimator(transformer, torch.tensor(X))
    assert display.decode([[0.0, 0.0]]).shape == (1, X.shape[1])
    plt.close(display.figure_)


def test_without_dispatch_a_tensor_is_an_array_like():
    estimator = AutoencoderTransformer(2, max_iter=2, random_state=0)
    with sklearn.config_context(array_api_dispatch=False):
        codes = estimator.fit_transform(torch.tensor(X, requires_grad=True))
        assert type(codes) is np.ndarray

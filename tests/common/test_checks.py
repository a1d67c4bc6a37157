"""scikit-learn's checks: those of its generator, and those that it does not yield."""

import numpy as np
import pytest
import torch
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.common.instances import fast_instances, has_noise, instances

# In scikit-learn, but not yielded for estimators of other packages.
FURTHER_CHECKS = (
    "check_dataframe_column_names_consistency",
    "check_param_validation",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_inplace_ensure_writeable",
    "check_estimators_partial_fit_n_features",
    "check_get_feature_names_out_error",
)
ONLY_TRANSFORMERS = ("output", "transformer", "feature_names_out")

LIBRARIES = (None, "numpy", "array_api_strict", "torch")
DEVICES = (None, "cpu", "CPU_DEVICE", "device1") + (("cuda",) if torch.cuda.is_available() else ())


def expected_to_differ(estimator):
    """Name the one check that noise that is drawn row by row can not pass."""
    reason = "Noise is drawn row by row: weights equal repetition in expectation only."
    checks = ("dense", "sparse") if has_noise(estimator) else ()
    return {f"check_sample_weight_equivalence_on_{kind}_data": reason for kind in checks}


def is_possible(check):
    """Tell whether a check asks for a library and a device that are here."""
    keywords = getattr(check, "keywords", {})
    asked = [each for name, each in keywords.items() if name.endswith("ns_and_device")]
    asked.append((keywords.get("array_namespace"), keywords.get("device_name")))
    return all(library in LIBRARIES and device in DEVICES for library, device in asked)


def possible_checks():
    """Give all checks of scikit-learn for all instances, but for those that it would skip."""
    mark = parametrize_with_checks(instances(), expected_failed_checks=expected_to_differ)
    names, cases = mark.args
    cases = [case for case in cases if is_possible(getattr(case, "values", case)[1])]
    return pytest.mark.parametrize(names, cases, **mark.kwargs)


@possible_checks()
def test_check(estimator, check):
    check(estimator)


# Some of them fit on a frame and transform an array, of which every estimator warns.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize("check", FURTHER_CHECKS)
@pytest.mark.parametrize("estimator", fast_instances(), ids=lambda e: type(e).__name__)
def test_further_check(estimator, check):
    if any(word in check for word in ONLY_TRANSFORMERS) and not hasattr(estimator, "transform"):
        assert not hasattr(estimator, "set_output")
        return
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)


@pytest.mark.parametrize("estimator", instances())
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(estimator, dtype):
    X = np.random.default_rng(0).normal(size=(40, 6)).astype(dtype)
    estimator.set_params(random_state=0).fit(X)
    expected = estimator.precision or np.dtype(dtype).name
    assert estimator.reconstruct(X).dtype == dtype
    if hasattr(estimator, "transform"):
        assert estimator.transform(X).dtype == expected
        assert expected in estimator.__sklearn_tags__().transformer_tags.preserves_dtype

"""Tables, tensors, lists and sparse matrices give what the same numbers in an array give."""

import decimal
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy import sparse
from sklearn.pipeline import make_pipeline

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from tests.common.instances import ESTIMATORS, outputs

rng = np.random.default_rng(0)
NAMES = list("abcd")
# Quarters: float16 and bfloat16 hold them exactly.
FLOATS = rng.integers(-8, 9, size=(60, 4)) / 4
INTEGERS = rng.integers(0, 5, size=(60, 4))
BOOLEANS = rng.random((60, 4)) < 0.5
MIXED = {
    "a": FLOATS[:, 0],
    "b": INTEGERS[:, 1],
    "c": BOOLEANS[:, 2],
    "d": FLOATS[:, 3].astype(np.float32),
}
MIXED_FLOATS = np.column_stack([column.astype(float) for column in MIXED.values()])

each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)


def frame(values, dtype):
    return pd.DataFrame(values, columns=NAMES).astype(dtype)


NULLABLE = {"a": "Float64", "b": "Int64", "c": "boolean", "d": "Float32"}
ARROW = {"a": "double[pyarrow]", "b": "int8[pyarrow]", "c": "bool[pyarrow]", "d": "float[pyarrow]"}
# Tables, and the array that each of them equals.
TABLES = {
    "pandas Int64": (frame(INTEGERS, "Int64"), INTEGERS),
    "pandas Float64": (frame(FLOATS, "Float64"), FLOATS),
    "pandas Float32": (frame(FLOATS, "Float32"), FLOATS.astype(np.float32)),
    "pandas boolean": (frame(BOOLEANS, "boolean"), BOOLEANS),
    "pandas nullable, mixed": (pd.DataFrame(MIXED).astype(NULLABLE), MIXED_FLOATS),
    "pandas nullable beside NumPy": (
        pd.DataFrame(MIXED).astype({"b": "Int64", "c": "boolean"}),
        MIXED_FLOATS,
    ),
    "pandas Arrow double": (frame(FLOATS, "double[pyarrow]"), FLOATS),
    "pandas Arrow float": (frame(FLOATS, "float[pyarrow]"), FLOATS.astype(np.float32)),
    "pandas Arrow decimal": (frame(FLOATS, pd.ArrowDtype(pa.decimal128(6, 2))), FLOATS),
    "pandas Arrow, mixed": (pd.DataFrame(MIXED).astype(ARROW), MIXED_FLOATS),
    "pandas sparse": (frame(INTEGERS, pd.SparseDtype(float, 0.0)), INTEGERS),
    "polars Float64": (pl.DataFrame(FLOATS, schema=NAMES), FLOATS),
    "polars Float32": (
        pl.DataFrame(FLOATS.astype(np.float32), schema=NAMES),
        FLOATS.astype(np.float32),
    ),
    "polars, mixed": (pl.DataFrame(MIXED), MIXED_FLOATS),
    "polars, in chunks": (pl.concat([pl.DataFrame(MIXED)[:7], pl.DataFrame(MIXED)[7:]]), None),
    "pyarrow double": (pa.table(dict(zip(NAMES, FLOATS.T, strict=True))), FLOATS),
    "pyarrow float": (
        pa.table(dict(zip(NAMES, FLOATS.astype(np.float32).T, strict=True))),
        FLOATS.astype(np.float32),
    ),
    "pyarrow, mixed": (pa.table(MIXED), MIXED_FLOATS),
    "pyarrow, in chunks": (pa.concat_tables([pa.table(MIXED)[:7], pa.table(MIXED)[7:]]), None),
}
TENSOR = torch.from_numpy(FLOATS)
HALF = FLOATS.astype(np.float32)  # what half precision becomes
UNNAMED = {
    "pyarrow record batch": (pa.table(MIXED).to_batches()[0], MIXED_FLOATS),
    "tensor of float64": (TENSOR, FLOATS),
    "tensor of float32": (TENSOR.float(), HALF),
    "tensor of float16": (TENSOR.half(), HALF),
    "tensor of bfloat16": (TENSOR.bfloat16(), HALF),
    "tensor of float8": (TENSOR.to(torch.float8_e5m2), HALF),
    "tensor of integers": (torch.from_numpy(INTEGERS), INTEGERS),
    "tensor of booleans": (torch.from_numpy(BOOLEANS), BOOLEANS),
    "tensor with gradient": (TENSOR.clone().requires_grad_(), FLOATS),
    "bfloat16 with gradient": (TENSOR.bfloat16().requires_grad_(), HALF),
    "result of a network": (torch.nn.Identity()(torch.nn.Parameter(TENSOR) * 1), FLOATS),
    "tensor, column by column": (TENSOR.T.contiguous().T, FLOATS),
    "part of a tensor": (torch.cat([TENSOR, TENSOR], dim=1)[:, 2:6], None),
    "negated view": (torch._neg_view(-TENSOR), FLOATS),
    "list of tensors": (list(TENSOR), FLOATS),
    "list of lists": (FLOATS.tolist(), FLOATS),
    "tuple of tuples": (tuple(map(tuple, FLOATS)), FLOATS),
    "list of arrays": (list(FLOATS), FLOATS),
    "float16": (FLOATS.astype(np.float16), FLOATS),
    "decimals": ([[decimal.Decimal(value) for value in row] for row in FLOATS], FLOATS),
    "csr_matrix": (sparse.csr_matrix(FLOATS), FLOATS),
    "csc_matrix": (sparse.csc_matrix(FLOATS), FLOATS),
    **{
        f"{kind}_array": (getattr(sparse, f"{kind}_array")(FLOATS), FLOATS)
        for kind in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
    },
}
ALL = TABLES | UNNAMED
REFERENCES = {}


def make(estimator):
    return estimator(n_components=2, max_iter=2, random_state=0)


def expected_array(name):
    given, array = ALL[name]
    if array is None:
        array = np.asarray(given, dtype=float)
    return array if array.dtype == np.float32 else array.astype(float)


def fit_to_array(estimator, name):
    """Fit to the array that equals a table, once for all tables that equal it."""
    array = expected_array(name)
    key = estimator, array.dtype, array.tobytes()
    if key not in REFERENCES:
        REFERENCES[key] = make(estimator).fit(array)
    return REFERENCES[key], array


def all_outputs(fitted, X, n_different):
    # p-values need 20 different rows.
    more = ("predict", "score", "p_values") if n_different >= 20 else ("predict", "score")
    methods = [each for each in more if hasattr(fitted, each)]
    return outputs(fitted, X) | {each: np.asarray(getattr(fitted, each)(X)) for each in methods}


@each_estimator
@pytest.mark.parametrize("name", ALL)
def test_as_the_same_array(estimator, name):
    given, _ = ALL[name]
    fitted, array = fit_to_array(estimator, name)
    same = make(estimator).fit(given)
    n_different = len(np.unique(array, axis=0))
    expected = all_outputs(fitted, array, n_different)
    for method, values in all_outputs(same, given, n_different).items():
        np.testing.assert_array_equal(values, expected[method])
        assert values.dtype == expected[method].dtype
    if estimator is AutoencoderOutlierDetector:
        figures = ["observed", "expected", "deviation", "share"]
        pd.testing.assert_frame_equal(
            same.explain(given, top=2)[figures].reset_index(drop=True),
            fitted.explain(array, top=2)[figures].reset_index(drop=True),
        )
        same.set_threshold(given, contamination=0.1)
    same.partial_fit(given)


@each_estimator
@pytest.mark.parametrize("name", TABLES)
def test_names_of_columns(estimator, name):
    table = TABLES[name][0]
    fitted = make(estimator).fit(table)
    assert list(fitted.feature_names_in_) == NAMES
    renamed = table.rename_columns(list("abcx")) if name.startswith("pyarrow") else None
    if name.startswith("polars"):
        renamed = table.rename({"d": "x"})
    elif name.startswith("pandas"):
        renamed = table.rename(columns={"d": "x"})
    with pytest.raises(ValueError, match="Feature names unseen at fit time:\n- x"):
        fitted.score_samples(renamed)
    if estimator is AutoencoderOutlierDetector:
        assert set(fitted.explain(table, top=4)["feature"]) == set(NAMES)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("name", ["pandas nullable, mixed", "pandas Arrow, mixed", "polars, mixed"])
def test_tables_of_codes(library, name):
    table, _ = TABLES[name]
    fitted, array = fit_to_array(AutoencoderTransformer, name)
    pipeline = make_pipeline(make(AutoencoderTransformer)).set_output(transform=library)
    codes = pipeline.fit_transform(table)
    assert type(codes).__module__.startswith(library)
    assert list(codes.columns) == ["autoencodertransformer0", "autoencodertransformer1"]
    np.testing.assert_array_equal(codes, fitted.transform(array))


@pytest.mark.parametrize(
    ("convert", "dtype"),
    [
        (lambda codes: codes.tolist(), np.float64),
        (lambda codes: pd.DataFrame(codes).astype("Float64"), np.float64),
        (lambda codes: pd.DataFrame(codes).astype("Float32"), np.float32),
        (lambda codes: pd.DataFrame(codes).astype("double[pyarrow]"), np.float64),
        (pl.DataFrame, np.float64),
        (lambda codes: pa.table({"x": codes[:, 0], "y": codes[:, 1]}), np.float64),
        (lambda codes: torch.from_numpy(codes).requires_grad_(), np.float64),
        (lambda codes: torch.from_numpy(codes).bfloat16(), np.float32),
        (lambda codes: torch.from_numpy(codes).T.contiguous().T, np.float64),
    ],
)
def test_codes_in_other_arrays(convert, dtype):
    fitted, array = fit_to_array(AutoencoderTransformer, "list of lists")
    codes = fitted.transform(array).round(1)
    given = convert(codes.copy())
    tolerance = 0.05 if getattr(given, "dtype", None) == torch.bfloat16 else 1e-6
    decoded = fitted.inverse_transform(given)
    np.testing.assert_allclose(decoded, fitted.inverse_transform(codes), atol=tolerance)
    assert decoded.dtype == fitted.inverse_transform(codes.astype(dtype)).dtype


def test_a_tensor_is_left_as_it_is():
    fitted, array = fit_to_array(AutoencoderTransformer, "tensor with gradient")
    codes = torch.from_numpy(fitted.transform(array)).requires_grad_()
    before = codes.detach().clone()
    fitted.inverse_transform(codes)
    assert codes.grad is None
    assert torch.equal(codes.detach(), before)


@pytest.mark.parametrize("convert", [pd.Series, pl.Series, pa.array, torch.from_numpy])
def test_interpolation_between_other_arrays(convert):
    fitted, array = fit_to_array(AutoencoderTransformer, "list of lists")
    expected = fitted.interpolate(array[0], array[1], 3)
    given = [convert(row.copy()) for row in array[:2]]
    np.testing.assert_array_equal(fitted.interpolate(*given, 3), expected)
    if convert is torch.from_numpy:
        given[0].requires_grad_()
        np.testing.assert_array_equal(fitted.interpolate(*given, 3), expected)


@each_estimator
@pytest.mark.parametrize(
    "convert",
    [
        list,
        lambda weight: pd.Series(weight, dtype="Float64"),
        lambda weight: pd.Series(weight, dtype="double[pyarrow]"),
        pl.Series,
        pa.array,
        lambda weight: torch.from_numpy(weight).requires_grad_(),
        lambda weight: torch.from_numpy(weight).bfloat16(),
    ],
)
def test_weights_in_other_arrays(estimator, convert):
    weight = rng.integers(1, 4, 60).astype(float)
    expected = make(estimator).fit(FLOATS, sample_weight=weight)
    given = convert(weight.copy())
    fitted = make(estimator).fit(FLOATS, sample_weight=given)
    np.testing.assert_array_equal(fitted.score_samples(FLOATS), expected.score_samples(FLOATS))
    if estimator is AutoencoderTransformer:
        assert fitted.score(FLOATS, sample_weight=given) == fitted.score(FLOATS, None, weight)
    else:
        fitted.set_threshold(FLOATS, contamination=0.23, sample_weight=given)
        expected.set_threshold(FLOATS, contamination=0.23, sample_weight=weight)
        assert fitted.offset_ == expected.offset_


# --- what is refused ----------------------------------------------------------------------------


def with_missing(table):
    table = table.copy()
    table.iloc[3, 1] = pd.NA
    return table


MISSING = {
    "pandas Int64": with_missing(TABLES["pandas Int64"][0]),
    "pandas Float64": with_missing(TABLES["pandas Float64"][0]),
    "pandas Float32": with_missing(TABLES["pandas Float32"][0]),
    "pandas boolean": with_missing(TABLES["pandas boolean"][0]),
    "pandas nullable, mixed": with_missing(TABLES["pandas nullable, mixed"][0]),
    "pandas Arrow, mixed": with_missing(TABLES["pandas Arrow, mixed"][0]),
    "pandas Arrow double": with_missing(TABLES["pandas Arrow double"][0]),
    "polars": pl.DataFrame(MIXED).with_columns(b=pl.Series([None, *INTEGERS[1:, 1].tolist()])),
    "pyarrow": pa.table(MIXED | {"b": pa.array([None, *INTEGERS[1:, 1].tolist()])}),
    "tensor": TENSOR.masked_fill(torch.arange(4) == 2, torch.nan),
    "tensor of bfloat16": TENSOR.bfloat16().masked_fill(torch.arange(4) == 2, torch.nan),
}
DATES = pd.date_range("2020-01-01", periods=60)
WORDS = ["yes", "no"] * 30
NOT_NUMBERS = {
    "pandas str": pd.DataFrame(MIXED | {"b": WORDS}),
    "pandas object": pd.DataFrame(MIXED | {"b": pd.Series(WORDS, dtype=object)}),
    "pandas category": pd.DataFrame(MIXED | {"b": pd.Series(WORDS, dtype="category")}),
    "pandas dates": pd.DataFrame(MIXED | {"b": DATES}),
    "pandas Arrow": pd.DataFrame(MIXED | {"b": pd.Series(WORDS, dtype="string[pyarrow]")}),
    "polars": pl.DataFrame(MIXED | {"b": WORDS}),
    "pyarrow": pa.table(MIXED | {"b": WORDS}),
}
REFUSED = {
    "no rows yet": (pl.DataFrame(MIXED).lazy(), ValueError, r"LazyFrame.*give X\.collect\(\)"),
    "sparse tensor": (TENSOR.to_sparse(), ValueError, r"sparse.*give X\.to_dense\(\)"),
    "tensor elsewhere": (TENSOR.to("meta"), TypeError, r"meta device.*Use Tensor\.cpu\(\)"),
    "complex tensor": (TENSOR + 1j, ValueError, "Complex data not supported"),
    "images": (TENSOR.view(60, 2, 2), ValueError, r"dim 3.*Give each image or sequence as a row"),
    "one row": (TENSOR[0], ValueError, "Expected 2D array, got 1D array instead"),
    "series": (pd.Series(FLOATS[:, 0]), ValueError, "Expected a 2-dimensional container"),
}


@each_estimator
@pytest.mark.parametrize("name", MISSING)
def test_missing_values(estimator, name):
    with pytest.raises(ValueError, match=r"(?s)X contains NaN.*using an imputer"):
        make(estimator).fit(MISSING[name])
    fitted, _ = fit_to_array(estimator, "list of lists")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X has feature names")
        for method in {"transform", "predict", "score_samples"} & {*dir(estimator)}:
            with pytest.raises(ValueError, match="X contains NaN"):
                getattr(fitted, method)(MISSING[name])


@each_estimator
@pytest.mark.parametrize("name", NOT_NUMBERS)
def test_columns_that_are_not_numbers(estimator, name):
    message = r"Columns \['b'\] of X are not numbers \(.*\): leave them out, or encode them"
    with pytest.raises(ValueError, match=message):
        make(estimator).fit(NOT_NUMBERS[name])
    fitted = make(estimator).fit(TABLES["pandas nullable, mixed"][0])
    with pytest.raises(ValueError, match=message):
        fitted.score_samples(NOT_NUMBERS[name])


@each_estimator
@pytest.mark.parametrize(("bad", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(estimator, bad, error, message):
    with pytest.raises(error, match=message):
        make(estimator).fit(bad)
    fitted, _ = fit_to_array(estimator, "list of lists")
    with pytest.raises(error, match=message):
        fitted.score_samples(bad)


def test_errors_about_other_columns_stay_what_they_are():
    fitted = make(AutoencoderTransformer).fit(TABLES["pandas nullable, mixed"][0])
    with pytest.raises(ValueError, match="Feature names unseen at fit time:\n- e"):
        fitted.transform(NOT_NUMBERS["pandas str"].rename(columns={"a": "e"}))

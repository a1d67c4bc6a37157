"""ColumnTransformer gives some columns a code, and leaves others to other transformers."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_ae import AutoencoderTransformer

NUMBERS = ["a", "b", "c"]


def make_columns(numbers=NUMBERS, *steps_before):
    autoencoder = AutoencoderTransformer(n_components=2, max_iter=3, random_state=0)
    codes = make_pipeline(*steps_before, autoencoder) if steps_before else autoencoder
    return ColumnTransformer(
        [("codes", codes, numbers), ("kinds", OneHotEncoder(), ["kind"])], sparse_threshold=1.0
    )


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    numbers = pd.DataFrame(rng.normal(size=(60, 3)), columns=NUMBERS)
    return numbers.assign(kind=rng.choice(["u", "v", "w"], 60))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_and_names(table, library):
    given = pl.from_pandas(table) if library == "polars" else table
    transformer = make_columns().set_params(kinds__sparse_output=False)
    found = transformer.set_output(transform=library).fit_transform(given)
    names = ["codes__autoencodertransformer0", "codes__autoencodertransformer1"]
    assert list(found.columns) == [*names, "kinds__kind_u", "kinds__kind_v", "kinds__kind_w"]
    alone = AutoencoderTransformer(n_components=2, max_iter=3, random_state=0)
    np.testing.assert_array_equal(found[names], alone.fit_transform(table[NUMBERS]))


def test_beside_sparse_columns(table):
    found = make_columns().fit_transform(table)
    assert found.shape == (60, 5)
    assert found.format == "csr"


def test_selected_by_type(table):
    selected = make_columns(make_column_selector(dtype_include="number")).fit(table)
    np.testing.assert_array_equal(
        selected.transform(table).toarray(), make_columns().fit_transform(table).toarray()
    )


def test_missing_values_are_imputed_before(table):
    table.loc[3, "b"] = None
    with pytest.raises(ValueError, match="contains NaN"):
        make_columns().fit(table)
    assert np.isfinite(make_columns(NUMBERS, SimpleImputer()).fit_transform(table).toarray()).all()


def test_searched_and_copied(table):
    y = (table["a"] > 0).to_numpy()
    search = GridSearchCV(
        make_pipeline(make_columns(), LogisticRegression()),
        {"columntransformer__codes__n_components": [1, 3]},
        cv=2,
    ).fit(table, y)
    assert search.best_params_ == {"columntransformer__codes__n_components": 3}
    copy = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(copy.predict(table), search.predict(table))
    again = clone(search.best_estimator_).fit(table, y)
    np.testing.assert_array_equal(again.predict_proba(table), search.predict_proba(table))

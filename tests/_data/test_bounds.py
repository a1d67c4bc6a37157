"""Bounds that the data show: found, kept to, and forgotten."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.decomposition import PCA
from skorch.callbacks import Callback

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._data.bounds import column_bounds
from sklearn_ae._data.rows import Rows
from sklearn_ae.metrics import reconstruction_error

NONE = np.finfo(np.float64).min, np.finfo(np.float64).max


@pytest.fixture
def table():
    """Counts with many zeros, a column that is cut off above, one that ends gradually."""
    rng = np.random.default_rng(0)
    counts, (cut, free) = rng.poisson(1.0, 200), rng.standard_normal((2, 200))
    return np.column_stack([counts, np.minimum(cut, 1.0), free]).astype(float)


def find(X, sample_weight=None):
    return column_bounds(Rows(X, sample_weight))


def test_where_values_pile_up(table):
    expected = [[0.0, NONE[0], NONE[0]], [NONE[1], 1.0, NONE[1]]]
    np.testing.assert_array_equal(find(table), expected)
    np.testing.assert_array_equal(find(sparse.csr_array(table)), expected)
    assert find(table[:, 2:]) is None


def test_a_share_of_many_rows_and_a_number_of_few():
    X = np.arange(2000.0)[:, None]
    X[:19] = 0
    assert find(X) is None
    X[:20] = 0
    assert find(X)[0] == 0
    X = np.arange(40.0)[:, None] * [1, 1]
    X[:4, 0] = 0
    assert find(X) is None
    X[:5, 0] = 0
    np.testing.assert_array_equal(find(X)[0], [0, NONE[0]])


def test_weights_are_repetitions(table):
    weight = np.random.default_rng(1).integers(1, 8, len(table))
    for n_rows in (20, 60, 200):
        X, its_weight = table[:n_rows], weight[:n_rows]
        repeated, weighted = find(X.repeat(its_weight, axis=0)), find(X, its_weight.astype(float))
        np.testing.assert_array_equal(repeated, weighted)


def test_equal_rows_are_no_bound():
    X = np.random.default_rng(0).standard_normal((30, 2))
    assert find(np.vstack([X, np.repeat(X[X[:, 0].argmin()][None], 9, axis=0)])) is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_reconstructions_keep_to_them(table, dtype):
    X = table.astype(dtype)
    fitted, free = (
        AutoencoderTransformer(2, max_iter=5, random_state=0, output_activation=name).fit(X)
        for name in ("auto", "identity")
    )
    far_out = 10 * fitted.transform(X)
    for reconstruction in (
        fitted.reconstruct(X),
        fitted.inverse_transform(far_out),
        fitted.sample(500, random_state=0),
    ):
        assert reconstruction[:, 0].min() >= 0
        assert reconstruction[:, 1].max() <= 1
    unbounded = free.inverse_transform(far_out)
    assert unbounded[:, 0].min() < 0
    assert unbounded[:, 1].max() > 1
    assert fitted.inverse_transform(far_out)[:, 0].max() > X[:, 0].max()


def test_better_than_pca_without_training(digits):
    fitted = AutoencoderTransformer(
        8, max_iter=1, learning_rate=1e-12, n_refinement_steps=0, random_state=0
    ).fit(digits)
    pca = PCA(8, svd_solver="full").fit(digits)
    assert reconstruction_error(fitted, digits) < 0.97 * reconstruction_error(pca, digits)
    # Before clipping: codes are those of PCA.
    codes = pca.transform(digits) / fitted.net_.module_.scale.item()
    np.testing.assert_allclose(np.abs(fitted.transform(digits)), np.abs(codes), atol=1e-6)


def test_loss_is_of_what_is_clipped(digits):
    fitted = AutoencoderTransformer(
        4, max_iter=3, early_stopping=False, n_refinement_steps=0, random_state=0
    ).fit(digits)
    module = fitted.net_.module_
    expected = np.square((fitted.reconstruct(digits) - digits) / module.scale.item()).mean()
    assert fitted.net_.mean_loss(Rows(digits)) == pytest.approx(expected)
    assert -fitted.score(digits) == pytest.approx(expected * module.scale.item() ** 2)


@pytest.mark.parametrize("step", ["partial_fit", "fit"])
def test_later_rows_that_go_beyond_take_a_bound_away(table, step):
    fitted = AutoencoderTransformer(2, max_iter=1, warm_start=True, random_state=0).fit(table)
    getattr(fitted, step)(np.vstack([table[1:], [[-1.0, 0.0, 0.0]]]))
    bounds = fitted.net_.module_.bounds
    assert bounds[0, 0] == torch.finfo(bounds.dtype).min
    assert bounds[1, 1] == 1


def test_a_failed_call_leaves_them(table):
    fitted = AutoencoderTransformer(2, max_iter=1, random_state=0).fit(table)
    before = fitted.reconstruct(table)
    with pytest.raises(KeyError):
        fitted.set_params(callbacks=[_Fails()]).partial_fit(table - 1)
    np.testing.assert_array_equal(fitted.reconstruct(table), before)


class _Fails(Callback):
    def on_train_begin(self, net, **kwargs):
        raise KeyError

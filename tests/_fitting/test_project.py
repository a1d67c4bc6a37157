"""Wide data: the network is trained on principal components, behind a projection on them."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA

from sklearn_ae import AutoencoderTransformer


def wide_curve(n_rows):
    rng = np.random.default_rng(0)
    t = rng.uniform(-1, 1, (n_rows, 1))
    curve = np.hstack([t, t**2, np.sin(3 * t), np.cos(5 * t)])
    return curve @ rng.normal(size=(4, 2200)) + rng.normal(scale=0.01, size=(n_rows, 2200))


@pytest.mark.parametrize("n_rows", [120, 1200])
def test_wide_data_end_beyond_pca(n_rows):
    X = wide_curve(n_rows + 100)
    train, new = X[:n_rows], X[n_rows:]
    fitted = AutoencoderTransformer(1, random_state=0).fit(train)
    assert fitted.plan_.n_projected < 2200
    pca = PCA(1).fit(train)
    error = np.square(new - pca.inverse_transform(pca.transform(new))).mean()
    assert -fitted.score(new) < 0.5 * error
    assert fitted.inverse_transform(fitted.transform(new)).shape == new.shape
    assert 0.5 < fitted.explained_variance_ratio_.sum() < 1


def test_a_projected_network_is_trained_further_and_pickled():
    X = wide_curve(120)
    fitted = AutoencoderTransformer(1, random_state=0, warm_start=True).fit(X)
    n_iter, codes = fitted.n_iter_, fitted.transform(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).transform(X), codes)
    score, share = fitted.score(X), fitted.explained_variance_ratio_.sum()
    assert fitted.set_params(max_iter=2).fit(X).n_iter_ == n_iter + 2
    assert fitted.score(X) >= score * (1 + 1e-6)
    assert fitted.explained_variance_ratio_.sum() == pytest.approx(share, abs=0.01)
    fitted.partial_fit(X)
    assert np.isfinite(fitted.score(X))


def test_wide_sparse_data():
    X = sparse.random_array(
        (150, 2500), density=0.02, random_state=np.random.default_rng(0), format="csr"
    )
    fitted = AutoencoderTransformer(3, random_state=0).fit(X)
    dense = AutoencoderTransformer(3, random_state=0).fit(X.toarray())
    np.testing.assert_allclose(fitted.initial_loss_, dense.initial_loss_, rtol=1e-6)


def test_small_weights_do_not_shrink_the_projection():
    X = np.random.default_rng(0).normal(size=(30, 2500))
    weighted = AutoencoderTransformer(8, random_state=0).fit(X, sample_weight=np.full(30, 1 / 30))
    assert weighted.score(X) == pytest.approx(AutoencoderTransformer(8).fit(X).score(X), rel=1e-3)

"""The entries of the code as components."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from sklearn_ae import AutoencoderTransformer

DIGITS = load_digits().data / 16


@pytest.fixture(scope="module")
def fitted():
    return AutoencoderTransformer(8, max_iter=30, random_state=0).fit(DIGITS)


def share_left(fitted, codes):
    residuals = fitted.inverse_transform(codes) - DIGITS
    return np.square(residuals).sum() / np.square(DIGITS - DIGITS.mean(0)).sum()


def test_codes_are_as_usable_as_those_of_pca(fitted):
    codes = fitted.transform(DIGITS)
    spread = codes.std(axis=0)
    assert np.abs(codes.mean(axis=0)).max() < 0.05 * spread.min()
    off_diagonal = np.corrcoef(codes.T) - np.eye(8)
    assert np.abs(off_diagonal).max() < 0.05


def test_ratios_are_sorted_and_add_up_to_what_is_explained(fitted):
    ratio = fitted.explained_variance_ratio_
    assert ratio.shape == (8,)
    assert (np.diff(ratio) <= 0).all()
    assert ratio.min() > 0
    assert ratio.sum() == pytest.approx(1 - share_left(fitted, fitted.transform(DIGITS)), abs=0.01)


def test_what_a_component_explains_is_lost_without_it(fitted):
    codes = fitted.transform(DIGITS)
    left = share_left(fitted, codes)
    lost = []
    for j in range(8):
        without = codes.copy()
        without[:, j] = 0
        lost.append(share_left(fitted, without) - left)
    expected = np.array(lost) / sum(lost)
    ratio = fitted.explained_variance_ratio_
    np.testing.assert_allclose(ratio / ratio.sum(), expected, rtol=0.15)


def test_the_ratios_of_pca_before_any_training():
    X = DIGITS[:, ::2]
    fitted = AutoencoderTransformer(
        5, max_iter=1, learning_rate=1e-12, early_stopping=False, output_activation="identity"
    ).fit(X)
    pca = PCA(5).fit(X)
    # They are taken from some of the rows, drawn at random.
    np.testing.assert_allclose(
        fitted.explained_variance_ratio_, pca.explained_variance_ratio_, rtol=0.05
    )
    codes = fitted.transform(X) * fitted.net_.module_.scale.item()
    for ours, theirs in zip(codes.T, pca.transform(X).T, strict=True):
        assert np.corrcoef(ours, theirs)[0, 1] > 0.99


def test_what_a_latent_asks_of_the_code_stays(curve):
    fitted = AutoencoderTransformer(6, latent="top_k", max_iter=3, random_state=0).fit(curve)
    assert (fitted.transform(curve) == 0).any()
    assert fitted.explained_variance_ratio_.shape == (6,)


def test_codes_of_a_stream_stay_comparable(curve):
    fitted = AutoencoderTransformer(2, max_iter=20, random_state=0).fit(curve)
    matrix = fitted.net_.module_.basis.encoder_matrix.clone()
    fitted.partial_fit(curve)
    assert (fitted.net_.module_.basis.encoder_matrix == matrix).all()


def test_periodic_rows_are_seen_in_every_phase():
    # Every tenth row is far out: rows at a fixed distance would miss or see nothing else.
    X = np.random.default_rng(0).normal(size=(20_000, 4))
    X[::10, 0] *= 20
    fitted = AutoencoderTransformer(
        1, max_iter=1, learning_rate=1e-12, early_stopping=False, random_state=0
    ).fit(X)
    expected = PCA(1).fit(X).explained_variance_ratio_
    np.testing.assert_allclose(fitted.explained_variance_ratio_, expected, rtol=0.05)


def test_ratios_are_those_of_repeated_rows():
    X = DIGITS[:200, ::2]
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    parameters = {"max_iter": 1, "learning_rate": 1e-12, "early_stopping": False}
    weighted = AutoencoderTransformer(3, **parameters).fit(X, sample_weight=weight)
    repeated = AutoencoderTransformer(3, **parameters).fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(
        weighted.explained_variance_ratio_, repeated.explained_variance_ratio_, rtol=1e-4
    )


def test_wide_and_constant_rows():
    X = np.random.default_rng(0).normal(size=(6, 40))
    X[:, ::2] = 1
    fitted = AutoencoderTransformer(4, max_iter=3, random_state=0).fit(X)
    assert np.isfinite(fitted.transform(X)).all()
    constant = AutoencoderTransformer(2, max_iter=3, random_state=0).fit(np.ones((20, 3)))
    assert (constant.explained_variance_ratio_ == 0).all()

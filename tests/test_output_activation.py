import numpy as np
import pytest

from sklearn_ae import AutoencoderTransformer
from tests.common.instances import ESTIMATORS


def make(**parameters):
    return AutoencoderTransformer(
        **{"n_components": 8, "max_iter": 40, "random_state": 0} | parameters
    )


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
@pytest.mark.parametrize(("activation", "low", "high"), [("logistic", 0, 1), ("tanh", -1, 1)])
def test_reconstructions_are_in_range(loss, activation, low, high, digits):
    X = low + (high - low) * digits
    fitted = make(loss=loss, output_activation=activation).fit(X)
    reconstruction = fitted.reconstruct(X)
    assert reconstruction.min() >= low
    assert reconstruction.max() <= high
    assert fitted.score(X) > -0.5 * X.var(axis=0).mean()
    assert fitted.net_.module_.linear_path is None
    samples = fitted.sample(50, random_state=0)
    assert samples.min() >= low
    assert samples.max() <= high


def test_loss_is_that_of_the_reconstruction(digits):
    fitted = make(output_activation="logistic", early_stopping=False, n_refinement_steps=0)
    fitted.fit(digits)
    scale = fitted.net_.module_.scale.item()
    expected = np.mean((fitted.reconstruct(digits) - digits) ** 2) / scale**2
    from sklearn_ae._data.rows import Rows

    assert fitted.net_.mean_loss(Rows(digits)) == pytest.approx(expected)
    assert -fitted.score(digits) == pytest.approx(expected * scale**2)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_residuals_are_those_of_the_reconstruction(estimator, digits):
    fitted = estimator(4, output_activation="logistic", max_iter=3, random_state=0).fit(digits)
    scale = fitted.net_.module_.scale.numpy()
    expected = ((fitted.reconstruct(digits) - digits) / scale) ** 2
    if estimator is AutoencoderTransformer:
        expected = -np.mean(expected, axis=1) * scale**2
        np.testing.assert_allclose(fitted.score_samples(digits), expected)
    else:
        np.testing.assert_allclose(fitted.feature_errors(digits), expected)


def test_clipping_is_the_default_of_squared_error(digits):
    np.testing.assert_array_equal(
        make(output_activation="clip", max_iter=2).fit_transform(digits),
        make(max_iter=2).fit_transform(digits),
    )


def test_combinations_without_a_meaning(digits):
    for activation in ("identity", "tanh"):
        with pytest.raises(ValueError, match=f"output_activation='{activation}' is not supported"):
            make(loss="binary_cross_entropy", output_activation=activation).fit(digits)
    with pytest.raises(
        ValueError, match="linear_path='pca' is not supported with loss='squared_er"
    ):
        make(output_activation="logistic", linear_path="pca").fit(digits)
    make(loss="binary_cross_entropy", output_activation="logistic", max_iter=1).fit(digits)

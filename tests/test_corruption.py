import numpy as np
import pytest
import skorch.callbacks
import torch
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV

from sklearn_ae import AutoencoderTransformer, nn
from sklearn_ae.corruption import CORRUPTIONS, GaussianNoise, MaskingNoise, SaltAndPepperNoise
from sklearn_ae.metrics import neg_reconstruction_error_scorer
from tests.common.instances import ESTIMATORS


def corrupted(corruption, X, seed=0):
    """Corrupt rows as training does."""
    module = corruption.build(X, np.array(X.std()))
    module.context = nn.Context(torch.Generator().manual_seed(seed))
    return module(torch.tensor(X)).numpy()


def make(**parameters):
    return AutoencoderTransformer(
        **{"n_components": 32, "max_iter": 30, "random_state": 0} | parameters
    )


@pytest.mark.parametrize(
    "corruption", [GaussianNoise(1.0), MaskingNoise(0.4), SaltAndPepperNoise(0.3)], ids=str
)
def test_learns_to_undo_noise(all_digits, corruption):
    train, test = all_digits[:600], all_digits[600:1000]
    noisy = corrupted(corruption, test)
    error = {
        name: np.mean((make(corruption=c).fit(train).reconstruct(noisy) - test) ** 2)
        for name, c in (("denoising", corruption), ("plain", None))
    }
    assert error["denoising"] < 0.8 * error["plain"]


@pytest.mark.parametrize("units", ["standard", "input"])
@pytest.mark.parametrize("scale", [np.array(10.0), np.array([1.0, 10.0])])
def test_units_of_gaussian_noise(units, scale):
    module = GaussianNoise(0.5, units=units).build(None, scale)
    expected = 0.5 * scale if units == "standard" else np.full(scale.shape, 0.5)
    np.testing.assert_array_equal(module.scale, expected)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_name_stands_for_the_default(digits, name):
    parameters = {"n_components": 2, "max_iter": 2}
    by_name = make(corruption=name, **parameters).fit_transform(digits)
    by_object = make(corruption=CORRUPTIONS[name](), **parameters).fit_transform(digits)
    np.testing.assert_array_equal(by_name, by_object)
    assert not np.array_equal(by_name, make(**parameters).fit_transform(digits))


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("early_stopping", [True, False])
def test_nothing_is_corrupted_after_fit(estimator, early_stopping, digits):
    fitted = estimator(
        n_components=4, corruption="masking", max_iter=3, early_stopping=early_stopping
    ).fit(digits)
    np.testing.assert_array_equal(fitted.reconstruct(digits), fitted.reconstruct(digits))


@pytest.mark.parametrize("early_stopping", [True, False])
def test_nothing_is_corrupted_for_a_callback(early_stopping, digits):
    pytest.importorskip("sklearn.callback", reason="callbacks need scikit-learn 1.9")

    class Keeper:
        def setup(self, estimator, context):
            self.same, self.n_epochs = True, 0

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            one, other = (fitted_estimator.transform(digits) for _ in range(2))
            self.same &= np.array_equal(one, other)
            self.n_epochs += context.task_name == "epoch"

    keeper = Keeper()
    parameters = {"corruption": "gaussian", "max_iter": 3, "early_stopping": early_stopping}
    with_callback = make(**parameters).set_callbacks(keeper).fit(digits)
    assert keeper.same
    assert keeper.n_epochs == 3
    np.testing.assert_array_equal(
        with_callback.transform(digits), make(**parameters).fit_transform(digits)
    )


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_nothing_is_corrupted_after_a_failure(estimator, method, digits):
    class Failing(skorch.callbacks.Callback):
        def on_epoch_end(self, net, **kwargs):
            raise ZeroDivisionError

    parameters = {"corruption": "gaussian", "max_iter": 2, "early_stopping": False}
    fitted = estimator(n_components=2, warm_start=True, **parameters).fit(digits)
    expected = fitted.score_samples(digits)
    with pytest.raises(ZeroDivisionError):
        getattr(fitted.set_params(callbacks=[Failing()]), method)(digits)
    np.testing.assert_array_equal(fitted.score_samples(digits), expected)


def test_held_out_rows_are_corrupted_always_in_the_same_way(digits):
    parameters = {"learning_rate": 1e-12, "max_iter": 3, "n_components": 4}
    noisy = make(corruption=GaussianNoise(1.0), **parameters).fit(digits)
    np.testing.assert_allclose(noisy.validation_curve_, noisy.initial_loss_, rtol=1e-6)
    assert noisy.initial_loss_ > 1.02 * make(**parameters).fit(digits).initial_loss_


def test_weights_without_held_out_rows_are_judged_under_noise(digits):
    fitted = make(corruption=MaskingNoise(0.5), early_stopping=False, max_iter=20).fit(digits)
    assert fitted.best_loss_ < fitted.initial_loss_


def test_sparse_equals_dense(digits):
    for corruption in CORRUPTIONS:
        estimator = make(corruption=corruption, n_components=2, max_iter=2)
        expected = estimator.fit_transform(digits)
        np.testing.assert_array_equal(estimator.fit_transform(sparse.csr_array(digits)), expected)


def test_search_over_its_parameters(digits):
    search = GridSearchCV(
        make(corruption=MaskingNoise(), n_components=8, max_iter=5),
        {"corruption__p": [0.0, 0.9]},
        scoring=neg_reconstruction_error_scorer,
        cv=2,
    ).fit(digits)
    assert search.best_params_ == {"corruption__p": 0.0}


@pytest.mark.parametrize(
    "corruption",
    [
        GaussianNoise(-1),
        GaussianNoise(units="inputs"),
        MaskingNoise(1.0),
        MaskingNoise(-0.1),
        SaltAndPepperNoise(1.5),
    ],
)
def test_bad_parameters(corruption, digits):
    with pytest.raises(ValueError, match=r"scale ==|Did you mean 'input'|p =="):
        make(corruption=corruption).fit(digits)


class Shift(BaseEstimator):
    """A corruption as a user would write it."""

    def build(self, X, scale):
        return _Shift()


class _Shift(nn.Corruption):
    def corrupt(self, x, context):
        return x.roll(1, dims=-1)


def test_own_corruption(digits):
    fitted = clone(make(corruption=Shift(), max_iter=30)).fit(digits)
    shifted = np.roll(digits, 1, axis=1)
    assert np.mean((fitted.reconstruct(shifted) - digits) ** 2) < 0.3 * digits.var(axis=0).mean()

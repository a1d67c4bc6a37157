import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae.plotting import LossCurveDisplay

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def variational(digits):
    return AutoencoderTransformer(2, latent="variational", max_iter=8, random_state=0).fit(digits)


def xs(line):
    return list(line.get_xdata())


def labels(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_lines_are_the_losses(variational):
    display = LossCurveDisplay.from_estimator(variational)
    assert list(display.train_line_.get_ydata()) == variational.loss_curve_
    assert list(display.validation_line_.get_ydata()) == variational.validation_curve_
    assert xs(display.train_line_) == xs(display.validation_line_) == list(range(1, 9))
    assert set(display.initial_line_.get_ydata()) == {variational.initial_loss_}
    assert display.ax_.get_title(loc="left") == "AutoencoderTransformer"


def test_marks_the_epoch_with_the_best_validation_loss(variational):
    display = LossCurveDisplay.from_estimator(variational)
    best = int(np.argmin(variational.validation_curve_)) + 1
    assert set(display.kept_line_.get_xdata()) == {best}
    assert f"kept: epoch {best}" in labels(display)


def test_marks_the_best_epoch_after_validation_rows_have_joined(digits):
    autoencoder = AutoencoderTransformer(4, random_state=0).fit(digits)
    n_validated, curve = len(autoencoder.validation_curve_), autoencoder.loss_curve_
    assert 0 < n_validated < len(curve)
    display = LossCurveDisplay.from_estimator(autoencoder)
    best = n_validated - 1 + int(np.argmin(curve[n_validated - 1 :])) + 1
    assert set(display.kept_line_.get_xdata()) == {best}
    assert len(display.validation_line_.get_xdata()) == n_validated


def test_marks_a_start_that_no_epoch_improved(curve):
    # Half a standard error is more than one short training gains.
    flat = np.random.default_rng(0).normal(size=(300, 5))
    autoencoder = AutoencoderTransformer(
        2, early_stopping=True, max_iter=3, learning_rate=1e-7, random_state=0
    ).fit(flat)
    assert autoencoder.best_loss_ == autoencoder.initial_loss_
    display = LossCurveDisplay.from_estimator(autoencoder)
    assert set(display.kept_line_.get_xdata()) == {0}
    assert "kept: before training" in labels(display)


def test_without_validation_rows(digits):
    autoencoder = AutoencoderTransformer(
        2, latent="sparse", early_stopping=False, max_iter=4, random_state=0
    ).fit(digits)
    display = LossCurveDisplay.from_estimator(autoencoder)
    assert display.validation_line_ is display.initial_line_ is None
    best = int(np.argmin(autoencoder.loss_curve_)) + 1
    assert set(display.kept_line_.get_xdata()) == {best}


def test_other_estimators(digits):
    detector = AutoencoderOutlierDetector(max_iter=2, random_state=0).fit(digits)
    assert len(xs(LossCurveDisplay.from_estimator(detector).train_line_)) == 2
    regressor = MLPRegressor(max_iter=3).fit(digits, digits[:, 10])
    display = LossCurveDisplay.from_estimator(regressor)
    assert xs(display.train_line_) == [1, 2, 3]
    assert display.kept_line_ is None


def test_pipeline_is_its_last_step(digits):
    pipeline = make_pipeline(
        StandardScaler(), AutoencoderTransformer(2, max_iter=2, random_state=0)
    ).fit(digits)
    display = LossCurveDisplay.from_estimator(pipeline)
    assert list(display.train_line_.get_ydata()) == pipeline[-1].loss_curve_
    assert display.ax_.get_title(loc="left") == "AutoencoderTransformer"


def test_wide_ranges_are_logarithmic():
    assert LossCurveDisplay.from_predictions([100.0, 1.0]).ax_.get_yscale() == "log"
    assert LossCurveDisplay.from_predictions([100.0, 1.0], [-1.0]).ax_.get_yscale() == "linear"
    assert LossCurveDisplay.from_predictions([2.0, 1.0, np.nan]).ax_.get_yscale() == "linear"


def test_draws_where_it_is_told():
    figure, axis = plt.subplots()
    display = LossCurveDisplay.from_predictions([2.0, 1.0], ax=axis, linewidth=7, name="a $ name")
    assert display.ax_ is axis
    assert display.figure_ is figure
    assert display.train_line_.get_linewidth() == 7
    assert axis.get_title(loc="left") == r"a \$ name"


def test_one_epoch_is_visible():
    assert LossCurveDisplay.from_predictions([1.0]).train_line_.get_marker() == "o"


def test_errors(digits):
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(AutoencoderTransformer())
    with pytest.raises(TypeError, match="needs an estimator with loss_curve_; PCA has none"):
        LossCurveDisplay.from_estimator(PCA(2).fit(digits))
    with pytest.raises(TypeError, match="PCA has none"):
        LossCurveDisplay.from_estimator(make_pipeline(PCA(2)).fit(digits))

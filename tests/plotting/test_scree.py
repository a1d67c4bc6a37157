import numpy as np
import pytest
from sklearn.decomposition import PCA, FastICA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.plotting import ScreeDisplay

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def autoencoder(digits):
    return AutoencoderTransformer(5, max_iter=2, random_state=0).fit(digits)


def heights(bars):
    return [bar.get_height() for bar in bars]


def test_bars_and_lines_are_the_ratios(autoencoder):
    display = ScreeDisplay.from_estimator(autoencoder)
    ratio = autoencoder.explained_variance_ratio_
    name = "AutoencoderTransformer"
    np.testing.assert_allclose(heights(display.bars_[name]), ratio)
    np.testing.assert_allclose(display.lines_[name].get_ydata(), np.cumsum(ratio))
    assert list(display.lines_[name].get_xdata()) == [1, 2, 3, 4, 5]
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == [f"{name}: {ratio.sum():.1%}"]


def test_pca_of_X_stands_beside(autoencoder, digits):
    display = ScreeDisplay.from_estimator(autoencoder, digits)
    assert list(display.bars_) == ["AutoencoderTransformer", "PCA"]
    ratio = PCA(5).fit(digits).explained_variance_ratio_
    np.testing.assert_allclose(heights(display.bars_["PCA"]), ratio)
    ours, other = (bars[0] for bars in display.bars_.values())
    assert ours.get_x() + ours.get_width() == pytest.approx(other.get_x())
    assert ours.get_facecolor() != other.get_facecolor()
    assert ours.get_hatch() != other.get_hatch()


def test_others_stand_beside(autoencoder, digits):
    pca = PCA(7).fit(digits)
    display = ScreeDisplay.from_estimator(autoencoder, others={"seven": pca})
    np.testing.assert_allclose(heights(display.bars_["seven"]), pca.explained_variance_ratio_)
    display = ScreeDisplay.from_estimator(pca, digits, others=PCA(2).fit(digits))
    assert list(display.bars_) == ["PCA", "PCA 2", "PCA of X"]


def test_pipeline_is_its_last_step(digits):
    X = digits[:, 20:30] * np.arange(1, 11) ** 2
    pipeline = make_pipeline(StandardScaler(), PCA(3)).fit(X)
    display = ScreeDisplay.from_estimator(pipeline, X)
    # PCA of the same scaled columns is the same.
    for name in ("PCA", "PCA of X"):
        np.testing.assert_allclose(
            heights(display.bars_[name]), pipeline[-1].explained_variance_ratio_
        )


def test_more_components_than_columns():
    X = np.random.default_rng(0).normal(size=(40, 3))
    autoencoder = AutoencoderTransformer(6, max_iter=1, random_state=0).fit(X)
    display = ScreeDisplay.from_estimator(autoencoder, X)
    assert len(display.bars_["PCA"]) == 3
    assert len(display.bars_["AutoencoderTransformer"]) == 6


def test_draws_given_ratios_where_it_is_told():
    figure, axis = plt.subplots()
    display = ScreeDisplay.from_predictions([0.5, 0.2], ax=axis, color="green", name="a $")
    assert display.ax_ is axis
    assert display.figure_ is figure
    assert heights(display.bars_["explained variance"]) == [0.5, 0.2]
    assert display.bars_["explained variance"][0].get_facecolor()[:3] == (0, 128 / 255, 0)
    assert axis.get_title(loc="left") == r"a \$"
    assert list(ScreeDisplay.from_predictions({"a": [0.4], "b": [0.5, 0.1]}).bars_) == ["a", "b"]


def test_errors(digits):
    with pytest.raises(NotFittedError):
        ScreeDisplay.from_estimator(AutoencoderTransformer())
    with pytest.raises(TypeError, match="explained_variance_ratio_; FastICA has none"):
        ScreeDisplay.from_estimator(FastICA(2).fit(digits[:, 20:30]))

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.plotting import SampleDisplay

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def autoencoder(digits):
    return AutoencoderTransformer(4, max_iter=2, random_state=0).fit(digits)


def tile(display, line, column):
    return display.image_.get_array()[9 * line : 9 * line + 8, 9 * column : 9 * column + 8]


def test_images_are_samples(autoencoder):
    display = SampleDisplay.from_estimator(
        autoencoder, n_samples=6, image_shape=(8, 8), random_state=0
    )
    rows = autoencoder.sample(6, random_state=0)
    np.testing.assert_array_equal(display.rows, rows)
    assert display.image_.get_array().shape == (17, 26)  # two lines of three
    unit = (rows - rows.min()) / np.ptp(rows)
    np.testing.assert_allclose(tile(display, 1, 2), unit[5].reshape(8, 8))


def test_lines_of_the_grid_are_paths(autoencoder, digits):
    display = SampleDisplay.from_estimator(
        autoencoder, between=digits[:3], n_samples=4, image_shape=(8, 8)
    )
    assert display.image_.get_array().shape == (17, 35)
    expected = [autoencoder.interpolate(digits[i], digits[i + 1], 4) for i in range(2)]
    np.testing.assert_array_equal(display.rows, np.concatenate(expected))
    assert len(SampleDisplay.from_estimator(autoencoder, between=digits[:2]).rows) == 10


def test_other_rows_are_lines():
    rows = np.random.default_rng(0).normal(size=(6, 20))
    display = SampleDisplay.from_predictions(rows, n_columns=3)
    assert display.image_ is None
    assert len(display.lines_) == 6
    # Each is in its own cell, from left to right and from the top, all on one scale.
    unit = 0.84 * (rows - rows.min()) / np.ptp(rows)
    for place, line in enumerate(display.lines_):
        down, along = divmod(place, 3)
        np.testing.assert_allclose(line.get_ydata(), 1 - down + unit[place])
        assert along <= line.get_xdata().min() <= line.get_xdata().max() < along + 1
    left, right = display.ax_.get_xlim()
    assert left < 0 < 3 * 0.9 < right


def test_pipeline_shows_what_enters_it(digits):
    last = AutoencoderTransformer(4, max_iter=2, random_state=0)
    pipeline = make_pipeline(MinMaxScaler((50, 90)), last).fit(digits)
    display = SampleDisplay.from_estimator(pipeline, n_samples=50, random_state=0)
    assert display.rows.mean() == pytest.approx(digits.mean(), abs=0.1)
    display = SampleDisplay.from_estimator(pipeline, between=digits[:2])
    expected = pipeline.inverse_transform(pipeline.transform(digits[:2]))
    np.testing.assert_allclose(display.rows[[0, -1]], expected, atol=1e-8)


def test_last_line_may_be_short():
    rows = np.ones((5, 4))
    rows[0] = 0
    display = SampleDisplay.from_predictions(rows, n_columns=3, image_shape=(2, 2))
    assert display.image_.get_array().shape == (5, 8)
    assert display.image_.get_array().mask[3:, 6:].all()


def test_rows_that_are_all_the_same():
    assert SampleDisplay.from_predictions(np.ones((1, 4)), image_shape=(2, 2)).image_ is not None
    assert len(SampleDisplay.from_predictions(np.ones((3, 1))).lines_) == 3


def test_draws_where_it_is_told(autoencoder):
    figure, axis = plt.subplots()
    display = SampleDisplay.from_estimator(
        autoencoder, image_shape=(8, 8), ax=axis, cmap="magma", name="a $"
    )
    assert display.ax_ is axis
    assert display.figure_ is figure
    assert display.image_.get_cmap().name == "magma"
    assert axis.get_title(loc="left") == r"a \$"


def test_errors(autoencoder, digits):
    with pytest.raises(NotFittedError):
        SampleDisplay.from_estimator(AutoencoderTransformer())
    with pytest.raises(TypeError, match="needs an estimator with sample"):
        SampleDisplay.from_estimator(PCA(2).fit(digits))
    with pytest.raises(TypeError, match="needs an estimator with interpolate"):
        SampleDisplay.from_estimator(PCA(2).fit(digits), between=digits[:2])
    with pytest.raises(ValueError, match="at least 2 rows, got 1"):
        SampleDisplay.from_estimator(autoencoder, between=digits[:1])
    with pytest.raises(ValueError, match="64 columns"):
        SampleDisplay.from_estimator(autoencoder, image_shape=(8, 9))
    one_way = make_pipeline(
        Nystroem(n_components=5), AutoencoderTransformer(2, max_iter=1, random_state=0)
    ).fit(digits)
    with pytest.raises(TypeError, match="needs inverse_transform of the steps before"):
        SampleDisplay.from_estimator(one_way)

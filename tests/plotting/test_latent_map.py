import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN
from sklearn.decomposition import PCA
from sklearn.manifold import SpectralEmbedding
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.plotting import LatentMapDisplay

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture
def codes():
    return np.random.default_rng(0).normal(size=(200, 2))


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


def colors_by_class(display, codes, y):
    """Give the colour of the points of each class."""
    place = {tuple(point): index for index, point in enumerate(codes)}
    found = {}
    for point, color in zip(
        display.scatter_.get_offsets().data, display.scatter_.get_facecolors(), strict=True
    ):
        found.setdefault(y[place[tuple(point)]], set()).add(tuple(color[:3]))
    return found


# --- points ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator",
    [
        PCA(2),
        PCA(3).set_output(transform="pandas"),
        make_pipeline(StandardScaler(), PCA(3)),
        AutoencoderTransformer(2, max_iter=2, random_state=0),
    ],
    ids=lambda it: type(it).__name__,
)
def test_points_are_the_first_two_components(estimator, digits):
    estimator.fit(digits)
    display = LatentMapDisplay.from_estimator(estimator, digits)
    codes = np.asarray(estimator.transform(digits))[:, :2]
    points = display.scatter_.get_offsets().data
    assert points.shape == codes.shape
    np.testing.assert_allclose(np.sort(points, axis=0), np.sort(codes, axis=0))
    assert display.legend_ is display.colorbar_ is display.images_ is None


def test_title_and_names(codes, digits):
    pipeline = make_pipeline(StandardScaler(), PCA(2)).fit(digits)
    display = LatentMapDisplay.from_estimator(pipeline, digits)
    assert display.ax_.get_title(loc="left") == "PCA"
    assert display.ax_.get_xlabel() == "component 1"
    pipeline.set_output(transform="pandas").fit(digits)
    display = LatentMapDisplay.from_estimator(pipeline, digits, name="a $ map")
    assert display.ax_.get_title(loc="left") == r"a \$ map"
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("pca0", "pca1")
    display = LatentMapDisplay(codes=codes, component_names=["left", "up"]).plot()
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("left", "up")
    assert display.ax_.get_title(loc="left") == ""


def test_draws_where_it_is_told(codes):
    figure, axis = plt.subplots()
    display = LatentMapDisplay.from_predictions(codes, ax=axis, s=7, alpha=0.25, color="green")
    assert display.ax_ is axis
    assert display.figure_ is figure
    assert display.scatter_.get_sizes().tolist() == [7]
    np.testing.assert_allclose(display.scatter_.get_facecolors(), [[0, 128 / 255, 0, 0.25]])
    assert display.plot().ax_ is not axis


def test_distances_have_one_scale_and_no_ticks(codes):
    axis = LatentMapDisplay.from_predictions(codes * [10, 1]).ax_
    assert axis.get_aspect() == 1
    assert not [*axis.get_xticks(), *axis.get_yticks()]


def test_many_points_are_small_and_transparent():
    few, many = (
        LatentMapDisplay.from_predictions(np.zeros((n, 2))).scatter_ for n in (10, 100_000)
    )
    assert few.get_sizes()[0] > 10 * many.get_sizes()[0]
    assert few.get_alpha() > 1.5 * many.get_alpha()
    assert many.get_rasterized()


# --- colours --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "classes",
    [
        ["cat", "dog", "_hen", "$cow"],
        [0, 1, 2],
        [-1.0, 0.0],
        [False, True],
        list("abcdefghij"),
    ],
    ids=str,
)
def test_labels(classes, codes):
    y = np.resize(classes, len(codes))
    display = LatentMapDisplay.from_predictions(codes, y)
    display.figure_.canvas.draw()
    assert texts(display.legend_) == [str(name).replace("$", r"\$") for name in np.unique(y)]
    assert display.colorbar_ is None
    found = colors_by_class(display, codes, y)
    assert {len(colors) for colors in found.values()} == {1}
    assert len(set.union(*found.values())) == len(classes)
    for handle, name in zip(display.legend_.legend_handles, np.unique(y), strict=True):
        (color,) = found[name]
        assert plt.matplotlib.colors.to_rgb(handle.get_color()) == pytest.approx(color)


def test_the_legend_is_beside_the_points(codes):
    display = LatentMapDisplay.from_predictions(codes, np.resize(["cat", "dog"], len(codes)))
    display.figure_.canvas.draw()
    legend = display.legend_.get_window_extent()
    assert legend.x0 >= display.ax_.get_window_extent().x1
    assert legend.x1 <= display.figure_.bbox.x1


def test_more_labels_than_colors(codes):
    y = np.resize(np.arange(20), len(codes))
    display = LatentMapDisplay.from_predictions(codes, y)
    handles = display.legend_.legend_handles
    assert len({(handle.get_color(), handle.get_marker()) for handle in handles}) == 20
    assert len({handle.get_marker() for handle in handles}) == 2
    # Circles have more vertices than triangles.
    sizes = np.array([len(path.vertices) for path in display.scatter_.get_paths()])
    place = {tuple(point): index for index, point in enumerate(codes)}
    labels = np.array([y[place[tuple(it)]] for it in display.scatter_.get_offsets().data])
    assert len(set(sizes[labels < 10])) == len(set(sizes[labels >= 10])) == 1
    assert sizes[labels < 10][0] != sizes[labels >= 10][0]


@pytest.mark.parametrize("y", [np.linspace(0, 1, 200), np.arange(200)], ids=["float", "int"])
def test_numbers(y, codes):
    display = LatentMapDisplay.from_predictions(codes, pd.Series(y, name="age"), cmap="magma")
    assert display.legend_ is None
    assert display.colorbar_.ax.get_ylabel() == "age"
    assert display.scatter_.get_cmap().name == "magma"
    place = {tuple(point): index for index, point in enumerate(codes)}
    expected = [y[place[tuple(point)]] for point in display.scatter_.get_offsets().data]
    np.testing.assert_array_equal(display.scatter_.get_array(), expected)


def test_name_of_labels(codes):
    y = pd.Series(np.resize(["a", "b"], len(codes)), name="kind")
    assert LatentMapDisplay.from_predictions(codes, y).legend_.get_title().get_text() == "kind"
    display = LatentMapDisplay(codes=codes, y=y, y_name="sort").plot()
    assert display.legend_.get_title().get_text() == "sort"


def test_no_class_covers_the_others(codes):
    y = np.repeat([0, 1], 100)
    display = LatentMapDisplay.from_predictions(codes, y)
    half = display.scatter_.get_facecolors()[:100]
    assert len(np.unique(half, axis=0)) == 2


# --- images ---------------------------------------------------------------------------------------


def test_images_are_where_codes_are():
    # Four codes in the corners of a map of 3 x 3 cells, and their rows.
    codes = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    display = LatentMapDisplay(
        codes=codes, inverse_transform=lambda codes: np.repeat(codes, 2, axis=1)
    ).plot(image_shape=(2, 2), n_images=3)
    mosaic = np.ma.filled(display.images_.get_array(), np.nan)
    # A frame of a pixel around each.
    assert mosaic.shape == (12, 12)
    left, right, lower, upper = display.images_.get_extent()
    assert (left, right, lower, upper) == (0, 3, 0, 3)
    assert display.images_.origin == "lower"
    np.testing.assert_array_equal(mosaic[1:3, 1:3], np.full((2, 2), 0.5))
    # The upper rows of the image are those of its first component.
    np.testing.assert_array_equal(mosaic[1:3, 9:11], [[0.5, 0.5], [2.5, 2.5]])
    np.testing.assert_array_equal(mosaic[9:11, 1:3], [[2.5, 2.5], [0.5, 0.5]])
    assert np.isfinite(mosaic).sum() == 3 * 4


def test_wide_images(digits):
    pca = PCA(2).fit(digits)
    display = LatentMapDisplay.from_estimator(pca, digits, image_shape=(4, 16), n_images=5)
    left, right, lower, upper = display.images_.get_extent()
    height, width = display.images_.get_array().shape
    cell = ((right - left) / (width / 18), (upper - lower) / (height / 6))
    assert cell[0] / cell[1] == pytest.approx(4)
    codes = pca.transform(digits)
    tiny = 1e-6
    assert left - tiny < codes[:, 0].min() < codes[:, 0].max() < right + tiny
    assert lower - tiny < codes[:, 1].min() < codes[:, 1].max() < upper + tiny


def test_images_of_codes_that_are_all_the_same():
    display = LatentMapDisplay(
        codes=np.ones((5, 2)), inverse_transform=lambda codes: np.zeros((len(codes), 4))
    ).plot(image_shape=(2, 2))
    assert np.isfinite(np.ma.filled(display.images_.get_array(), np.nan)).sum() == 4
    display.figure_.canvas.draw()


def test_decode_two_components(digits):
    pca = PCA(2).fit(digits)
    display = LatentMapDisplay.from_estimator(pca, digits)
    points = [[0.0, 1.0], [-1.0, 0.5]]
    np.testing.assert_allclose(display.decode(points), pca.inverse_transform(points))


def test_decode_completes_other_components(digits):
    pca = PCA(6).fit(digits)
    display = LatentMapDisplay.from_estimator(pca, digits)
    codes, point = pca.transform(digits), np.array([0.3, -0.2])
    near = np.linalg.norm(codes[:, :2] - point, axis=1).argsort()[:10]
    expected = pca.inverse_transform(np.hstack([point, codes[near, 2:].mean(axis=0)])[np.newaxis])
    np.testing.assert_allclose(display.decode([point]), expected)
    few = LatentMapDisplay.from_estimator(pca, digits[:3])
    assert few.decode([point]).shape == (1, 64)


def test_decode_by_an_autoencoder(digits):
    autoencoder = AutoencoderTransformer(2, max_iter=2, random_state=0).fit(digits)
    display = LatentMapDisplay.from_estimator(autoencoder, digits)
    np.testing.assert_array_equal(
        display.decode([[0.0, 1.0]]), autoencoder.inverse_transform(np.array([[0.0, 1.0]]))
    )


# --- errors ---------------------------------------------------------------------------------------


def test_needs_a_transformer(digits):
    for estimator in (DBSCAN(), SpectralEmbedding()):
        with pytest.raises(TypeError, match=r"needs a transformer; \w+\(\) has no transform"):
            LatentMapDisplay.from_estimator(estimator, digits)


def test_needs_two_components(digits):
    with pytest.raises(ValueError, match="at least 2 components, got 1"):
        LatentMapDisplay.from_estimator(PCA(1).fit(digits), digits)


def test_bad_input(codes):
    draw = LatentMapDisplay.from_predictions
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        draw(codes, [0, 1])
    with pytest.raises(ValueError, match="Input y contains NaN"):
        draw(codes, np.full(len(codes), np.nan))
    with pytest.raises(ValueError, match="Input codes contains NaN"):
        draw(np.full_like(codes, np.nan))


def test_bad_images(codes, digits):
    pca = PCA(2).fit(digits)
    with pytest.raises(ValueError, match=r"\(8, 9\) has 72 pixels, but rows have 64 columns"):
        LatentMapDisplay.from_estimator(pca, digits, image_shape=(8, 9))
    with pytest.raises(ValueError, match="n_images == 0, must be >= 1"):
        LatentMapDisplay.from_estimator(pca, digits, image_shape=(8, 8), n_images=0)
    display = LatentMapDisplay.from_predictions(codes)
    with pytest.raises(ValueError, match="the display needs inverse_transform"):
        display.plot(image_shape=(8, 8))
    with pytest.raises(ValueError, match="points should have 2 columns, got 3"):
        LatentMapDisplay.from_estimator(pca, digits).decode([[0, 0, 0]])

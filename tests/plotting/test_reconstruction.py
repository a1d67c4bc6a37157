import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.cluster import DBSCAN
from sklearn.decomposition import PCA
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae.plotting import ReconstructionDisplay

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def pca(digits):
    return PCA(4).fit(digits)


def labels(display):
    return [text.get_text() for text in display.ax_.get_yticklabels()]


def offset_free(line):
    y = line.get_ydata()
    return y - y.mean()


def test_images_are_originals_above_reconstructions(digits, pca):
    X = digits[:3]
    display = ReconstructionDisplay.from_estimator(pca, X, image_shape=(8, 8))
    mosaic = display.image_.get_array()
    assert mosaic.shape == (17, 26)  # one pixel between images of 8
    images = X.reshape(-1, 8, 8)
    low, unit = X.min(), np.ptp(X)
    np.testing.assert_allclose(mosaic[:8, 9:17], (images[1] - low) / unit)
    back = pca.inverse_transform(pca.transform(X)).reshape(-1, 8, 8)
    np.testing.assert_allclose(mosaic[9:, 18:], np.clip((back[2] - low) / unit, 0, 1))
    assert mosaic.mask[8].all()  # between the images
    assert mosaic.mask[:, 8].all()
    assert display.image_.get_clim() == (0, 1)


def test_errors_are_those_of_all_rows(digits, pca):
    display = ReconstructionDisplay.from_estimator(pca, digits, image_shape=(8, 8), n_rows=2)
    error = np.mean((pca.inverse_transform(pca.transform(digits)) - digits) ** 2)
    assert display.errors_ == {"PCA": pytest.approx(error)}
    assert labels(display) == ["original", f"PCA\nMSE {error:.3g}"]
    assert display.image_.get_array().shape == (17, 17)


def test_others_stand_below(digits, pca):
    autoencoder = AutoencoderTransformer(4, max_iter=2, random_state=0).fit(digits)
    others = {"wider": PCA(9).fit(digits)}
    for given, names in (
        (others, ["AutoencoderTransformer", "wider"]),
        (pca, ["AutoencoderTransformer", "PCA"]),
        ([pca, PCA(9).fit(digits)], ["AutoencoderTransformer", "PCA", "PCA 2"]),
        (make_pipeline(StandardScaler(), PCA(3)).fit(digits), ["AutoencoderTransformer", "PCA"]),
    ):
        display = ReconstructionDisplay.from_estimator(
            autoencoder, digits, others=given, image_shape=(8, 8)
        )
        assert list(display.errors_) == names
        assert [label.partition("\n")[0] for label in labels(display)] == ["original", *names]
        heights = display.ax_.get_yticks()
        assert (np.diff(heights) == 9).all()
        assert display.image_.get_array().shape[0] == 9 * len(heights) - 1


def test_images_of_colours():
    X = np.random.default_rng(0).random((2, 3 * 4 * 5))
    display = ReconstructionDisplay.from_predictions(X, X / 2, image_shape=(3, 4, 5))
    mosaic = display.image_.get_array()
    assert mosaic.shape == (9, 11, 4)
    red = (X[0].reshape(3, 4, 5)[0] - X.min()) / np.ptp(X)
    np.testing.assert_allclose(mosaic[:4, :5, 0], red)
    assert (mosaic[4, :, 3] == 0).all()  # clear between the images
    assert (mosaic[:4, :5, 3] == 1).all()
    one = ReconstructionDisplay.from_predictions(X, X, image_shape=(1, 6, 10))
    assert one.image_.get_array().ndim == 2


def test_other_rows_are_lines(digits, pca):
    display = ReconstructionDisplay.from_estimator(pca, digits, n_rows=3)
    assert display.image_ is None
    assert {name: len(lines) for name, lines in display.lines_.items()} == {"original": 3, "PCA": 3}
    back = pca.inverse_transform(pca.transform(digits))
    for place in range(3):
        original, line = display.lines_["original"][place], display.lines_["PCA"][place]
        np.testing.assert_allclose(offset_free(original), digits[place] - digits[place].mean())
        # Both are moved by the same amount: their distance is the error.
        np.testing.assert_allclose(
            line.get_ydata() - original.get_ydata(), back[place] - digits[place], atol=1e-12
        )
    lowest = [line.get_ydata().min() for line in display.lines_["original"]]
    highest = [line.get_ydata().max() for line in display.lines_["original"]]
    assert highest[1] < lowest[0]
    assert highest[2] < lowest[1]


def test_lines_differ_without_colours(digits, pca):
    display = ReconstructionDisplay.from_estimator(pca, digits, others=[PCA(2).fit(digits)])
    styles = {lines[0].get_linestyle() for name, lines in display.lines_.items() if "PCA" in name}
    assert len(styles) == 2


def test_columns_of_tables_have_names(digits, pca):
    table = pd.DataFrame(digits[:, 20:24], columns=["a", "$b", "c", "d"])
    display = ReconstructionDisplay.from_predictions(table, table * 2)
    names = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert names == ["a", r"\$b", "c", "d"]
    assert ReconstructionDisplay.from_estimator(pca, digits).ax_.get_xlabel() == "column"


@pytest.mark.parametrize("kind", ["missing", "sparse", "float32"])
def test_kinds_of_rows(digits, kind):
    X = digits.astype(np.float32) if kind == "float32" else digits.copy()
    if kind == "missing":
        X[:, 3] = np.nan
    given = csr_array(X) if kind == "sparse" else X
    display = ReconstructionDisplay.from_predictions(digits, {"seen": given}, image_shape=(8, 8))
    assert display.errors_["seen"] == pytest.approx(0.0)
    assert np.isfinite(display.errors_["seen"])


def test_pipelines_reconstruct_what_enters_them(digits):
    last = AutoencoderTransformer(4, max_iter=2, random_state=0)
    pipeline = make_pipeline(MinMaxScaler((5, 9)), last).fit(digits)
    display = ReconstructionDisplay.from_estimator(pipeline, digits)
    assert display.errors_["AutoencoderTransformer"] < digits.var()
    detector = AutoencoderOutlierDetector(max_iter=2, random_state=0)
    pipeline = make_pipeline(MinMaxScaler((5, 9)), detector).fit(digits)
    display = ReconstructionDisplay.from_estimator(pipeline, digits)
    assert display.errors_["AutoencoderOutlierDetector"] < digits.var()


def test_what_can_not_reconstruct(digits):
    for estimator in (
        DBSCAN(),
        make_pipeline(Nystroem(n_components=5), PCA(2)).fit(digits),
        make_pipeline(
            Nystroem(n_components=5), AutoencoderTransformer(2, max_iter=1, random_state=0)
        ).fit(digits),
    ):
        with pytest.raises(TypeError, match="needs reconstruct, or transform"):
            ReconstructionDisplay.from_estimator(estimator, digits)


def test_errors(digits, pca):
    with pytest.raises(ValueError, match=r"X has shape \(600, 64\), but .*'reconstruction'"):
        ReconstructionDisplay.from_predictions(digits, digits[:5])
    with pytest.raises(ValueError, match=r"image_shape \(8, 9\) has 72 pixels, but rows have 64"):
        ReconstructionDisplay.from_estimator(pca, digits, image_shape=(8, 9))
    for shape in ((64,), (2, 4, 8), (1, 1, 8, 8), (-8, -8)):
        with pytest.raises(ValueError, match="image_shape must be"):
            ReconstructionDisplay.from_estimator(pca, digits, image_shape=shape)
    with pytest.raises(ValueError, match="n_rows"):
        ReconstructionDisplay.from_estimator(pca, digits, n_rows=0)


def test_draws_where_it_is_told(digits, pca):
    figure, (left, right) = plt.subplots(1, 2)
    display = ReconstructionDisplay.from_estimator(
        pca, digits, image_shape=(8, 8), ax=left, cmap="viridis", name="a $"
    )
    assert display.ax_ is left
    assert display.figure_ is figure
    assert display.image_.get_cmap().name == "viridis"
    assert left.get_title(loc="left") == r"a \$"
    display = ReconstructionDisplay.from_estimator(pca, digits, ax=right, linewidth=7)
    assert display.ax_ is right
    assert display.lines_["PCA"][0].get_linewidth() == 7

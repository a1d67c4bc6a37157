import numpy as np
import pytest
from sklearn.datasets import load_wine

from sklearn_ae import AutoencoderOutlierDetector
from sklearn_ae.plotting import OutlierExplanationDisplay

plt = pytest.importorskip("matplotlib.pyplot")
pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def wine():
    return load_wine(as_frame=True).data


@pytest.fixture(scope="module")
def detector(wine):
    return AutoencoderOutlierDetector(max_iter=3, random_state=0).fit(wine)


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_bars_are_the_explanation(wine, detector):
    row = wine.iloc[[121]]
    table = detector.explain(row, top=4)
    display = OutlierExplanationDisplay.from_estimator(detector, row, top=4)
    np.testing.assert_allclose([bar.get_width() for bar in display.bars_], table["share"])
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == list(table["feature"])
    assert "Row 121" in display.ax_.get_title(loc="left")
    texts = " ".join(text.get_text() for text in display.ax_.texts)
    assert f"{table['observed'].iloc[0]:.4g}" in texts


def test_draws_where_it_is_told(wine, detector):
    figure, axis = plt.subplots()
    display = OutlierExplanationDisplay.from_estimator(
        detector, wine.iloc[[0]], ax=axis, color="green"
    )
    assert display.ax_ is axis
    assert display.figure_ is figure
    assert {bar.get_facecolor() for bar in display.bars_} == {(0.0, 0.5019607843137255, 0.0, 1.0)}


def test_the_most_abnormal_column_is_on_top(wine, detector):
    display = OutlierExplanationDisplay.from_estimator(detector, wine.iloc[[0]])
    assert display.ax_.yaxis_inverted()


def test_verdict(wine, detector):
    inlier = wine.iloc[[detector.score_samples(wine).argmax()]]
    outlier = inlier * 5
    for row, verdict in ((inlier, "inlier"), (outlier, "outlier")):
        display = OutlierExplanationDisplay.from_estimator(detector, row)
        assert verdict in display.ax_.get_title(loc="left")


def test_a_single_row(wine, detector):
    with pytest.raises(ValueError, match="explains one row, but X has 2 rows"):
        OutlierExplanationDisplay.from_estimator(detector, wine.iloc[:2])


def test_names_are_no_formulas(wine):
    odd = wine.iloc[:, :4].set_axis(["$\\bad$", "$", "a_b", "%"], axis=1)
    fitted = AutoencoderOutlierDetector(max_iter=2, random_state=0).fit(odd)
    row = odd.iloc[[0]].set_axis(["$\\bad$"], axis=0)
    OutlierExplanationDisplay.from_estimator(fitted, row).figure_.canvas.draw()


def test_label_that_is_missing(wine, detector):
    row = wine.iloc[[0]].set_axis([np.nan], axis=0)
    assert len(OutlierExplanationDisplay.from_estimator(detector, row).bars_) == 5

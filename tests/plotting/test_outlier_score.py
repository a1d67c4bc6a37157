import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderOutlierDetector
from sklearn_ae.plotting import OutlierScoreDisplay

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def wine():
    return load_wine().data


@pytest.fixture(scope="module")
def detector(wine):
    return AutoencoderOutlierDetector(max_iter=3, random_state=0).fit(wine[::2])


@pytest.fixture
def scores():
    return np.random.default_rng(0).normal(size=500)


def labels(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def sides(bars, offset):
    """Give the rows left and right of the threshold, by the bars."""
    middles = np.array([bar.get_x() + bar.get_width() / 2 for bar in bars])
    heights = np.array([bar.get_height() for bar in bars])
    return heights[middles < offset].sum(), heights[middles > offset].sum()


def test_bars_count_the_scores(wine, detector):
    display = OutlierScoreDisplay.from_estimator(detector, wine)
    is_outlier = detector.predict(wine) < 0
    assert 0 < is_outlier.sum() < len(wine)
    assert sides(display.bars_, detector.offset_) == (is_outlier.sum(), (~is_outlier).sum())
    assert set(display.threshold_.get_xdata()) == {detector.offset_}
    assert labels(display) == [
        f"outliers: {is_outlier.sum()}",
        f"inliers: {(~is_outlier).sum()}",
        f"threshold: {detector.offset_:.3g}",
    ]
    assert display.ax_.get_title(loc="left") == "AutoencoderOutlierDetector"


@pytest.mark.parametrize("offset", [-10.0, -1.5, 0.2, 10.0])
def test_colours_change_at_the_threshold(scores, offset):
    display = OutlierScoreDisplay.from_predictions(scores, offset=offset)
    assert sides(display.bars_, offset) == ((scores < offset).sum(), (scores >= offset).sum())
    for bar in display.bars_:
        is_left = bar.get_x() + bar.get_width() <= offset + 1e-9
        assert bar.get_hatch() == ("////" if is_left else "")
    colors = {(bar.get_hatch(), bar.get_facecolor()) for bar in display.bars_}
    n_colors = len({color for _, color in colors})
    assert len(colors) == len({hatch for hatch, _ in colors}) == n_colors
    # The threshold is between two bars, or beside the last one.
    ends = [bar.get_x() for bar in display.bars_] + [
        display.bars_[-1].get_x() + display.bars_[-1].get_width()
    ]
    assert np.abs(np.array(ends) - offset).min() < 1e-9


def test_scores_far_out_do_not_squeeze_the_others(scores):
    display = OutlierScoreDisplay.from_predictions([*scores, -1e6, -500.0], offset=-3.5)
    assert display.ax_.get_xlim()[0] > -40
    assert display.bars_[0].get_height() == 2
    (text,) = display.ax_.texts
    assert text.get_text() == "2 further left,\ndown to -1e+06"


def test_p_values_are_ticks_at_their_scores(scores):
    p_values = (scores[:, None] >= scores).mean(axis=1)
    display = OutlierScoreDisplay.from_predictions(scores, offset=-2.0, p_values=p_values)
    ticks = display.p_value_ax_.get_xticks()
    levels = [float(text.get_text()) for text in display.p_value_ax_.get_xticklabels()]
    assert {0.01, 0.1, 1.0} <= set(levels)
    for place, level in zip(ticks, levels, strict=True):
        assert place == scores[p_values <= level].max()
    assert display.p_value_ax_.get_xlabel() == "p-value"


def test_p_values_do_not_overlap_and_reach_no_further_than_the_rows(scores):
    p_values = np.where(scores < 0, 0.5, 1.0)
    display = OutlierScoreDisplay.from_predictions(scores, p_values=p_values)
    levels = [text.get_text() for text in display.p_value_ax_.get_xticklabels()]
    assert set(levels) == {"0.5", "1"}
    display = OutlierScoreDisplay.from_predictions([0.0, 1e-3], p_values=[0.1, 1.0], offset=-9.0)
    assert len(display.p_value_ax_.get_xticks()) == 1


def test_p_values_of_a_detector(wine, detector):
    display = OutlierScoreDisplay.from_estimator(detector, wine)
    np.testing.assert_array_equal(display.p_values, detector.p_values(wine))
    assert len(display.p_value_ax_.get_xticks()) > 1


def test_without_p_values(wine):
    few = AutoencoderOutlierDetector(max_iter=2, random_state=0).fit(wine[:15])
    forest = IsolationForest(random_state=0).fit(wine)
    for detector in (few, forest):
        display = OutlierScoreDisplay.from_estimator(detector, wine)
        assert display.p_value_ax_ is None
        assert set(display.threshold_.get_xdata()) == {detector.offset_}


def test_pipeline_is_scored_by_all_its_steps(wine):
    detector = AutoencoderOutlierDetector(max_iter=2, random_state=0)
    pipeline = make_pipeline(StandardScaler(), PCA(5), detector).fit(wine[::2])
    display = OutlierScoreDisplay.from_estimator(pipeline, wine)
    np.testing.assert_allclose(display.scores, pipeline.score_samples(wine))
    assert display.offset == pipeline[-1].offset_
    assert display.p_value_ax_ is not None


def test_without_threshold(scores):
    display = OutlierScoreDisplay.from_predictions(scores)
    assert display.threshold_ is display.p_value_ax_ is display.ax_.get_legend() is None
    assert sum(bar.get_height() for bar in display.bars_) == len(scores)


@pytest.mark.parametrize("offset", [None, 1.0, 0.5])
def test_equal_scores(offset):
    display = OutlierScoreDisplay.from_predictions(np.ones(7), offset=offset)
    assert max(bar.get_height() for bar in display.bars_) == 7


def test_draws_where_it_is_told(scores):
    figure, axis = plt.subplots()
    display = OutlierScoreDisplay.from_predictions(scores, ax=axis, log=False, name="a $")
    assert display.ax_ is axis
    assert display.figure_ is figure
    assert axis.get_yscale() == "linear"
    assert axis.get_title(loc="left") == r"a \$"


def test_errors(wine):
    with pytest.raises(NotFittedError):
        OutlierScoreDisplay.from_estimator(AutoencoderOutlierDetector(), wine)
    with pytest.raises(TypeError, match="offset_; PCA has none"):
        OutlierScoreDisplay.from_estimator(PCA(2).fit(wine), wine)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        OutlierScoreDisplay.from_predictions([0.0, 1.0], p_values=[0.5])

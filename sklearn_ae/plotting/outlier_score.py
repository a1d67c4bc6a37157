"""Histogram of outlier scores."""

from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._optional_dependencies import check_matplotlib_support

from sklearn_ae._data.array_api import as_numpy
from sklearn_ae.plotting._shared import (
    BLUE,
    VERMILION,
    draw_title,
    foreground,
    get_axes,
    get_last_step,
    split_pipeline,
)

_N_BARS = (10, 50)
# Scores further below the threshold than so many times the range above it are in the first bar.
_REACH = 3.0
_LEVELS = (0.01, 0.001, 1.0, 0.1, 0.5, 0.05, 0.2, 0.02, 0.005, 0.002)  # the first ones matter most
_MIN_DISTANCE = 0.07  # between two of them, as a share of the axis
_HATCH = "////"


class OutlierScoreDisplay:
    """Histogram of the scores of rows, with the threshold and p-values.

    Scores left of the threshold are those of outliers. Use :meth:`from_estimator` or
    :meth:`from_predictions` to create it.

    Parameters
    ----------
    scores : array-like of shape (n_samples,)
        The scores, lower is more abnormal.
    offset : float or None, default=None
        The threshold.
    p_values : array-like of shape (n_samples,) or None, default=None
        The p-values of the rows.
    name : str or None, default=None
        Title of the plot.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the histogram.
    figure_ : matplotlib Figure
        The figure of the plot.
    bars_ : matplotlib BarContainer
        The bars. Scores far below the threshold are in the first one.
    threshold_ : matplotlib Line2D or None
        Vertical line at the threshold.
    p_value_ax_ : matplotlib SecondaryAxis or None
        The axis on top, whose ticks are the scores at which p-values are round.

    See Also
    --------
    OutlierExplanationDisplay : Which columns make a row abnormal.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_wine
    >>> from sklearn_ae import AutoencoderOutlierDetector
    >>> from sklearn_ae.plotting import OutlierScoreDisplay
    >>> X = load_wine().data
    >>> detector = AutoencoderOutlierDetector(random_state=0).fit(X[:150])
    >>> display = OutlierScoreDisplay.from_estimator(detector, X[150:])
    >>> display.ax_.get_xlabel()
    'score (lower is more abnormal)'
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        *,
        scores: Any,
        offset: float | None = None,
        p_values: Any = None,
        name: str | None = None,
    ) -> None:
        self.scores = scores
        self.offset = offset
        self.p_values = p_values
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, name: str | None = None, ax: Any = None, **kwargs: Any
    ) -> "OutlierScoreDisplay":
        """Score rows by a fitted detector and draw the histogram.

        Parameters
        ----------
        estimator : fitted outlier detector
            An AutoencoderOutlierDetector, or any other with ``score_samples`` and ``offset_``, such
            as IsolationForest; also as the last step of a Pipeline. P-values are drawn if the
            detector has them.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows. P-values need new ones: training rows look too normal.
        name : str or None, default=None
            Title of the plot. None: the class of the detector.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        **kwargs : dict
            Arguments of matplotlib's ``bar``.

        Returns
        -------
        display : OutlierScoreDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the detector is not fitted.
        TypeError
            If the estimator is no such detector.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        detector = get_last_step(estimator, "offset_", cls.__name__)
        before, _ = split_pipeline(estimator)
        rows = X if before is None else before.transform(X)
        scores, p_values = detector.score_samples(rows), None
        if hasattr(detector, "p_values"):
            try:
                p_values = detector.p_values(rows)
            except ValueError:  # the detector left out no rows to compare with
                p_values = None
        display = cls(
            scores=scores,
            offset=detector.offset_,
            p_values=p_values,
            name=type(detector).__name__ if name is None else name,
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        scores: Any,
        *,
        offset: float | None = None,
        p_values: Any = None,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> "OutlierScoreDisplay":
        """Draw the histogram of given scores.

        Parameters
        ----------
        scores : array-like of shape (n_samples,)
            The scores, lower is more abnormal.
        offset : float or None, default=None
            The threshold.
        p_values : array-like of shape (n_samples,) or None, default=None
            The p-values of the rows.
        name : str or None, default=None
            Title of the plot.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        **kwargs : dict
            Arguments of matplotlib's ``bar``.

        Returns
        -------
        display : OutlierScoreDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are not as many p-values as scores.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        display = cls(scores=scores, offset=offset, p_values=p_values, name=name)
        return display.plot(ax=ax, **kwargs)

    def plot(self, *, ax: Any = None, **kwargs: Any) -> "OutlierScoreDisplay":
        """Draw the histogram.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        **kwargs : dict
            Arguments of matplotlib's ``bar``.

        Returns
        -------
        display : OutlierScoreDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are not as many p-values as scores.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        from matplotlib.patches import Patch
        from matplotlib.ticker import StrMethodFormatter

        scores = column_or_1d(as_numpy(self.scores)).astype(np.float64)
        ax = get_axes(ax, (6.4, 4.0))
        self.ax_, self.figure_ = ax, ax.figure
        edges = _make_edges(scores, self.offset)
        inside = np.maximum(scores, edges[0])
        counts, _ = np.histogram(inside, edges)
        offset = -np.inf if self.offset is None else float(self.offset)
        is_outlier = edges[1:] <= offset
        settings = {
            "width": np.diff(edges),
            "align": "edge",
            "color": np.where(is_outlier, VERMILION, BLUE),
            "edgecolor": ax.get_facecolor(),
            "linewidth": 0.5,
            "log": True,
        } | kwargs
        self.bars_ = ax.bar(edges[:-1], counts, **settings)
        for bar, is_hatched in zip(self.bars_, is_outlier, strict=True):
            bar.set_hatch(_HATCH if is_hatched else "")
        if settings["log"]:
            ax.set_ylim(0.5)  # a bar of one row is visible
            ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.set(xlabel="score (lower is more abnormal)", ylabel="rows")
        ax.spines[["top", "right"]].set_visible(False)
        self.threshold_ = None
        if self.offset is not None:
            n_outliers = int((scores < offset).sum())
            self.threshold_ = ax.axvline(
                offset, color=foreground(), linestyle="--", label=f"threshold: {offset:.3g}"
            )
            ax.legend(
                handles=[
                    Patch(
                        facecolor=VERMILION,
                        edgecolor=ax.get_facecolor(),
                        hatch=_HATCH,
                        linewidth=0,
                        label=f"outliers: {n_outliers}",
                    ),
                    Patch(facecolor=BLUE, label=f"inliers: {len(scores) - n_outliers}"),
                    self.threshold_,
                ],
                loc="upper left",
                edgecolor="none",
                framealpha=0.9,
            )
        self.p_value_ax_: Any = None
        if self.p_values is not None:
            self._draw_p_values(inside)
        n_beyond = int((scores < edges[0]).sum())
        if n_beyond:
            ax.annotate(
                f"{n_beyond} further left,\ndown to {scores.min():.3g}",
                (edges[0], counts[0]),
                xytext=(4, 4),
                textcoords="offset points",
                fontsize="small",
            )
        draw_title(ax, self.name)
        return self

    def _draw_p_values(self, scores: np.ndarray) -> None:
        """Mark the scores at which p-values are round, on a second axis."""
        p_values = column_or_1d(as_numpy(self.p_values))
        check_consistent_length(scores, p_values)
        places: dict[float, float] = {}
        least = _MIN_DISTANCE * (self.ax_.get_xlim()[1] - self.ax_.get_xlim()[0])
        for level in _LEVELS:
            is_below = p_values <= level
            # A level that the rows do not come near to has no place.
            if not is_below.any() or p_values[is_below].max() < level / 2:
                continue
            place = float(scores[is_below].max())
            if all(abs(place - other) >= least for other in places.values()):
                places[level] = place
        self.p_value_ax_ = self.ax_.secondary_xaxis("top")
        self.p_value_ax_.set_xticks(list(places.values()), [f"{level:g}" for level in places])
        self.p_value_ax_.set_xlabel("p-value")


def _make_edges(scores: np.ndarray, offset: float | None) -> np.ndarray:
    """Give the ends of bars of one width, of which one is the threshold."""
    low, high = scores.min(), scores.max()
    if offset is None:
        n_bars = int(np.clip(len(np.histogram_bin_edges(scores, "sqrt")) - 1, *_N_BARS))
        return np.linspace(low, high, n_bars + 1) if high > low else low + np.array([-0.5, 0.5])
    above = high - offset
    if above > 0:
        low = max(low, offset - _REACH * above)
    low, high = min(low, offset), max(high, offset)
    n_bars = int(np.clip(np.sqrt(len(scores)) * 2, *_N_BARS))
    width = (high - low) / n_bars or 1.0
    n_below, n_above = np.ceil((offset - low) / width), np.ceil((high - offset) / width)
    edges = offset + width * np.arange(-n_below, max(n_above, 1 - n_below) + 1)
    edges[-1] = max(edges[-1], high)  # rounding leaves out no score
    return edges

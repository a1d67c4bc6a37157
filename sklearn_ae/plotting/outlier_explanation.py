"""Bar chart of the explanation of an outlier."""

from typing import Any

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import _num_samples

from sklearn_ae.plotting._shared import (
    BLUE,
    VERMILION,
    draw_title,
    foreground,
    get_axes,
    plain_text,
)

_ABOVE, _BELOW = VERMILION, BLUE


class OutlierExplanationDisplay:
    """Bar chart of what the columns of a row add to its abnormality.

    A bar is orange where the value is above the expected one, and blue below.

    Use :meth:`from_estimator` to create it.

    Parameters
    ----------
    feature : array-like of str of shape (n_columns,)
        Names of the columns, the most abnormal first.
    observed, expected : array-like of shape (n_columns,)
        Observed and expected values of the columns, in input units.
    deviation : array-like of shape (n_columns,)
        Observed minus expected values, divided by the usual deviation of each column.
    share : array-like of shape (n_columns,)
        What each column adds to the abnormality.
    title : str, default=""
        Title of the chart.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the chart.
    figure_ : matplotlib Figure
        The figure of the chart.
    bars_ : matplotlib BarContainer
        The bars.

    See Also
    --------
    sklearn_ae.AutoencoderOutlierDetector.explain : The same information as a table.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_wine
    >>> from sklearn_ae import AutoencoderOutlierDetector
    >>> from sklearn_ae.plotting import OutlierExplanationDisplay
    >>> X = load_wine(as_frame=True).data
    >>> detector = AutoencoderOutlierDetector(random_state=0).fit(X)
    >>> display = OutlierExplanationDisplay.from_estimator(detector, X.iloc[[121]])
    >>> len(display.bars_)
    5
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        *,
        feature: Any,
        observed: Any,
        expected: Any,
        deviation: Any,
        share: Any,
        title: str = "",
    ) -> None:
        self.feature = feature
        self.observed = observed
        self.expected = expected
        self.deviation = deviation
        self.share = share
        self.title = title

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, top: int = 5, ax: Any = None, **kwargs: Any
    ) -> "OutlierExplanationDisplay":
        """Explain a row by a fitted detector and draw the chart.

        Parameters
        ----------
        estimator : AutoencoderOutlierDetector
            The fitted detector.
        X : {array-like, sparse matrix} of shape (1, n_features)
            The row.
        top : int, default=5
            Number of columns to show.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        **kwargs : dict
            Arguments of matplotlib's ``barh``.

        Returns
        -------
        display : OutlierExplanationDisplay

        Raises
        ------
        ImportError
            If matplotlib or pandas is not installed.
        ValueError
            If X is not a single row with the columns of the training data.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if _num_samples(X) != 1:
            raise ValueError(f"The chart explains one row, but X has {_num_samples(X)} rows.")
        table = estimator.explain(X, top=top)
        row = table.index.get_level_values("row")[0]
        score = float(estimator.decision_function(X)[0])
        verdict = "outlier" if score < 0 else "inlier"
        display = cls(
            **{name: table[name].to_numpy() for name in table.columns},
            title=f"Row {row}: {verdict}, {score:+.2f} from the threshold",
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, *, ax: Any = None, **kwargs: Any) -> "OutlierExplanationDisplay":
        """Draw the chart.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        **kwargs : dict
            Arguments of matplotlib's ``barh``.

        Returns
        -------
        display : OutlierExplanationDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        share, is_above = np.asarray(self.share, np.float64), np.asarray(self.deviation) > 0
        ax = get_axes(ax, (6.4, 1.2 + 0.45 * len(share)))
        places = np.arange(len(share))
        settings = {"color": np.where(is_above, _ABOVE, _BELOW), "height": 0.6} | kwargs
        self.bars_ = ax.barh(places, share, **settings)
        labels = [
            f" {observed:.4g}, expected {expected:.4g} "
            for observed, expected in zip(self.observed, self.expected, strict=True)
        ]
        ax.bar_label(self.bars_, labels, fontsize="small")
        ax.set_yticks(places, [plain_text(name) for name in self.feature])
        ax.invert_yaxis()
        ax.axvline(0, color=foreground(), linewidth=0.8)
        # Leave space for the labels.
        low, high = min(0.0, share.min()), max(0.0, share.max())
        room = 0.75 * max(high - low, 1e-12)
        ax.set_xlim(low - room * (low < 0), high + room * (high > 0))
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.set_xlabel("what the column adds to the abnormality")
        draw_title(ax, self.title)
        self.ax_, self.figure_ = ax, ax.figure
        return self

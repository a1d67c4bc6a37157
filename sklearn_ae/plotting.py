"""Displays: pictures of fitted estimators, as scikit-learn has them.

They need matplotlib.
"""

from typing import Any

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import _num_samples

__all__ = ["OutlierExplanationDisplay"]

_ABOVE, _BELOW = "#c44e52", "#4c72b0"


class OutlierExplanationDisplay:
    """Bars of how far the columns of a row are from what would be expected.

    Made by :meth:`from_estimator`.

    Parameters
    ----------
    feature : array-like of str of shape (n_columns,)
        Names of the columns, the most abnormal first.
    observed, expected : array-like of shape (n_columns,)
        Their values, in input units.
    deviation : array-like of shape (n_columns,)
        Differences, divided by what is usual for the column.
    title : str, default=""
        Title of the picture.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it is drawn.
    figure_ : matplotlib Figure
        The figure of these axes.
    bars_ : matplotlib BarContainer
        The bars.

    See Also
    --------
    sklearn_ae.AutoencoderOutlierDetector.explain : The same as a table.

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
        self, *, feature: Any, observed: Any, expected: Any, deviation: Any, title: str = ""
    ) -> None:
        self.feature = feature
        self.observed = observed
        self.expected = expected
        self.deviation = deviation
        self.title = title

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, top: int = 5, ax: Any = None, **kwargs: Any
    ) -> "OutlierExplanationDisplay":
        """Explain a row by a fitted detector, and draw it.

        Parameters
        ----------
        estimator : AutoencoderOutlierDetector
            The detector, fitted.
        X : {array-like, sparse matrix} of shape (1, n_features)
            The row.
        top : int, default=5
            Number of columns, those that deviate most.
        ax : matplotlib Axes or None, default=None
            Where to draw; None: a new figure.
        **kwargs : dict
            For matplotlib's ``barh``.

        Returns
        -------
        display : OutlierExplanationDisplay

        Raises
        ------
        ImportError
            If matplotlib or pandas is not installed.
        ValueError
            If X is not a single row like the data it was fitted on.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if _num_samples(X) != 1:
            raise ValueError(
                f"A single row is expected, as one picture explains one row; got {_num_samples(X)}."
            )
        table = estimator.explain(X, top=top)
        rows = table.index.get_level_values("row")
        score = float(estimator.decision_function(X)[0])
        verdict = "outlier" if score < 0 else "inlier"
        display = cls(
            **{name: table[name].to_numpy() for name in table.columns},
            title=f"Row {rows[0]}: {verdict}, {score:+.2f} from the threshold",
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, *, ax: Any = None, **kwargs: Any) -> "OutlierExplanationDisplay":
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None: a new figure.
        **kwargs : dict
            For matplotlib's ``barh``.

        Returns
        -------
        display : OutlierExplanationDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        deviation = np.asarray(self.deviation, dtype=np.float64)
        if ax is None:
            height = 1.2 + 0.45 * len(deviation)
            _, ax = plt.subplots(figsize=(6.4, height), layout="constrained")
        places = np.arange(len(deviation))
        settings = {"color": np.where(deviation > 0, _ABOVE, _BELOW), "height": 0.6} | kwargs
        self.bars_ = ax.barh(places, deviation, **settings)
        ax.bar_label(
            self.bars_,
            [
                f" {observed:.4g}, expected {expected:.4g} "
                for observed, expected in zip(self.observed, self.expected, strict=True)
            ],
            fontsize="small",
        )
        # Names are no formulas.
        ax.set_yticks(places, [str(name).replace("$", r"\$") for name in self.feature])
        ax.invert_yaxis()
        ax.axvline(0, color="black", linewidth=0.8)
        # Room for the labels.
        low, high = min(0.0, deviation.min()), max(0.0, deviation.max())
        room = 0.75 * max(high - low, 1e-12)
        ax.set_xlim(low - room * (low < 0), high + room * (high > 0))
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.set_xlabel("observed minus expected, in usual deviations of the column")
        ax.set_title(self.title.replace("$", r"\$"), loc="left", fontsize="medium")
        self.ax_, self.figure_ = ax, ax.figure
        return self

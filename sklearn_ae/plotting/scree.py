"""Explained variance by component."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils._optional_dependencies import check_matplotlib_support

from sklearn_ae._data.array_api import as_numpy
from sklearn_ae.plotting._shared import (
    COLORS,
    HATCHES,
    LINE_STYLES,
    check_rows,
    draw_title,
    get_axes,
    get_last_step,
    name_estimators,
    plain_text,
    split_pipeline,
)


class ScreeDisplay:
    """Share of the variance that each component explains, and that of all up to it.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create it.

    Parameters
    ----------
    ratios : dict of str to array-like of shape (n_components,)
        The explained variance ratios, by name.
    name : str or None, default=None
        Title of the plot.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.
    figure_ : matplotlib Figure
        The figure of the plot.
    bars_ : dict of str to matplotlib BarContainer
        What each component explains.
    lines_ : dict of str to matplotlib Line2D
        What all components up to each one explain.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.plotting import ScreeDisplay
    >>> X = load_digits().data
    >>> autoencoder = AutoencoderTransformer(8, max_iter=5, random_state=0).fit(X)
    >>> display = ScreeDisplay.from_estimator(autoencoder, X)
    >>> list(display.bars_)
    ['AutoencoderTransformer', 'PCA']
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, ratios: Mapping[str, Any], name: str | None = None) -> None:
        self.ratios = ratios
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        *,
        others: Any = (),
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> "ScreeDisplay":
        """Draw what the components of fitted estimators explain.

        Parameters
        ----------
        estimator : fitted estimator
            An AutoencoderTransformer, PCA, or any other with ``explained_variance_ratio_``. Of a
            Pipeline the last step.
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or None, default=None
            Rows to which a PCA with as many components is fitted, and drawn beside. The first
            steps of a Pipeline transform them. None: no such PCA.
        others : estimator, list of estimators or dict of str to estimator, default=()
            Further fitted estimators. The keys of a dict name them; otherwise their classes do.
        name : str or None, default=None
            Title of the plot.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        **kwargs : dict
            Arguments of matplotlib's ``bar``.

        Returns
        -------
        display : ScreeDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If an estimator is not fitted.
        TypeError
            If an estimator has no ``explained_variance_ratio_``.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        ratios = {
            label: get_last_step(
                each, "explained_variance_ratio_", cls.__name__
            ).explained_variance_ratio_
            for label, each in name_estimators(estimator, others).items()
        }
        if X is not None:
            label = "PCA" if "PCA" not in ratios else "PCA of X"
            ratios[label] = _fit_pca(estimator, X, len(next(iter(ratios.values()))))
        return cls(ratios=ratios, name=name).plot(ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls, ratios: Any, *, name: str | None = None, ax: Any = None, **kwargs: Any
    ) -> "ScreeDisplay":
        """Draw given ratios.

        Parameters
        ----------
        ratios : array-like of shape (n_components,) or dict of str to array-like
            The explained variance ratios, or several of them by name.
        name : str or None, default=None
            Title of the plot.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        **kwargs : dict
            Arguments of matplotlib's ``bar``.

        Returns
        -------
        display : ScreeDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        if not isinstance(ratios, Mapping):
            ratios = {"explained variance": ratios}
        return cls(ratios=ratios, name=name).plot(ax=ax, **kwargs)

    def plot(self, *, ax: Any = None, **kwargs: Any) -> "ScreeDisplay":
        """Draw the ratios.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        **kwargs : dict
            Arguments of matplotlib's ``bar``.

        Returns
        -------
        display : ScreeDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        from matplotlib.ticker import MaxNLocator, PercentFormatter

        ax = get_axes(ax, (6.4, 4.2))
        self.ax_, self.figure_ = ax, ax.figure
        self.bars_, self.lines_ = {}, {}
        width = 0.8 / len(self.ratios)
        for i, (label, ratio) in enumerate(self.ratios.items()):
            ratio = column_or_1d(as_numpy(ratio))
            places = np.arange(1, len(ratio) + 1)
            color = COLORS[i % len(COLORS)]
            total = np.cumsum(ratio)
            settings = {
                "width": width,
                "color": color,
                "hatch": HATCHES[i % len(HATCHES)],
                "edgecolor": ax.get_facecolor(),
                "linewidth": 0,
                "label": f"{plain_text(label)}: {total[-1]:.1%}",
            } | kwargs
            middle = places + (i - (len(self.ratios) - 1) / 2) * width
            self.bars_[label] = ax.bar(middle, ratio, **settings)
            (self.lines_[label],) = ax.plot(
                places,
                total,
                color=color,
                linestyle=LINE_STYLES[i % len(LINE_STYLES)],
                marker="o",
                markersize=4,
                linewidth=1.5,
            )
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
        # Room for the legend above the lines.
        ax.set_ylim(min(0.0, ax.get_ylim()[0]), 1.02)
        ax.set(xlabel="component", ylabel="explained variance (bars), in total (lines)")
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
        draw_title(ax, self.name)
        return self


def _fit_pca(estimator: Any, X: Any, n_components: int) -> np.ndarray:
    """Give what so many principal components explain, or all if there are fewer."""
    from sklearn.decomposition import PCA  # brings half of scikit-learn with it

    before, _ = split_pipeline(estimator)
    rows = check_rows(X if before is None else before.transform(X), "X")
    return PCA(min(n_components, *rows.shape)).fit(rows).explained_variance_ratio_

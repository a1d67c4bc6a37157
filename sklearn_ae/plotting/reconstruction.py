"""Rows beside their reconstructions."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_scalar
from sklearn.utils._optional_dependencies import check_matplotlib_support

from sklearn_ae.plotting._shared import (
    COLORS,
    LINE_STYLES,
    as_images,
    check_rows,
    draw_cells,
    draw_title,
    foreground,
    get_axes,
    name_estimators,
    plain_text,
    split_pipeline,
)

_MAX_NAMES = 20  # columns that are named on the axis


class ReconstructionDisplay:
    """Rows and their reconstructions: images above each other, other rows as lines.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create it. Lines suit columns of one
    unit, such as a time series or a spectrum; scale the columns of other tables first.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The rows. Missing values are left out of the plot and of the errors.
    reconstructions : dict of str to array-like of shape (n_samples, n_features)
        Their reconstructions, by name.
    name : str or None, default=None
        Title of the plot.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.
    figure_ : matplotlib Figure
        The figure of the plot.
    errors_ : dict of str to float
        Mean squared error of each reconstruction, of all rows of `X`.
    image_ : matplotlib AxesImage or None
        All images, if rows are images.
    lines_ : dict of str to list of matplotlib Line2D
        The line of each row, under "original" and the names; empty if rows are images.

    See Also
    --------
    sklearn_ae.metrics.reconstruction_error : The error of several kinds.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.plotting import ReconstructionDisplay
    >>> X = load_digits().data
    >>> autoencoder = AutoencoderTransformer(8, max_iter=5, random_state=0).fit(X)
    >>> pca = PCA(8).fit(X)
    >>> display = ReconstructionDisplay.from_estimator(
    ...     autoencoder, X, others=[pca], image_shape=(8, 8)
    ... )
    >>> display.errors_["AutoencoderTransformer"] < display.errors_["PCA"]
    True

    Noise and its removal: the names are yours.

    >>> import numpy as np
    >>> noisy = X + np.random.default_rng(0).normal(scale=4, size=X.shape)
    >>> rows = {"noisy": noisy, "denoised": pca.inverse_transform(pca.transform(noisy))}
    >>> display = ReconstructionDisplay.from_predictions(X, rows, image_shape=(8, 8))
    >>> list(display.errors_)
    ['noisy', 'denoised']
    >>> plt.close("all")
    """

    def __init__(
        self, *, X: Any, reconstructions: Mapping[str, Any], name: str | None = None
    ) -> None:
        self.X = X
        self.reconstructions = reconstructions
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        others: Any = (),
        image_shape: tuple[int, ...] | None = None,
        n_rows: int = 10,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> "ReconstructionDisplay":
        """Reconstruct rows by fitted estimators and draw both.

        Parameters
        ----------
        estimator : fitted estimator
            An autoencoder, PCA, or any other with ``reconstruct`` or with ``transform`` and
            ``inverse_transform``. A Pipeline of these shows rows as they enter it.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        others : estimator, list of estimators or dict of str to estimator, default=()
            Further fitted estimators, such as PCA. The keys of a dict name them; otherwise their
            classes do.
        image_shape : tuple of int or None, default=None
            (height, width) or (channels, height, width) of rows that are images. None: lines.
        n_rows : int, default=10
            Number of rows to draw, the first ones. The errors are those of all.
        name : str or None, default=None
            Title of the plot.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        **kwargs : dict
            Arguments of matplotlib's ``imshow`` or ``plot``.

        Returns
        -------
        display : ReconstructionDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If an estimator can not reconstruct rows.
        ValueError
            If the rows are no images of this shape.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        named = name_estimators(estimator, others)
        rows = {label: _reconstruct(each, X) for label, each in named.items()}
        display = cls(X=X, reconstructions=rows, name=name)
        return display.plot(ax=ax, image_shape=image_shape, n_rows=n_rows, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        reconstructions: Any,
        *,
        image_shape: tuple[int, ...] | None = None,
        n_rows: int = 10,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> "ReconstructionDisplay":
        """Draw rows and given reconstructions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        reconstructions : array-like of shape (n_samples, n_features) or dict of str to array-like
            Their reconstructions, or several of them by name.
        image_shape : tuple of int or None, default=None
            (height, width) or (channels, height, width) of rows that are images. None: lines.
        n_rows : int, default=10
            Number of rows to draw, the first ones. The errors are those of all.
        name : str or None, default=None
            Title of the plot.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        **kwargs : dict
            Arguments of matplotlib's ``imshow`` or ``plot``.

        Returns
        -------
        display : ReconstructionDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the reconstructions do not have the shape of X, or the rows are no images of
            this shape.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        if not isinstance(reconstructions, Mapping):
            reconstructions = {"reconstruction": reconstructions}
        display = cls(X=X, reconstructions=reconstructions, name=name)
        return display.plot(ax=ax, image_shape=image_shape, n_rows=n_rows, **kwargs)

    def plot(
        self,
        *,
        ax: Any = None,
        image_shape: tuple[int, ...] | None = None,
        n_rows: int = 10,
        **kwargs: Any,
    ) -> "ReconstructionDisplay":
        """Draw rows and reconstructions.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        image_shape : tuple of int or None, default=None
            (height, width) or (channels, height, width) of rows that are images. None: lines.
        n_rows : int, default=10
            Number of rows to draw, the first ones. The errors are those of all.
        **kwargs : dict
            Arguments of matplotlib's ``imshow`` or ``plot``.

        Returns
        -------
        display : ReconstructionDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the reconstructions do not have the shape of X, or the rows are no images of
            this shape.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        check_scalar(n_rows, "n_rows", Integral, min_val=1)
        X = check_rows(self.X, "X")
        rows = {label: check_rows(each, label) for label, each in self.reconstructions.items()}
        for label, each in rows.items():
            if each.shape != X.shape:
                raise ValueError(
                    f"X has shape {X.shape}, but the reconstruction {label!r} has {each.shape}."
                )
        self.errors_ = {
            label: float(np.nanmean(np.square(each - X, dtype=np.float64)))
            for label, each in rows.items()
        }
        shown = {"original": X[:n_rows]} | {label: each[:n_rows] for label, each in rows.items()}
        labels = [plain_text("original")] + [
            f"{plain_text(label)}\nMSE {error:.3g}" for label, error in self.errors_.items()
        ]
        self.image_: Any = None
        self.lines_: dict[str, list[Any]] = {}
        if image_shape is None:
            self._draw_lines(ax, shown, labels, kwargs)
        else:
            self._draw_images(ax, shown, labels, image_shape, kwargs)
        draw_title(self.ax_, self.name)
        return self

    def _draw_images(
        self,
        ax: Any,
        shown: dict[str, np.ndarray],
        labels: list[str],
        image_shape: Any,
        kwargs: dict[str, Any],
    ) -> None:
        X = shown["original"]
        height, width = as_images(X, image_shape).shape[1:3]
        n_columns = len(X)
        size = 6.4 / max(n_columns, 6)
        ax = get_axes(ax, (1.9 + size * n_columns, 0.3 + size * height / width * len(shown)))
        self.ax_, self.figure_ = ax, ax.figure
        # The rows have the same scale, that of the originals.
        low, high = np.nanmin(X), np.nanmax(X)
        unit = (high - low) or 1.0
        stacked = np.clip((np.concatenate(list(shown.values())) - low) / unit, 0, 1)
        cells = draw_cells(ax, stacked, n_columns, image_shape, {"vmin": 0, "vmax": 1} | kwargs)
        self.image_ = cells.image
        ax.set_yticks(cells.heights, labels)
        ax.tick_params(length=0)

    def _draw_lines(
        self, ax: Any, shown: dict[str, np.ndarray], labels: list[str], kwargs: dict[str, Any]
    ) -> None:
        X = shown["original"]
        ax = get_axes(ax, (7.0, 1.0 + 0.55 * len(X)))
        self.ax_, self.figure_ = ax, ax.figure
        # Each row has a band of its own, of the same height.
        step = 1.1 * max(float((np.nanmax(X, axis=1) - np.nanmin(X, axis=1)).max()), 1e-12)
        offsets = -step * np.arange(len(X)) - np.nanmean(X, axis=1)
        places = np.arange(X.shape[1])
        styles = [{"color": foreground(), "linewidth": 3.5, "alpha": 0.3}] + [
            {"color": COLORS[i % 4], "linestyle": LINE_STYLES[i % 4], "linewidth": 1.3}
            for i in range(len(shown) - 1)
        ]
        for (label, rows), style in zip(shown.items(), styles, strict=True):
            self.lines_[label] = [
                ax.plot(places, row + offset, **(style | kwargs))[0]
                for row, offset in zip(rows, offsets, strict=True)
            ]
        ax.set_yticks([])
        ax.spines[["top", "right", "left"]].set_visible(False)
        names = getattr(self.X, "columns", None)
        if names is None or len(names) > _MAX_NAMES:
            ax.set_xlabel("column")
        else:
            ax.set_xticks(places, [plain_text(name) for name in names], rotation=45, ha="right")
        ax.margins(x=0.01)
        ax.legend(
            [lines[0] for lines in self.lines_.values()],
            [label.replace("\n", ", ") for label in labels],
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=len(labels),
            frameon=False,
        )


def _reconstruct(estimator: Any, X: Any) -> Any:
    """Encode and decode rows, by all steps if it is a Pipeline."""
    before, last = split_pipeline(estimator)
    if hasattr(last, "reconstruct"):
        if before is None:
            return last.reconstruct(X)
        if hasattr(before, "inverse_transform"):
            return before.inverse_transform(last.reconstruct(before.transform(X)))
    elif hasattr(estimator, "transform") and hasattr(estimator, "inverse_transform"):
        return estimator.inverse_transform(estimator.transform(X))
    raise TypeError(
        "The display needs reconstruct, or transform and inverse_transform, of a Pipeline in all "
        f"steps; {estimator!r} has neither."
    )

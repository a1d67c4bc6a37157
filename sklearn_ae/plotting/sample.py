"""Samples of an autoencoder, and paths between rows."""

from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_scalar
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from sklearn_ae.plotting._shared import (
    as_images,
    check_rows,
    draw_cells,
    draw_title,
    get_axes,
    split_pipeline,
)


class SampleDisplay:
    """Grid of new rows: samples, or steps on the way from one row to another.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create it.

    Parameters
    ----------
    rows : array-like of shape (n_samples, n_features)
        The rows, from left to right and from the top.
    n_columns : int or None, default=None
        Number of rows beside each other. None: about as many as make the grid half as high as
        wide.
    name : str or None, default=None
        Title of the plot.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.
    figure_ : matplotlib Figure
        The figure of the plot.
    image_ : matplotlib AxesImage or None
        All images, if rows are images.
    lines_ : list of matplotlib Line2D
        The line of each row, if rows are no images. All have the same scale.

    See Also
    --------
    sklearn_ae.AutoencoderTransformer.sample : Makes new rows.
    sklearn_ae.AutoencoderTransformer.interpolate : Goes from one row to another.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.plotting import SampleDisplay
    >>> X = load_digits().data
    >>> autoencoder = AutoencoderTransformer(8, max_iter=5, random_state=0).fit(X)
    >>> display = SampleDisplay.from_estimator(autoencoder, image_shape=(8, 8), random_state=0)
    >>> len(display.rows)
    32

    From the first row to the second, and on to the third:

    >>> display = SampleDisplay.from_estimator(autoencoder, between=X[:3], image_shape=(8, 8))
    >>> len(display.rows)
    20
    >>> plt.close("all")
    """

    def __init__(self, *, rows: Any, n_columns: int | None = None, name: str | None = None) -> None:
        self.rows = rows
        self.n_columns = n_columns
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        between: Any = None,
        n_samples: int | None = None,
        image_shape: tuple[int, ...] | None = None,
        random_state: Any = None,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> "SampleDisplay":
        """Draw samples of a fitted autoencoder, or paths between rows.

        Parameters
        ----------
        estimator : fitted AutoencoderTransformer
            The autoencoder, or a Pipeline that ends with it. The steps before it then need
            ``inverse_transform``.
        between : array-like of shape (n_ends, n_features) or None, default=None
            Rows: each line of the grid goes from one of them to the next. None: samples.
        n_samples : int or None, default=None
            Number of samples, or of steps from one row to the next. None: 32, or 10.
        image_shape : tuple of int or None, default=None
            (height, width) or (channels, height, width) of rows that are images. None: lines.
        random_state : int, RandomState instance or None, default=None
            Determines the samples.
        name : str or None, default=None
            Title of the plot. None: none.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        **kwargs : dict
            Arguments of matplotlib's ``imshow`` or ``plot``.

        Returns
        -------
        display : SampleDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator makes no new rows, or a step before it has no ``inverse_transform``.
        ValueError
            If `between` has fewer than two rows, or the rows are no images of this shape.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        before, last = split_pipeline(estimator)
        needed = "sample" if between is None else "interpolate"
        if not hasattr(last, needed):
            raise TypeError(f"{cls.__name__} needs an estimator with {needed}, got {last!r}.")
        check_is_fitted(last)
        if before is not None and not hasattr(before, "inverse_transform"):
            raise TypeError(
                f"{cls.__name__} needs inverse_transform of the steps before the autoencoder; "
                "one of them has none."
            )
        if between is None:
            rows = last.sample(32 if n_samples is None else n_samples, random_state=random_state)
            n_columns = None
        else:
            n_columns = 10 if n_samples is None else n_samples
            ends = check_rows(between if before is None else before.transform(between), "between")
            if len(ends) < 2:
                raise ValueError(f"between must have at least 2 rows, got {len(ends)}.")
            rows = np.concatenate([last.interpolate(*pair, n_columns) for pair in pairwise(ends)])
        if before is not None:
            rows = before.inverse_transform(rows)
        display = cls(rows=rows, n_columns=n_columns, name=name)
        return display.plot(ax=ax, image_shape=image_shape, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        rows: Any,
        *,
        n_columns: int | None = None,
        image_shape: tuple[int, ...] | None = None,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> "SampleDisplay":
        """Draw given rows.

        Parameters
        ----------
        rows : array-like of shape (n_samples, n_features)
            The rows, from left to right and from the top.
        n_columns : int or None, default=None
            Number of rows beside each other. None: about as many as make the grid half as high as
            wide.
        image_shape : tuple of int or None, default=None
            (height, width) or (channels, height, width) of rows that are images. None: lines.
        name : str or None, default=None
            Title of the plot.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        **kwargs : dict
            Arguments of matplotlib's ``imshow`` or ``plot``.

        Returns
        -------
        display : SampleDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the rows are no images of this shape.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        display = cls(rows=rows, n_columns=n_columns, name=name)
        return display.plot(ax=ax, image_shape=image_shape, **kwargs)

    def plot(
        self, *, ax: Any = None, image_shape: tuple[int, ...] | None = None, **kwargs: Any
    ) -> "SampleDisplay":
        """Draw the grid.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        image_shape : tuple of int or None, default=None
            (height, width) or (channels, height, width) of rows that are images. None: lines.
        **kwargs : dict
            Arguments of matplotlib's ``imshow`` or ``plot``.

        Returns
        -------
        display : SampleDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the rows are no images of this shape.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        rows = check_rows(self.rows, "rows")
        proportion = 0.6  # height of a cell by its width
        if image_shape is not None:
            height, width = as_images(rows, image_shape).shape[1:3]
            proportion = height / width
            low, high = np.nanmin(rows), np.nanmax(rows)
            rows = (rows - low) / ((high - low) or 1.0)
            kwargs = {"vmin": 0, "vmax": 1} | kwargs
        n_columns = self.n_columns
        if n_columns is None:
            n_columns = min(len(rows), max(1, round(np.sqrt(2 * proportion * len(rows)))))
        check_scalar(n_columns, "n_columns", Integral, min_val=1)
        cell = 7.0 / max(n_columns, 6)
        n_lines = -(-len(rows) // n_columns)
        ax = get_axes(ax, (0.1 + cell * n_columns, 0.4 + cell * proportion * n_lines))
        self.ax_, self.figure_ = ax, ax.figure
        cells = draw_cells(ax, rows, n_columns, image_shape, kwargs)
        self.image_, self.lines_ = cells.image, cells.lines
        draw_title(ax, self.name)
        return self

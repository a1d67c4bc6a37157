"""Map of codes: a scatter plot, and what its places decode to."""

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
from scipy.spatial import KDTree
from sklearn.utils import check_array, check_consistent_length, check_scalar, column_or_1d
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import assert_all_finite

from sklearn_ae._data.array_api import as_numpy, is_dispatched, like
from sklearn_ae._data.units import dense
from sklearn_ae.plotting._class_colors import COLORS, MARKERS
from sklearn_ae.plotting._mosaic import make_grid, make_mosaic
from sklearn_ae.plotting._shared import draw_title, foreground, get_axes, get_name, plain_text

_MAX_CLASSES = 20  # integers with more values are numbers
_CLASSES_PER_COLUMN = 15  # of the legend
_N_NEAREST = 10  # codes that complete a point of the map
_BULK = (0.05, 0.995)  # quantiles of the pixels that are drawn clear and darkest
_INK = 0.6  # opacity of the darkest pixels


class LatentMapDisplay:
    """Scatter plot of the first two components of codes.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create it.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        The codes, with at least two components.
    y : array-like of shape (n_samples,) or None, default=None
        Labels or numbers that give the colours of the points. Strings, and up to 20 different
        integers, are labels and get a legend. Other numbers get a colour bar.
    name : str or None, default=None
        Title of the map.
    component_names : sequence of str or None, default=None
        Names of the components. None: the columns of `codes` if it is a table, else "component 1"
        and "component 2".
    y_name : str or None, default=None
        Title of the legend or label of the colour bar. None: the name of `y` if it is a Series.
    inverse_transform : callable or None, default=None
        Decodes codes of shape (n, n_components), for images and :meth:`decode`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the map.
    figure_ : matplotlib Figure
        The figure of the map.
    scatter_ : matplotlib PathCollection
        The points, in random order, so that no class covers the others.
    legend_ : matplotlib Legend or None
        The legend, if `y` has labels.
    colorbar_ : matplotlib Colorbar or None
        The colour bar, if `y` has numbers.
    images_ : matplotlib AxesImage or None
        The decoded images, if there are any.

    See Also
    --------
    sklearn_ae.metrics.trustworthiness : Tells whether neighbours on a map are neighbours in X.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_ae.plotting import LatentMapDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> pca = PCA(n_components=2).fit(X)
    >>> display = LatentMapDisplay.from_estimator(pca, X, y)
    >>> [label.get_text() for label in display.legend_.get_texts()]
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']

    With ``image_shape``, images show what the places of the map decode to:

    >>> display = LatentMapDisplay.from_estimator(pca, X, y, image_shape=(8, 8))
    >>> display.decode([[0.0, 20.0]]).reshape(8, 8).shape
    (8, 8)
    >>> plt.close("all")
    """

    def __init__(
        self,
        *,
        codes: Any,
        y: Any = None,
        name: str | None = None,
        component_names: Any = None,
        y_name: str | None = None,
        inverse_transform: Callable[[np.ndarray], Any] | None = None,
    ) -> None:
        self.codes = codes
        self.y = y
        self.name = name
        self.component_names = component_names
        self.y_name = y_name
        self.inverse_transform = inverse_transform

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        name: str | None = None,
        ax: Any = None,
        image_shape: tuple[int, int] | None = None,
        n_images: int = 16,
        **kwargs: Any,
    ) -> "LatentMapDisplay":
        """Encode rows by a fitted transformer and draw their map.

        Parameters
        ----------
        estimator : fitted transformer
            PCA, an autoencoder, a Pipeline of transformers or any other with at least two outputs.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,) or None, default=None
            Labels or numbers that give the colours of the points.
        name : str or None, default=None
            Title of the map. None: the class of the estimator, of a Pipeline that of its last step.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        image_shape : tuple of int (height, width) or None, default=None
            Shape of rows that are images, in which larger values are darker. Decoded images are
            then drawn where codes are; the estimator needs ``inverse_transform``.
        n_images : int, default=16
            Number of images along the longer side of the map.
        **kwargs : dict
            Arguments of matplotlib's ``scatter``, such as ``s``, ``alpha`` and ``cmap``.

        Returns
        -------
        display : LatentMapDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator has no ``transform``.
        ValueError
            If the codes have fewer than two components, or the rows are no images of this shape.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if not hasattr(estimator, "transform"):
            raise TypeError(f"The map needs a transformer; {estimator!r} has no transform.")
        display = cls(
            codes=estimator.transform(X),
            y=y,
            name=get_name(estimator) if name is None else name,
            inverse_transform=getattr(estimator, "inverse_transform", None),
        )
        return display.plot(ax=ax, image_shape=image_shape, n_images=n_images, **kwargs)

    @classmethod
    def from_predictions(
        cls, codes: Any, y: Any = None, *, name: str | None = None, ax: Any = None, **kwargs: Any
    ) -> "LatentMapDisplay":
        """Draw the map of given codes.

        Parameters
        ----------
        codes : array-like of shape (n_samples, n_components)
            The codes, with at least two components.
        y : array-like of shape (n_samples,) or None, default=None
            Labels or numbers that give the colours of the points.
        name : str or None, default=None
            Title of the map.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        **kwargs : dict
            Arguments of matplotlib's ``scatter``, such as ``s``, ``alpha`` and ``cmap``.

        Returns
        -------
        display : LatentMapDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the codes have fewer than two components.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        return cls(codes=codes, y=y, name=name).plot(ax=ax, **kwargs)

    def plot(
        self,
        *,
        ax: Any = None,
        image_shape: tuple[int, int] | None = None,
        n_images: int = 16,
        **kwargs: Any,
    ) -> "LatentMapDisplay":
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        image_shape : tuple of int (height, width) or None, default=None
            Shape of rows that are images, in which larger values are darker. Decoded images are
            then drawn where codes are.
        n_images : int, default=16
            Number of images along the longer side of the map.
        **kwargs : dict
            Arguments of matplotlib's ``scatter``, such as ``s``, ``alpha`` and ``cmap``.

        Returns
        -------
        display : LatentMapDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the codes have fewer than two components, or the rows are no images of this shape.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        codes = self._checked_codes()
        y = None if self.y is None else _check_y(self.y, codes)
        ax = get_axes(ax, (6.4, 5.6))
        self.ax_, self.figure_ = ax, ax.figure
        # A random order, always the same.
        order = np.random.default_rng(0).permutation(len(codes))
        self._draw_points(codes[order, :2], None if y is None else y[order], kwargs)
        self.images_ = None if image_shape is None else self._draw_images(image_shape, n_images)
        names = self.component_names or getattr(self.codes, "columns", None)
        names = ("component 1", "component 2") if names is None else names
        ax.set_xlabel(plain_text(names[0]))
        ax.set_ylabel(plain_text(names[1]))
        # Only the ratio of distances tells something.
        ax.set(xticks=[], yticks=[])
        ax.set_aspect("equal", adjustable="datalim")
        ax.spines[:].set_color("#cccccc")
        draw_title(ax, self.name)
        return self

    def decode(self, points: Any) -> np.ndarray:
        """Decode points of the map.

        Where codes have more than two components, the others are the mean of the ten codes that
        are nearest to the point on the map.

        Parameters
        ----------
        points : array-like of shape (n_points, 2)
            Points of the map.

        Returns
        -------
        rows : ndarray of shape (n_points, n_features)
            The decoded rows.

        Raises
        ------
        ValueError
            If the display has no ``inverse_transform``.
        """
        if self.inverse_transform is None:
            raise ValueError(
                "To decode points, the display needs inverse_transform: use from_estimator with an "
                "estimator that has it."
            )
        codes = self._checked_codes()
        points = check_array(as_numpy(points), dtype=codes.dtype, input_name="points")
        if points.shape[1] != 2:
            raise ValueError(f"points should have 2 columns, got {points.shape[1]}.")
        if codes.shape[1] > 2:
            nearest = KDTree(codes[:, :2]).query(
                points, k=range(1, 1 + min(_N_NEAREST, len(codes)))
            )
            points = np.hstack([points, codes[nearest[1], 2:].mean(axis=1)])
        codes = like(points, self.codes) if is_dispatched(self.codes) else points
        rows = as_numpy(self.inverse_transform(codes))
        return dense(check_array(rows, accept_sparse=True))

    def _checked_codes(self) -> np.ndarray:
        codes = check_array(
            as_numpy(self.codes), dtype=[np.float64, np.float32], input_name="codes"
        )
        if codes.shape[1] < 2:
            raise ValueError(
                f"The map needs codes with at least 2 components, got {codes.shape[1]}."
            )
        return codes

    def _draw_points(self, points: np.ndarray, y: np.ndarray | None, kwargs: Any) -> None:
        settings = {
            "s": np.clip(500 / np.sqrt(len(points)), 1.5, 30),
            "alpha": np.clip(1.5 - 0.2 * np.log10(len(points)), 0.4, 0.9),
            "linewidths": 0,
            "rasterized": True,
        } | kwargs
        self.legend_ = self.colorbar_ = None
        if y is None:
            self.scatter_ = self.ax_.scatter(*points.T, **({"color": COLORS[0]} | settings))
        elif _are_numbers(y):
            self.scatter_ = self.ax_.scatter(*points.T, c=y, **settings)
            self.colorbar_ = self._draw_colorbar()
        else:
            classes, index = np.unique(y, return_inverse=True)
            colors = np.array(COLORS)[index % len(COLORS)]
            self.scatter_ = self.ax_.scatter(*points.T, c=colors, **settings)
            shapes = index // len(COLORS) % len(MARKERS)
            if shapes.any():
                self.scatter_.set_paths(_paths(shapes))
            self.legend_ = self._draw_legend(classes)

    def _draw_colorbar(self) -> Any:
        colorbar = self.figure_.colorbar(self.scatter_, ax=self.ax_, shrink=0.7, aspect=30)
        colorbar.outline.set_visible(False)
        colorbar.solids.set_alpha(1)
        colorbar.set_label(self._y_name())
        return colorbar

    def _draw_legend(self, classes: np.ndarray) -> Any:
        from matplotlib.lines import Line2D

        handles = [
            Line2D(
                [],
                [],
                linestyle="none",
                color=COLORS[place % len(COLORS)],
                marker=MARKERS[place // len(COLORS) % len(MARKERS)],
                markersize=6,
            )
            for place in range(len(classes))
        ]
        legend = self.ax_.legend(
            handles,
            [str(place) for place in range(len(classes))],
            title=self._y_name(),
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            frameon=False,
            handletextpad=0.1,
            ncols=-(-len(classes) // _CLASSES_PER_COLUMN),
        )
        # Matplotlib leaves out labels that begin with an underscore, but not texts.
        for text, name in zip(legend.get_texts(), classes, strict=True):
            text.set_text(plain_text(name))
        return legend

    def _y_name(self) -> str:
        name = getattr(self.y, "name", None) if self.y_name is None else self.y_name
        return "" if name is None else plain_text(name)

    def _draw_images(self, image_shape: tuple[int, int], n_images: int) -> Any:
        from matplotlib.colors import LinearSegmentedColormap, to_rgb

        check_scalar(n_images, "n_images", Integral, min_val=1)
        height, width = image_shape
        grid = make_grid(self._checked_codes()[:, :2], (height, width), n_images)
        rows = self.decode(grid.centers)
        if rows.shape[1] != height * width:
            raise ValueError(
                f"image_shape {image_shape} has {height * width} pixels, but rows have "
                f"{rows.shape[1]} columns."
            )
        # Ink on clear film: the points stay visible. A few extreme pixels do not set the scale.
        low, high = np.quantile(rows, _BULK)
        ink = to_rgb(foreground())
        return self.ax_.imshow(
            make_mosaic(rows.reshape(-1, height, width), grid),
            cmap=LinearSegmentedColormap.from_list("ink", [(*ink, 0), (*ink, _INK)]),
            vmin=low,
            vmax=high,
            origin="lower",
            extent=grid.extent,
            zorder=2,
        )


def _check_y(y: Any, codes: np.ndarray) -> np.ndarray:
    y = column_or_1d(as_numpy(y))
    check_consistent_length(codes, y)
    assert_all_finite(y, input_name="y")
    return y


def _are_numbers(y: np.ndarray) -> bool:
    if y.dtype.kind not in "iuf":
        return False
    return bool((y != np.round(y)).any()) or len(np.unique(y)) > _MAX_CLASSES


def _paths(shapes: np.ndarray) -> list[Any]:
    """Give the marker of each point."""
    from matplotlib.markers import MarkerStyle

    styles = [MarkerStyle(marker) for marker in MARKERS]
    paths = [style.get_path().transformed(style.get_transform()) for style in styles]
    return [paths[shape] for shape in shapes]

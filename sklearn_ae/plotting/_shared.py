"""What the displays share: colours, axes, names, steps of a Pipeline, and grids of small plots."""

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._data.array_api import as_numpy
from sklearn_ae._data.array_likes import as_array_like
from sklearn_ae._data.units import dense

# Okabe and Ito's colours that have enough contrast on white and on black.
BLUE, VERMILION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
COLORS = (BLUE, VERMILION, GREEN, PURPLE)
# They differ without colours too.
LINE_STYLES = ("-", "--", "-.", ":")
HATCHES = ("", "////", "....", "xxxx")
_GAP = 0.08  # between images, as a share of their height
_CELL = 0.84  # share of a cell that lines take


class Cells(NamedTuple):
    """A grid of images or lines in one pair of axes.

    Attributes
    ----------
    image : matplotlib AxesImage or None
        All images.
    lines : list of matplotlib Line2D
        One line for each row, if rows are no images.
    heights : ndarray
        Vertical centre of each line of the grid, from the top.
    """

    image: Any
    lines: list[Any]
    heights: np.ndarray


def get_axes(ax: Any, figsize: tuple[float, float]) -> Any:
    """Give the axes to draw on: those given, or the ones of a new figure."""
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=figsize, layout="constrained")[1] if ax is None else ax


def foreground() -> Any:
    """Give the colour of text and axes in the current style: light on dark backgrounds."""
    import matplotlib as mpl

    return mpl.rcParams["text.color"]


def plain_text(name: Any) -> str:
    """Write a name that Matplotlib does not read as a formula."""
    return str(name).replace("$", r"\$")


def draw_title(ax: Any, name: Any) -> None:
    """Write the title, if there is one."""
    if name:
        ax.set_title(plain_text(name), loc="left", fontsize="medium")


def split_pipeline(estimator: Any) -> tuple[Any, Any]:
    """Give the steps before the last one, as a Pipeline or None, and the last step."""
    if not hasattr(estimator, "steps"):
        return None, estimator
    before = estimator[:-1] if len(estimator.steps) > 1 else None
    return before, estimator.steps[-1][1]


def get_last_step(estimator: Any, attribute: str, display: str) -> Any:
    """Give the estimator, of a Pipeline the last step, which must have an attribute of `fit`."""
    _, last = split_pipeline(estimator)
    if not hasattr(last, attribute):
        if hasattr(last, "fit"):
            check_is_fitted(last)
        raise TypeError(
            f"{display} needs an estimator with {attribute}; {type(last).__name__} has none."
        )
    return last


def get_name(estimator: Any) -> str:
    """Give the class of an estimator, of a Pipeline that of its last step."""
    return type(split_pipeline(estimator)[1]).__name__


def name_estimators(estimator: Any, others: Any) -> dict[str, Any]:
    """Give estimators by name: the first, and others in a dict, a list or alone."""
    named = {get_name(estimator): estimator}
    if isinstance(others, Mapping):
        return named | {str(name): other for name, other in others.items()}
    for other in others if isinstance(others, Iterable) and not _is_pipeline(others) else [others]:
        name, count = get_name(other), 1
        while name in named:
            count += 1
            name = f"{get_name(other)} {count}"
        named[name] = other
    return named


def check_rows(X: Any, name: str) -> np.ndarray:
    """Give rows as a dense array of floats, which may be missing."""
    rows = check_array(
        as_numpy(as_array_like(X)),
        accept_sparse=True,
        dtype=[np.float64, np.float32],
        ensure_all_finite="allow-nan",
        input_name=name,
    )
    return dense(rows)


def draw_cells(
    ax: Any, rows: np.ndarray, n_columns: int, image_shape: Any, kwargs: dict[str, Any]
) -> Cells:
    """Draw rows as images or lines in a grid, from left to right and from the top."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    if image_shape is None:
        return _draw_lines(ax, rows, n_columns, kwargs)
    images = as_images(rows, image_shape)
    height, width = images.shape[1:3]
    gap = max(1, round(_GAP * height))
    n_lines = -(-len(images) // n_columns)
    mosaic = np.full(
        (n_lines * (height + gap) - gap, n_columns * (width + gap) - gap, *images.shape[3:]),
        np.nan,
    )
    for place, image in enumerate(images):
        top, left = (height + gap) * (place // n_columns), (width + gap) * (place % n_columns)
        mosaic[top : top + height, left : left + width] = image
    if mosaic.ndim == 3:  # colours, clear between the images
        clear = np.isnan(mosaic).any(axis=2, keepdims=True)
        mosaic = np.concatenate([np.where(clear, 0.0, mosaic), 1.0 - clear], axis=2)
    image = ax.imshow(mosaic, **({"cmap": "gray", "interpolation": "nearest"} | kwargs))
    return Cells(image, [], np.arange(n_lines) * (height + gap) + (height - 1) / 2)


def as_images(rows: np.ndarray, image_shape: Any) -> np.ndarray:
    """Give images of shape (n, height, width) or (n, height, width, 3) with entries in [0, 1]."""
    shape = tuple(int(length) for length in np.ravel(image_shape))
    if len(shape) not in (2, 3) or min(shape) < 1 or (len(shape) == 3 and shape[0] not in (1, 3)):
        raise ValueError(
            "image_shape must be (height, width) or (channels, height, width) with 1 or 3 "
            f"channels, got {image_shape!r}."
        )
    if prod(shape) != rows.shape[1]:
        raise ValueError(
            f"image_shape {image_shape} has {prod(shape)} pixels, but rows have "
            f"{rows.shape[1]} columns."
        )
    images = rows.reshape(-1, *shape)
    if len(shape) == 2:
        return images
    if shape[0] == 1:
        return images[:, 0]
    return np.moveaxis(images, 1, -1)


def _draw_lines(ax: Any, rows: np.ndarray, n_columns: int, kwargs: dict[str, Any]) -> Cells:
    low, high = np.nanmin(rows), np.nanmax(rows)
    n_lines = -(-len(rows) // n_columns)
    x = np.linspace(0, _CELL, rows.shape[1]) if rows.shape[1] > 1 else np.array([_CELL / 2])
    settings = {"color": BLUE, "linewidth": 1.2} | kwargs
    lines = []
    for place, row in enumerate(rows):
        down, along = divmod(place, n_columns)
        y = _CELL * (row - low) / ((high - low) or 1.0)
        lines += ax.plot(along + x, n_lines - 1 - down + y, **settings)
    ax.set(xlim=(-0.08, n_columns - _CELL / 12), ylim=(-0.08, n_lines - _CELL / 12))
    return Cells(None, lines, n_lines - 1 - np.arange(n_lines) + _CELL / 2)


def _is_pipeline(estimators: Any) -> bool:
    return hasattr(estimators, "steps")

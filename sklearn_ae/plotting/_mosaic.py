"""Images in the cells of a grid over a map."""

from typing import NamedTuple

import numpy as np

_GAP = 0.06  # around an image, as a share of its height


class Grid(NamedTuple):
    """Cells with the proportions of an image, over all points of a map."""

    start: np.ndarray  # lower left corner
    size: np.ndarray  # width and height of a cell
    shape: np.ndarray  # number of columns and of rows
    cells: np.ndarray  # column and row of each cell with points, of shape (n_cells, 2)

    @property
    def centers(self) -> np.ndarray:
        """Centres of the cells with points."""
        return self.start + (self.cells + 0.5) * self.size

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, lower and upper end."""
        left, lower = self.start
        right, upper = self.start + self.shape * self.size
        return float(left), float(right), float(lower), float(upper)


def make_grid(points: np.ndarray, image_shape: tuple[int, int], n_images: int) -> Grid:
    """Divide a map into cells, so many along its longer side."""
    height, width = image_shape
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    proportions = np.array([1.0, height / width])
    unit = (span / proportions).max() / n_images or 1.0  # 1 if all points are the same
    size = unit * proportions
    shape = np.maximum(1, np.ceil(span / size - 1e-6)).astype(int)
    start = low - (shape * size - span) / 2
    places = ((points - start) // size).astype(int)
    return Grid(start, size, shape, np.unique(np.clip(places, 0, shape - 1), axis=0))


def make_mosaic(images: np.ndarray, grid: Grid) -> np.ndarray:
    """Put an image in each cell with points, the lowest row of pixels first. The rest is NaN."""
    gap = max(1, round(_GAP * images.shape[1]))
    framed = np.pad(
        images[:, ::-1].astype(np.float64),
        ((0, 0), (gap, gap), (gap, gap)),
        constant_values=np.nan,
    )
    n_columns, n_rows = grid.shape
    height, width = framed.shape[1:]
    mosaic = np.full((n_rows, height, n_columns, width), np.nan)
    columns, rows = grid.cells.T
    mosaic[rows, :, columns] = framed
    return mosaic.reshape(n_rows * height, n_columns * width)

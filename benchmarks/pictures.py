"""The pictures of the benchmarks."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt

OURS = "Autoencoder"
RED = "#d1495b"
GREYS = ["#333333", "#777777", "#777777", "#aaaaaa", "#aaaaaa"]
STYLES = ["-", "--", ":", "-", "--"]
INK = "#222222"


def one_of_each(y: np.ndarray | None, n_rows: int) -> np.ndarray:
    """Select rows to show: the first of each class in turn, or simply the first."""
    if y is None:
        return np.arange(n_rows)
    first = np.array([np.flatnonzero(y == label)[0] for label in np.unique(y)])[:n_rows]
    others = np.setdiff1d(np.arange(min(len(y), 2 * n_rows)), first)
    return np.concatenate([first, others[: n_rows - len(first)]])


def draw_mosaics(
    groups: dict[str, dict[str, np.ndarray]], image_shape: tuple[int, int], title: str, file: Path
) -> None:
    """Draw groups of images side by side: in each the same named rows of images."""
    first = next(iter(groups.values()))
    n_columns = sum(len(next(iter(rows.values()))) for rows in groups.values())
    figure, axes = plt.subplots(
        1,
        len(groups),
        figsize=(0.62 * n_columns + 1.6, 0.66 * len(first) + 0.8),
        gridspec_kw={"wspace": 0.06},
        squeeze=False,
    )
    for axis, (name, rows) in zip(axes[0], groups.items(), strict=True):
        _draw_images(axis, list(rows.values()), image_shape, name)
        axis.spines[:].set_visible(False)
    for i, name in enumerate(first):
        axes[0, 0].text(
            -0.35 * image_shape[1],
            (i + 0.5) * (image_shape[0] + 2),
            name,
            ha="right",
            va="center",
            fontsize=9,
            color=INK,
            fontweight=_weight(name),
        )
    figure.suptitle(title, fontsize=11, color=INK, y=0.98 if any(groups) else 0.93)
    save(figure, file)


def draw_samples(
    samples: dict[str, np.ndarray],
    image_shape: tuple[int, int],
    title: str,
    file: Path,
    *,
    n_columns: int = 8,
) -> None:
    """Draw a block of images for each name."""
    figure, axes = plt.subplots(
        1, len(samples), figsize=(3 * len(samples), 3.9), squeeze=False, layout="constrained"
    )
    for axis, (name, images) in zip(axes[0], samples.items(), strict=True):
        _draw_images(axis, list(images.reshape(-1, n_columns, images.shape[1])), image_shape, name)
        axis.spines[:].set_color("#cccccc")
    figure.suptitle(title, fontsize=11, color=INK)
    save(figure, file)


def draw_codes(codes: dict[str, np.ndarray], y: np.ndarray, title: str, file: Path) -> None:
    """Draw the two-dimensional codes of each method, coloured by label."""
    labels, index = np.unique(y, return_inverse=True)
    colors = plt.get_cmap("tab10" if len(labels) <= 10 else "turbo", max(len(labels), 10))
    n_columns = min(3, len(codes))
    n_rows = -(-len(codes) // n_columns)
    figure, axes = plt.subplots(
        n_rows,
        n_columns,
        figsize=(3.4 * n_columns, 3.4 * n_rows + 0.4),
        squeeze=False,
        layout="constrained",
    )
    size = float(np.clip(4000 / len(y), 1, 12))
    for axis in axes.flat[len(codes) :]:
        axis.set_axis_off()
    for axis, (name, points) in zip(axes.flat, codes.items(), strict=False):
        axis.scatter(*points.T, c=colors(index), s=size, alpha=0.7, linewidths=0)
        # The bulk of the points, not the farthest one, sets the scale.
        for values, limit in zip(points.T, (axis.set_xlim, axis.set_ylim), strict=True):
            low, high = np.quantile(values, [0.002, 0.998])
            margin = 0.08 * (high - low)
            limit(low - margin, high + margin)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_color("#cccccc")
        axis.set_title(name, fontsize=10, color=INK, fontweight=_weight(name))
    if len(labels) <= 20:
        handles = [
            plt.Line2D([], [], marker="o", linestyle="", color=color)
            for color in colors(range(len(labels)))
        ]
        figure.legend(handles, labels, loc="outside lower center", ncols=10, frameon=False)
    figure.suptitle(title, fontsize=11, color=INK)
    save(figure, file)


def draw_errors(
    sizes: Sequence[int], curves: dict[str, Sequence[float]], xlabel: str, title: str, file: Path
) -> None:
    """Draw the error of each method over a size."""
    figure, axis = plt.subplots(figsize=(6.4, 4))
    greys = iter(zip(GREYS, STYLES, strict=True))
    for name, errors in curves.items():
        if name == OURS:
            style = {"color": RED, "linewidth": 2.4, "zorder": 3}
        else:
            color, linestyle = next(greys)
            style = {"color": color, "linewidth": 1.4, "linestyle": linestyle}
        axis.plot(sizes, errors, marker="o", markersize=4, label=name, **style)
    axis.set(xscale="log", yscale="log", xlabel=xlabel, ylabel="test MSE")
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.xaxis.set_minor_locator(plt.NullLocator())
    axis.legend(frameon=False, fontsize=9, labelcolor=INK)
    finish(axis, title)
    save(figure, file)


def finish(axis: plt.Axes, title: str) -> None:
    """Give axes the look of the benchmarks, and a title."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color="#eeeeee")
    axis.set_axisbelow(True)
    axis.set_title(title, fontsize=11, color=INK, loc="left")


def save(figure: "plt.Figure", file: Path) -> None:
    """Write a picture to its file, and forget it."""
    figure.savefig(file, dpi=150, bbox_inches="tight", facecolor="white")
    plt.close(figure)


def _draw_images(
    axis: plt.Axes, rows: list[np.ndarray], image_shape: tuple[int, int], name: str
) -> None:
    framed = [np.pad(images.reshape(-1, *image_shape), ((0, 0), (1, 1), (1, 1))) for images in rows]
    tiled = np.concatenate([np.concatenate(list(images), axis=1) for images in framed])
    axis.imshow(tiled, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    axis.set(xticks=[], yticks=[])
    axis.set_title(name, fontsize=10, color=INK)


def _weight(name: str) -> str:
    return "bold" if name.startswith(OURS) else "normal"

"""The pictures of the benchmarks."""

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib import ticker

OURS = "Autoencoder"
GREYS = ["#333333", "#777777", "#777777", "#aaaaaa", "#aaaaaa"]
STYLES = ["-", "--", ":", "-", "--"]
INK = "#222222"


def one_of_each(y: np.ndarray | None, n_rows: int) -> np.ndarray:
    """Select rows to show: the first of each class in turn, or simply the first.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or None
        Labels.
    n_rows : int
        How many to select.

    Returns
    -------
    index : ndarray of int of shape (n_rows,)
        The selected rows.
    """
    if y is None:
        return np.arange(n_rows)
    first = np.array([np.flatnonzero(y == label)[0] for label in np.unique(y)])[:n_rows]
    others = np.setdiff1d(np.arange(min(len(y), 2 * n_rows)), first)
    return np.concatenate([first, others[: n_rows - len(first)]])


def draw_reconstructions(
    rows: dict[str, np.ndarray], image_shape: tuple[int, int], title: str, file: Path
) -> None:
    """Draw a row of images for each name."""
    n_images = len(next(iter(rows.values())))
    figure, axes = plt.subplots(
        len(rows),
        n_images,
        figsize=(0.75 * n_images + 1.6, 0.78 * len(rows) + 0.5),
        gridspec_kw={"wspace": 0.06, "hspace": 0.06},
        squeeze=False,
    )
    for row, (name, images) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(row, images, strict=True):
            axis.imshow(image.reshape(image_shape), cmap="gray_r", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        ours = name.startswith(OURS)
        row[0].set_ylabel(
            name,
            rotation=0,
            ha="right",
            va="center",
            labelpad=8,
            fontsize=9,
            color=INK,
            fontweight="bold" if ours else "normal",
        )
    figure.suptitle(title, fontsize=11, color=INK, y=0.94)
    save(figure, file)


def draw_codes(codes: dict[str, np.ndarray], y: np.ndarray, title: str, file: Path) -> None:
    """Draw the two-dimensional codes of each method, coloured by label."""
    labels, index = np.unique(y, return_inverse=True)
    colors = plt.get_cmap("tab10" if len(labels) <= 10 else "turbo", max(len(labels), 10))
    n_columns = min(3, len(codes))
    n_rows = -(-len(codes) // n_columns)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(3.4 * n_columns, 3.4 * n_rows + 0.4), squeeze=False
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
        axis.set_title(
            name, fontsize=10, color=INK, fontweight="bold" if name == OURS else "normal"
        )
    if len(labels) <= 20:
        handles = [
            plt.Line2D([], [], marker="o", linestyle="", color=color)
            for color in colors(range(len(labels)))
        ]
        figure.legend(
            handles,
            labels,
            loc="lower center",
            ncols=len(labels),
            frameon=False,
            fontsize=9,
            handletextpad=0,
            columnspacing=0.9,
            bbox_to_anchor=(0.5, -0.03),
        )
    figure.suptitle(title, fontsize=11, color=INK)
    figure.tight_layout()
    save(figure, file)


def draw_errors(sizes: list[int], curves: dict[str, list[float]], title: str, file: Path) -> None:
    """Draw the error of each method over the code size."""
    figure, axis = plt.subplots(figsize=(6.4, 4))
    others = [name for name in curves if name != OURS]
    ends = []
    for name, errors in curves.items():
        if name == OURS:
            style = {"color": "#d1495b", "linewidth": 2.4, "zorder": 3}
        else:
            i = others.index(name) % len(GREYS)
            style = {"color": GREYS[i], "linestyle": STYLES[i], "linewidth": 1.4}
        axis.plot(sizes, errors, marker="o", markersize=4, **style)
        ends.append([errors[-1], name, style["color"]])
    axis.set(xscale="log", yscale="log", xlabel="code size", ylabel="test MSE")
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.xaxis.set_minor_locator(plt.NullLocator())
    axis.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axis.yaxis.set_minor_locator(plt.NullLocator())
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color="#eeeeee")
    axis.set_title(title, fontsize=11, color=INK, loc="left")
    # Names stand at the ends of their curves, pushed apart where the curves meet.
    figure.canvas.draw()
    height = 13
    last = -np.inf
    for error, name, color in sorted(ends):
        x, y = axis.transData.transform((sizes[-1], error))
        last = max(y, last + height)
        axis.annotate(
            name,
            axis.transData.inverted().transform((x, last)),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=color,
            fontweight="bold" if name == OURS else "normal",
            annotation_clip=False,
        )
    save(figure, file)


def save(figure: "plt.Figure", file: Path) -> None:
    """Write a picture to its file, and forget it."""
    figure.savefig(file, dpi=150, bbox_inches="tight", facecolor="white")
    plt.close(figure)

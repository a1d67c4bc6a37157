"""The pictures of this benchmark, in the look of the others."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from benchmarks.pictures import GREYS, INK, OURS, STYLES, save

RED = "#d1495b"


def draw_curve(
    x: Sequence[float],
    y: Sequence[float],
    names: Sequence[str],
    references: dict[str, float],
    *,
    labels: tuple[str, str],
    title: str,
    file: Path,
) -> None:
    """Draw one curve whose points have names, and levels to compare it with."""
    figure, axis = plt.subplots(figsize=(6.4, 4))
    axis.plot(x, y, color=RED, linewidth=2.4, marker="o", markersize=5)
    for a, b, name in zip(x, y, names, strict=True):
        axis.annotate(
            name, (a, b), (-6, 6), textcoords="offset points", ha="right", fontsize=9, color=INK
        )
    for name, level in references.items():
        axis.axhline(level, color=GREYS[1], linestyle="--", linewidth=1.4)
        axis.annotate(
            name, (0, level), (4, 4), xycoords=("axes fraction", "data"),
            textcoords="offset points", fontsize=9, color=GREYS[1],
        )  # fmt: skip
    axis.set(xlabel=labels[0], ylabel=labels[1], ylim=(0, 1.15 * max(y)))
    axis.margins(x=0.12)
    _finish(axis, title)
    save(figure, file)


def draw_errors(
    x: Sequence[int],
    curves: dict[str, Sequence[float]],
    xlabel: str,
    title: str,
    file: Path,
) -> None:
    """Draw several curves over sizes, their names beside their ends."""
    figure, axis = plt.subplots(figsize=(6.4, 4))
    greys = iter(zip(GREYS, STYLES, strict=True))
    for name, values in curves.items():
        if name.startswith(OURS):
            style = {"color": RED, "linewidth": 2.4, "zorder": 3}
        else:
            color, linestyle = next(greys)
            style = {"color": color, "linewidth": 1.4, "linestyle": linestyle}
        axis.plot(x, values, marker="o", markersize=4, label=name, **style)
    axis.set(xscale="log", xlabel=xlabel, ylabel="test MSE", ylim=(0, None))
    axis.set_xticks(list(x), [str(size) for size in x])
    axis.xaxis.set_minor_locator(plt.NullLocator())
    axis.legend(frameon=False, fontsize=9, labelcolor=INK)
    _finish(axis, title)
    save(figure, file)


def draw_mosaics(
    groups: dict[str, dict[str, np.ndarray]],
    image_shape: tuple[int, int],
    title: str,
    file: Path,
) -> None:
    """Draw groups of images side by side: in each the same named rows of images."""
    figure, axes = plt.subplots(
        1,
        len(groups),
        figsize=(
            0.62 * sum(len(next(iter(rows.values()))) for rows in groups.values()) + 1.6,
            0.66 * len(next(iter(groups.values()))) + 0.8,
        ),
        gridspec_kw={"wspace": 0.06},
        squeeze=False,
    )
    for axis, (name, rows) in zip(axes[0], groups.items(), strict=True):
        axis.imshow(
            _tiled(list(rows.values()), image_shape), cmap="gray_r", vmin=0, vmax=1,
            interpolation="nearest",
        )  # fmt: skip
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        axis.set_title(name, fontsize=10, color=INK)
    height = image_shape[0] + 2
    for i, name in enumerate(next(iter(groups.values()))):
        axes[0, 0].text(
            -0.35 * image_shape[1],
            (i + 0.5) * height,
            name,
            ha="right",
            va="center",
            fontsize=9,
            color=INK,
            fontweight="bold" if name.startswith(OURS) else "normal",
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
    n_rows = len(next(iter(samples.values()))) // n_columns
    width, head = 2.9, 0.85  # inches
    height = width * n_rows * (image_shape[0] + 2) / (n_columns * (image_shape[1] + 2)) + head
    figure, axes = plt.subplots(
        1,
        len(samples),
        figsize=((width + 0.15) * len(samples), height),
        gridspec_kw={
            "wspace": 0.15 / width, "left": 0, "right": 1, "bottom": 0, "top": 1 - head / height
        },
        squeeze=False,
    )  # fmt: skip
    for axis, (name, images) in zip(axes[0], samples.items(), strict=True):
        rows = list(images.reshape(-1, n_columns, images.shape[1]))
        axis.imshow(
            _tiled(rows, image_shape), cmap="gray_r", vmin=0, vmax=1, interpolation="nearest"
        )
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_color("#cccccc")
        axis.set_title(name, fontsize=10, color=INK)
    figure.suptitle(title, fontsize=11, color=INK, y=1 - 0.1 / height, va="top")
    save(figure, file)


def draw_bars(values: np.ndarray, labels: tuple[str, str], title: str, file: Path) -> None:
    """Draw values in falling order."""
    figure, axis = plt.subplots(figsize=(6.4, 3))
    axis.bar(np.arange(1, len(values) + 1), np.sort(values)[::-1], color=RED, width=0.75)
    axis.set(xlabel=labels[0], ylabel=labels[1])
    axis.margins(x=0.01)
    _finish(axis, title)
    save(figure, file)


def draw_windows(
    windows: dict[str, np.ndarray],
    reconstructions: dict[str, dict[str, np.ndarray]],
    shape: tuple[int, int],
    title: str,
    file: Path,
) -> None:
    """Draw a window of a series for each name, a channel below the other, and reconstructions."""
    n_steps, n_channels = shape
    figure, axes = plt.subplots(
        n_channels, len(windows), figsize=(2.3 * len(windows), 0.95 * n_channels + 0.8),
        sharex=True, sharey=True, gridspec_kw={"wspace": 0.08, "hspace": 0.12}, squeeze=False,
    )  # fmt: skip
    styles = {"PCA": (GREYS[1], "--", 1.2), OURS: (RED, "-", 1.8)}
    for j, (name, window) in enumerate(windows.items()):
        for i, axis in enumerate(axes[:, j]):
            axis.plot(window.reshape(shape)[:, i], ".", color=INK, markersize=3.5, label="window")
            for method, rows in reconstructions.items():
                color, style, width = styles[method]
                axis.plot(
                    rows[name].reshape(shape)[:, i], style, color=color, linewidth=width,
                    label=method,
                )  # fmt: skip
            axis.set(xticks=[], yticks=[], xlim=(-1, n_steps))
            axis.spines[:].set_color("#cccccc")
        axes[0, j].set_title(name, fontsize=10, color=INK)
    for i, axis in enumerate(axes[:, 0], start=1):
        axis.set_ylabel(f"channel {i}", fontsize=9, color=INK)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=11, color=INK, y=1.01)
    save(figure, file)


def _tiled(rows: list[np.ndarray], image_shape: tuple[int, int]) -> np.ndarray:
    framed = [np.pad(images.reshape(-1, *image_shape), ((0, 0), (1, 1), (1, 1))) for images in rows]
    return np.concatenate([np.concatenate(list(images), axis=1) for images in framed])


def _finish(axis: plt.Axes, title: str) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color="#eeeeee")
    axis.set_axisbelow(True)
    axis.set_title(title, fontsize=11, color=INK, loc="left")

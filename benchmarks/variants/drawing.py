"""Pictures that only this benchmark has."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from benchmarks.pictures import GREYS, INK, OURS, RED, finish, save


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
    finish(axis, title)
    save(figure, file)


def draw_bars(values: np.ndarray, labels: tuple[str, str], title: str, file: Path) -> None:
    """Draw values in falling order."""
    figure, axis = plt.subplots(figsize=(6.4, 3))
    axis.bar(np.arange(1, len(values) + 1), np.sort(values)[::-1], color=RED, width=0.75)
    axis.set(xlabel=labels[0], ylabel=labels[1])
    axis.margins(x=0.01)
    finish(axis, title)
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

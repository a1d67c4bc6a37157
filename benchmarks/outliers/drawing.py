"""The critical-difference picture: mean ranks, and which of them chance may explain."""

from pathlib import Path

import numpy as np

from benchmarks.outliers.contenders import OURS
from benchmarks.outliers.summary import Results, critical_difference
from benchmarks.outliers.tables import SETTINGS
from benchmarks.pictures import INK, RED, plt, save


def draw_ranks(results: Results, file: Path) -> None:
    """Draw the mean ranks by AUROC in both settings."""
    n_rows = -(-len(results.contenders) // 2)
    figure, axes = plt.subplots(
        len(SETTINGS), figsize=(8, (1.2 + 0.3 * n_rows) * len(SETTINGS)), layout="constrained"
    )
    for axis, setting in zip(axes, SETTINGS, strict=True):
        _draw(axis, results, setting)
    save(figure, file)


def _draw(axis: "plt.Axes", results: Results, setting: str) -> None:
    ranks = results.ranks(setting).mean(axis=1)
    order = np.argsort(ranks)
    n_contenders, n_tables = len(ranks), len(results.tables)
    difference = critical_difference(n_contenders, n_tables)
    # The better half has its names on the left, one below the other.
    half = -(-n_contenders // 2)
    for place, contender in enumerate(order):
        left = place < half
        level = -0.6 - 0.5 * (place if left else n_contenders - 1 - place)
        end = 0.6 if left else n_contenders + 0.4
        name, rank = results.contenders[contender], ranks[contender]
        colour = RED if name == OURS else INK
        axis.plot([rank, rank, end], [0, level, level], color=colour, linewidth=1)
        text = f"{name}  {rank:.1f} " if left else f" {rank:.1f}  {name}"
        axis.text(
            end, level, text, ha="right" if left else "left", va="center", color=colour, fontsize=9
        )
    # A bar below the scale over each longest group that chance may explain.
    level, reach = -0.15, -np.inf
    for first in range(n_contenders):
        last = int(np.searchsorted(ranks[order], ranks[order[first]] + difference, "right")) - 1
        if last > first and last > reach:
            ends = ranks[order[first]] - 0.05, ranks[order[last]] + 0.05
            axis.plot(ends, [level, level], color=INK, linewidth=3, solid_capstyle="round")
            level, reach = level - 0.12, last
    axis.plot([1, n_contenders], [0, 0], color=INK, linewidth=1)
    for rank in range(1, n_contenders + 1):
        axis.plot([rank, rank], [0, 0.1], color=INK, linewidth=1)
        axis.text(rank, 0.18, str(rank), ha="center", va="bottom", fontsize=8)
    axis.plot([1, 1 + difference], [0.85, 0.85], color=INK, linewidth=2)
    axis.text(1 + difference / 2, 0.92, "critical difference", ha="center", va="bottom", fontsize=8)
    axis.set(xlim=(-2.2, n_contenders + 3.2), ylim=(-1 - 0.5 * half, 1.5))
    axis.set_title(f"{setting}: mean rank by AUROC over {n_tables} tables", loc="left", fontsize=10)
    axis.axis("off")

"""Mean ranks over many tables: tests of their differences, and their picture.

Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import f, rankdata, studentized_range

from benchmarks.pictures import INK, RED, plt


def rank(scores: np.ndarray) -> np.ndarray:
    """Rank contenders, rows of the scores, on each table, a column: 1 for the highest score."""
    return rankdata(-np.asarray(scores), axis=0)


def friedman_p_value(ranks: np.ndarray) -> float:
    """Give the probability of such ranks if all contenders are equal: Iman and Davenport's test."""
    n_contenders, n_tables = ranks.shape
    means = ranks.mean(axis=1)
    spread = np.square(means - (n_contenders + 1) / 2).sum()
    chi2 = 12 * n_tables / (n_contenders * (n_contenders + 1)) * spread
    left = n_tables * (n_contenders - 1) - chi2
    if left <= 0 or n_tables < 2:  # all tables agree, or there is one alone
        return 0.0 if n_tables > 1 else 1.0
    degrees = n_contenders - 1, (n_contenders - 1) * (n_tables - 1)
    return float(f.sf((n_tables - 1) * chi2 / left, *degrees))


def critical_difference(n_contenders: int, n_tables: int) -> float:
    """Give the difference of mean ranks above which it is hardly chance: Nemenyi's test at 5 %."""
    quantile = studentized_range.ppf(0.95, n_contenders, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(n_contenders * (n_contenders + 1) / (6 * n_tables)))


def draw_ranks(
    axis: "plt.Axes", names: Sequence[str], ranks: np.ndarray, title: str, ours: Sequence[str]
) -> None:
    """Draw the critical-difference picture: mean ranks, and which of them chance may explain."""
    n_contenders, n_tables = ranks.shape
    ranks = ranks.mean(axis=1)
    order = np.argsort(ranks)
    difference = critical_difference(n_contenders, n_tables)
    # The better half has its names on the left, one below the other.
    half = -(-n_contenders // 2)
    for place, contender in enumerate(order):
        left = place < half
        level = -0.6 - 0.5 * (place if left else n_contenders - 1 - place)
        end = 0.6 if left else n_contenders + 0.4
        name, mean = names[contender], ranks[contender]
        colour = RED if name in ours else INK
        axis.plot([mean, mean, end], [0, level, level], color=colour, linewidth=1)
        text = f"{name}  {mean:.1f} " if left else f" {mean:.1f}  {name}"
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
    for tick in range(1, n_contenders + 1):
        axis.plot([tick, tick], [0, 0.1], color=INK, linewidth=1)
        axis.text(tick, 0.18, str(tick), ha="center", va="bottom", fontsize=8)
    axis.plot([1, 1 + difference], [0.85, 0.85], color=INK, linewidth=2)
    axis.text(1 + difference / 2, 0.92, "critical difference", ha="center", va="bottom", fontsize=8)
    margin = 0.32 * (n_contenders - 1)
    axis.set(
        xlim=(0.6 - margin, n_contenders + 0.4 + margin),
        ylim=(-1 - 0.5 * half, 1.5),
    )
    axis.set_title(title, loc="left", fontsize=10)
    axis.axis("off")

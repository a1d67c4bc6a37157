"""The picture of the ratios."""

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib import ticker

from benchmarks import pictures
from benchmarks.reconstruction.cases import Case
from benchmarks.reconstruction.contenders import OURS, PCA

_OURS_COLOR = "#d1495b"
_QUIET = "#777777"
_NAMES = {OURS: "sklearn_ae", "plain": "plain autoencoder"}
_MARKS = {
    "plain": ("x", "#8f8f8f"),
    "MLPRegressor": ("+", "#b4b4b4"),
    "KernelPCA": (".", "#b4b4b4"),
}
_SIZE = 20
# Errors farther from PCA's are drawn at the edge: how many times as large they are is no matter.
_LARGEST = 10
_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, _LARGEST)


def draw_ratios(cases: list[Case], file: Path) -> None:
    """Draw the error of each contender in each case, that of PCA being 1.

    Parameters
    ----------
    cases : list of Case
        What was measured; cases that PCA reconstructs exactly have no ratios.
    file : Path
        Where the picture goes.
    """
    compared = [case for case in cases if not case.is_exact]
    compared.sort(key=lambda case: case.ratio(OURS).mean)
    smallest = min((case.best(list(case.mse)) for case in compared), default=0.1)
    figure, axis = plt.subplots(figsize=(8.4, 4.6))
    # Space for half a mark below the lowest one, which is rarely below a thousandth.
    axis.set(yscale="log", ylim=(max(0.8 * smallest, _TICKS[0]), _LARGEST))
    for name in dict.fromkeys(name for case in compared for name in case.others):
        marker, color = _MARKS.get(name, (".", "#b4b4b4"))
        _scatter(axis, compared, name, marker=marker, color=color, linewidths=0.8, zorder=2)
    _scatter(axis, compared, OURS, color=_OURS_COLOR, linewidths=0, zorder=3)
    _furnish(axis, len(compared))
    pictures.save(figure, file)


def _scatter(axis: "plt.Axes", cases: list[Case], name: str, **style: object) -> None:
    points = [(i, case.ratio(name).mean) for i, case in enumerate(cases) if name in case.mse]
    places, ratios = np.reshape(points, (-1, 2)).T
    ratios = np.clip(ratios, *axis.get_ylim())
    axis.scatter(places, ratios, s=_SIZE, label=_NAMES.get(name, name), clip_on=False, **style)


def _furnish(axis: "plt.Axes", n_cases: int) -> None:
    axis.set(xlim=(-0.8, n_cases - 0.2), xticks=[])
    axis.axhline(1, color=pictures.INK, linewidth=0.8, zorder=1)
    axis.annotate(
        PCA,
        (1, 1),
        xycoords=("axes fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
        color=pictures.INK,
    )
    axis.yaxis.set_major_locator(ticker.FixedLocator(_TICKS))
    axis.yaxis.set_major_formatter(
        lambda ratio, _: f"{ratio:g}+" if ratio == _LARGEST else f"{ratio:g}"
    )
    axis.yaxis.set_minor_locator(ticker.NullLocator())
    axis.tick_params(length=0, labelsize=9, labelcolor=_QUIET)
    axis.grid(axis="y", color="#eeeeee")
    axis.set_axisbelow(True)
    axis.spines[:].set_visible(False)
    label = f"{n_cases} cases, each a table at a code size, in the order of sklearn_ae's ratio"
    axis.set_xlabel(label, fontsize=9, color=_QUIET, loc="left", labelpad=8)
    axis.set_title(
        "Error of held-out rows at equal code size, that of PCA being 1",
        fontsize=11,
        color=pictures.INK,
        loc="left",
        pad=30,
    )
    handles, labels = axis.get_legend_handles_labels()
    axis.legend(
        handles[::-1],
        labels[::-1],
        loc="lower left",
        bbox_to_anchor=(-0.015, 1.01),
        ncols=len(handles),
        frameon=False,
        fontsize=9,
        labelcolor=pictures.INK,
        handletextpad=0.1,
        columnspacing=1.2,
        borderaxespad=0.2,
    )

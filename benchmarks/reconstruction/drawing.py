"""The picture of the ratios."""

from pathlib import Path

import numpy as np
from matplotlib import ticker

from benchmarks.pictures import INK, RED, finish, plt, save
from benchmarks.reconstruction.cases import Case
from benchmarks.reconstruction.contenders import OURS, PCA

_NAMES = {OURS: "sklearn_ae", "plain": "plain autoencoder"}
_GREY = "#a4a4a4"
_MARKS = {"plain": "x", "MLPRegressor": "+", "KernelPCA": "."}
# Errors farther from PCA's are drawn at the edge: how many times as large they are is no matter.
_LARGEST = 10
_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, _LARGEST)


def draw_ratios(cases: list[Case], file: Path) -> None:
    """Draw the error of each contender in each case, that of PCA being 1."""
    compared = [case for case in cases if not case.is_exact]
    compared.sort(key=lambda case: case.ratio(OURS).mean)
    smallest = min((case.best(list(case.mse)) for case in compared), default=0.1)
    figure, axis = plt.subplots(figsize=(8.4, 4.6))
    limits = max(0.8 * smallest, _TICKS[0]), _LARGEST
    names = dict.fromkeys(name for case in compared for name in case.others)
    for name in [*names, OURS]:
        points = [(i, case.ratio(name).mean) for i, case in enumerate(compared) if name in case.mse]
        places, ratios = np.reshape(points, (-1, 2)).T
        axis.scatter(
            places,
            np.clip(ratios, *limits),
            s=20,
            marker="o" if name == OURS else _MARKS.get(name, "."),
            color=RED if name == OURS else _GREY,
            linewidths=0.8,
            label=_NAMES.get(name, name),
            clip_on=False,
            zorder=2,
        )
    finish(axis, "Error of held-out rows at equal code size, that of PCA being 1")
    axis.set(yscale="log", ylim=limits, xlim=(-0.8, len(compared) - 0.2), xticks=[])
    axis.axhline(1, color=INK, linewidth=0.8, zorder=1)
    axis.text(len(compared) - 0.2, 1, f" {PCA}", va="center", fontsize=9, color=INK)
    axis.yaxis.set_major_locator(ticker.FixedLocator(_TICKS))
    axis.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axis.yaxis.set_minor_locator(ticker.NullLocator())
    label = (
        f"{len(compared)} cases, each a table at a code size, in the order of sklearn_ae's ratio"
    )
    axis.set_xlabel(label, fontsize=9, loc="left")
    axis.legend(frameon=False, fontsize=9, labelcolor=INK)
    save(figure, file)

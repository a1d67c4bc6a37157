"""The picture of the times."""

from pathlib import Path
from typing import Any

from matplotlib import patheffects
from matplotlib import pyplot as plt

from benchmarks import pictures
from benchmarks.speed.epochs import OURS, REFERENCE, seconds_an_epoch
from benchmarks.speed.rounds import ratio

_COLORS = {OURS: "#d1495b", REFERENCE: "#555555"}
_VARIANT_COLOR = "#e8a3ac"  # of ours: with linear path, in bfloat16
_OTHERS_COLOR = "#c4c4c4"
_NAME = "sklearn_ae"
_BAR_INCHES = 0.25


def draw_epochs(cases: dict[str, Any], machine: str, file: Path) -> None:
    """Draw the time of an epoch of each contender, relative to the hand-written loop.

    Parameters
    ----------
    cases : dict of str to dict
        The contenders of each case, as measured, by the title of the case.
    machine : str
        What they were measured on.
    file : Path
        Where the picture goes.
    """
    counts = [len(contenders) for contenders in cases.values()]
    figure, axes = plt.subplots(
        len(cases),
        figsize=(7.2, _BAR_INCHES * (sum(counts) + 2.1 * len(counts)) + 0.7),
        gridspec_kw={"height_ratios": counts},
        squeeze=False,
        sharex=True,
        layout="constrained",
    )
    for axis, (case, contenders) in zip(axes[:, 0], cases.items(), strict=True):
        _draw_case(axis, case, {name: seconds_an_epoch(it) for name, it in contenders.items()})
    axes[0, 0].set_xlim(0, 1.1 * axes[0, 0].get_xlim()[1])  # figures stand at the ends of the bars
    label = f"time of an epoch, that of the hand-written loop being 1\n{machine}"
    axes[-1, 0].set_xlabel(label, fontsize=8.5, color="#777777", loc="left")
    figure.suptitle(
        "Training the same network: time beside a hand-written PyTorch loop",
        fontsize=11,
        color=pictures.INK,
    )
    figure.get_layout_engine().set(h_pad=0.07)
    pictures.save(figure, file)


def _draw_case(axis: "plt.Axes", title: str, times: dict[str, list[float]]) -> None:
    ratios = {name: ratio(each, times[REFERENCE]).median for name, each in times.items()}
    names = sorted(ratios, key=lambda name: ratios[name])
    axis.axvline(1, color=_COLORS[REFERENCE], linewidth=0.8, linestyle=":", zorder=0)
    for i, name in enumerate(names):
        color = _VARIANT_COLOR if name.startswith(OURS) else _OTHERS_COLOR
        axis.barh(i, ratios[name], height=0.72, color=_COLORS.get(name, color))
        axis.annotate(
            f"{ratios[name]:.2f}",
            (ratios[name], i),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=pictures.INK,
            fontweight="bold" if name == OURS else "normal",
            # The dotted line does not run through the figures.
            path_effects=[patheffects.withStroke(linewidth=3, foreground="white")],
        )
    labels = [name.replace(OURS, _NAME) for name in names]
    axis.set_yticks(range(len(names)), labels, fontsize=9, color=pictures.INK)
    axis.get_yticklabels()[names.index(OURS)].set_fontweight("bold")
    axis.set_ylim(len(names) - 0.5, -0.5)  # the fastest on top
    axis.tick_params(length=0)
    axis.tick_params(axis="x", labelsize=8.5, labelcolor="#777777")
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    axis.spines["left"].set_color("#cccccc")
    axis.set_title(title, fontsize=9.5, color=pictures.INK, loc="left", pad=5)

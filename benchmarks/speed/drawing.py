"""The picture of the times."""

from pathlib import Path
from typing import Any

from benchmarks.pictures import INK, RED, plt, save
from benchmarks.speed.epochs import OURS, REFERENCE, seconds_an_epoch
from benchmarks.speed.rounds import ratio

_COLORS = {OURS: RED, REFERENCE: "#555555"}
_VARIANT_COLOR = "#e8a3ac"  # of ours: with linear path, in bfloat16
_OTHERS_COLOR = "#c4c4c4"


def draw_epochs(cases: dict[str, Any], machine: str, file: Path) -> None:
    """Draw the time of an epoch of each contender, relative to the hand-written loop."""
    counts = [len(contenders) for contenders in cases.values()]
    figure, axes = plt.subplots(
        len(cases),
        figsize=(7.2, 0.25 * (sum(counts) + 2.1 * len(counts)) + 0.7),
        gridspec_kw={"height_ratios": counts},
        squeeze=False,
        sharex=True,
        layout="constrained",
    )
    for axis, (title, contenders) in zip(axes[:, 0], cases.items(), strict=True):
        times = {name: seconds_an_epoch(found) for name, found in contenders.items()}
        ratios = {name: ratio(each, times[REFERENCE]).median for name, each in times.items()}
        names = sorted(ratios, key=lambda name: ratios[name])
        for i, name in enumerate(names):
            color = _VARIANT_COLOR if name.startswith(OURS) else _OTHERS_COLOR
            bars = axis.barh(i, ratios[name], height=0.72, color=_COLORS.get(name, color))
            axis.bar_label(bars, fmt="%.2f", padding=4, fontsize=8.5, color=INK)
        labels = [name.replace(OURS, "sklearn_ae") for name in names]
        axis.set_yticks(range(len(names)), labels, fontsize=9, color=INK)
        axis.set_ylim(len(names) - 0.5, -0.5)  # the fastest on top
        axis.tick_params(length=0)
        axis.spines[["top", "right", "bottom"]].set_visible(False)
        axis.set_title(title, fontsize=9.5, color=INK, loc="left")
    axes[0, 0].set_xlim(0, 1.1 * axes[0, 0].get_xlim()[1])  # figures stand at the ends of the bars
    label = f"time of an epoch, that of the hand-written loop being 1\n{machine}"
    axes[-1, 0].set_xlabel(label, fontsize=8.5, loc="left")
    title = "Training the same network: time beside a hand-written PyTorch loop"
    figure.suptitle(title, fontsize=11, color=INK)
    save(figure, file)

"""The maps of a data set, side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.maps.contenders import CONTENDERS, DEFAULT, NEIGHBORS
from benchmarks.maps.measuring import Measured
from benchmarks.maps.problems import Problem
from benchmarks.pictures import INK, plt, save
from sklearn_ae.plotting import LatentMapDisplay

_TITLES = {DEFAULT: "Autoencoder, default", NEIGHBORS: 'Autoencoder, latent="neighbors"'}
_MAX_COLUMNS = 4
# The bulk of the points, not the farthest ones, sets the scale.
_BULK = 0.002


def draw(problem: Problem, measured: Sequence[Measured], file: Path) -> None:
    """Draw the first map of each method, with its figures."""
    n_rows = -(-len(measured) // _MAX_COLUMNS)
    n_columns = -(-len(measured) // n_rows)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(3.2 * n_columns, 3.55 * n_rows + 0.3), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axis in axes.flat[len(measured) :]:
        axis.set_axis_off()
    displays = [
        _draw_map(problem, method, axis) for method, axis in zip(measured, axes.flat, strict=False)
    ]
    # One legend is enough; what numbers stand for is seen.
    legend = displays[0].legend_
    if legend is not None:
        names = [text.get_text() for text in legend.get_texts()]
        figure.legend(
            legend.legend_handles, names, loc="outside lower center", ncols=max(10, 3 * n_columns),
            frameon=False, handletextpad=0.1, columnspacing=1.2,
        )  # fmt: skip
    for display in displays:
        for element in (display.legend_, display.colorbar_):
            if element is not None:
                element.remove()
    save(figure, file)
    # Thousands of points make a large file: a palette halves it.
    with Image.open(file) as image:
        image.convert("RGB").quantize(256).save(file, optimize=True)


def _draw_map(problem: Problem, measured: Measured, axis: "plt.Axes") -> LatentMapDisplay:
    name = measured.method
    is_new = CONTENDERS[name].maps_new_rows
    colors = problem.color_test if is_new else problem.color_train[: len(measured.places)]
    display = LatentMapDisplay(codes=measured.places, y=colors, component_names=("", ""))
    size = float(np.clip(4000 / len(colors), 0.8, 8))
    display.plot(ax=axis, s=size, alpha=0.8)
    low, high = np.quantile(measured.places, [_BULK, 1 - _BULK], axis=0)
    (x, y), reach = (low + high) / 2, 0.56 * (high - low).max() * np.array([-1, 1])
    axis.set(xlim=x + reach, ylim=y + reach)
    axis.set_aspect("equal", adjustable="box")
    weight = "bold" if name in _TITLES else "normal"
    title = _TITLES.get(name, name if is_new else f"{name}, training rows")
    axis.set_title(title, fontsize=10, color=INK, fontweight=weight, pad=18)
    figures = f"1-NN {measured.mean('nearest_neighbor'):.1%}, {_seconds(measured)}"
    axis.text(0.5, 1.02, figures, ha="center", transform=axis.transAxes, fontsize=9, color=INK)
    return display


def _seconds(measured: Measured) -> str:
    seconds = measured.mean("fit_seconds")
    assert seconds is not None
    if seconds < 0.1:
        return "< 0.1 s"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"

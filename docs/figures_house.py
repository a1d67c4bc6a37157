"""Draw the picture of house.md, the rooms of the package: ``python docs/figures_house.py``."""

import sys
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.patches import FancyBboxPatch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from figures_style import BLUE, FOLDER, INK  # noqa: E402

from tests.test_layout import ROOMS  # noqa: E402

# What a floor does, from the top to the bottom.
FLOORS = {
    "__init__": "the two estimators, load, to_onnx",
    "model_selection": "searches, estimators for Dask",
    "_load": "files, ONNX, what searches and Dask run",
    "_transformer": "the estimators: parameters, thin methods",
    "_base": "what both estimators share",
    "_persistence": "a fitted estimator as JSON and tensors",
    "_inspection": "questions to a fitted network",
    "_fitting": "plan, build, fit, record",
    "training": "how modules are trained",
    "architectures": "parameters that build modules; scores; displays",
    "_data": "rows and batches, units, random state",
    "nn": "pure PyTorch modules",
    "_compat": "what differs between versions",
}
HEIGHT, WIDTH, GAP = 0.62, 11.6, 0.12


def draw():
    """Draw one box for each room, and a line of text for each floor."""
    figure, axis = plt.subplots(figsize=(11.5, 5.6), layout="constrained")
    for level, rooms in enumerate(ROOMS):
        width = (WIDTH - GAP * (len(rooms) - 1)) / len(rooms)
        for number, room in enumerate(rooms):
            x = number * (width + GAP)
            box = FancyBboxPatch(
                (x, level), width, HEIGHT, boxstyle="round,pad=0.02", fc="#e8eef4", ec=BLUE, lw=1.2
            )
            axis.add_patch(box)
            middle = x + width / 2, level + HEIGHT / 2
            axis.annotate(
                room, middle, ha="center", va="center", fontsize=8.5, color=INK, family="monospace"
            )
        (text,) = (text for name, text in FLOORS.items() if name in rooms)
        axis.annotate(text, (WIDTH + 0.35, level + HEIGHT / 2), va="center", fontsize=10, color=INK)
    arrow = {"arrowstyle": "-|>", "color": INK, "lw": 1.5}
    axis.annotate("", (-0.45, 0), (-0.45, len(ROOMS) - 1 + HEIGHT), arrowprops=arrow)
    place = -0.65, len(ROOMS) / 2
    axis.annotate("imports go down", place, rotation=90, ha="center", va="center", fontsize=10)
    axis.set(xlim=(-0.9, WIDTH + 5.2), ylim=(-0.2, len(ROOMS)))
    axis.set_axis_off()
    figure.savefig(FOLDER / "house.png", dpi=160)


if __name__ == "__main__":
    plt.switch_backend("Agg")
    draw()

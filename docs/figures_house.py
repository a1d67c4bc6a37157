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
    "_load": "files, ONNX, the work of searches and Dask",
    "_transformer": "the estimators: parameters, thin methods",
    "_base": "what both estimators share",
    "_persistence": "a fitted estimator as JSON and tensors",
    "_inspection": "questions to a fitted network",
    "_fitting": "plan, build, fit, record",
    "training": "how modules are trained",
    "architectures": "parts that build modules, scores, displays",
    "_data": "rows and batches, units, random state",
    "nn": "modules of PyTorch; base of parameters",
    "_compat": "what differs between versions",
}
HEIGHT, WIDTH, GAP = 0.66, 6.2, 0.1
# Boxes beside one another, at most: their names have to be readable.
MOST = 4


def draw_box(axis, room, x, y, width):
    """Draw a room with its name."""
    look = {"boxstyle": "round,pad=0.02", "fc": "#e8eef4", "ec": BLUE, "lw": 1.1}
    axis.add_patch(FancyBboxPatch((x, y), width, HEIGHT, **look))
    middle = x + width / 2, y + HEIGHT / 2
    axis.annotate(
        room, middle, ha="center", va="center", fontsize=7.6, color=INK, family="monospace"
    )


def draw():
    """Draw a box for each room, and a text beside each floor."""
    figure, axis = plt.subplots(figsize=(7, 5.8), layout="constrained")
    y = 0
    for rooms in ROOMS:
        lines = [rooms[start : start + MOST] for start in range(0, len(rooms), MOST)]
        for number, line in enumerate(reversed(lines)):
            width = (WIDTH - GAP * (len(line) - 1)) / len(line)
            for place, room in enumerate(line):
                draw_box(axis, room, place * (width + GAP), y + 0.85 * number, width)
        top = y + 0.85 * (len(lines) - 1) + HEIGHT
        (text,) = (text for name, text in FLOORS.items() if name in rooms)
        axis.annotate(text, (WIDTH + 0.25, (y + top) / 2), va="center", fontsize=8.6, color=INK)
        y = top + 0.34
    arrow = {"arrowstyle": "-|>", "color": INK, "lw": 1.5}
    axis.annotate("", (-0.35, 0), (-0.35, top), arrowprops=arrow)
    place = -0.6, top / 2
    axis.annotate("imports go down", place, rotation=90, ha="center", va="center", fontsize=9)
    axis.set(xlim=(-0.8, WIDTH + 4.6), ylim=(-0.1, top + 0.1))
    axis.set_axis_off()
    figure.savefig(FOLDER / "house.png", dpi=200)


if __name__ == "__main__":
    plt.switch_backend("Agg")
    draw()

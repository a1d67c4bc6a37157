"""What the pictures of the docs share: data, colours, axes."""

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer

FOLDER = Path(__file__).parent / "images"

INK = "#222222"
RED = "#d1495b"
BLUE = "#3d6f9e"
GREEN = "#4f8a5b"
GREYS = ["#333333", "#777777", "#aaaaaa"]
PALE = "#eeeeee"


# --- 1. the objective -------------------------------------------------------------------------


def digits():
    """Give images of digits in [0, 1], to train and to test, and their labels."""
    X, y = load_digits(return_X_y=True)
    return train_test_split((X / 16).astype(np.float32), y, test_size=0.3, random_state=0)


def plain_fit(X, **options):
    """Fit for a fixed number of epochs, at a constant rate and to all rows unless told else."""
    parameters = {
        "n_components": 8,
        "learning_rate_schedule": "constant",
        "early_stopping": False,
        "n_iter_no_change": None,
        "max_iter": 60,
        "random_state": 0,
    }
    return AutoencoderTransformer(**(parameters | options)).fit(X)


def show(axis, image, shape=(8, 8)):
    """Show one image without a frame."""
    axis.imshow(image.reshape(shape), cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def title(axis, text, size=10.5):
    """Write a title above the left end of an axis."""
    axis.set_title(text, fontsize=size, color=INK, loc="left")


def plain_axis(axis, ticks=None):
    """Leave away what does not tell anything."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color=PALE)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=8.5)
    axis.xaxis.label.set_size(9.5)
    axis.yaxis.label.set_size(9.5)
    if ticks is not None:
        axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.yaxis.set_minor_locator(plt.NullLocator())


def name_ends(axis, x, ends, height=15):
    """Name curves at their right ends, pushed apart where they meet."""
    axis.figure.canvas.draw()
    points = [axis.transData.transform((x, y))[1] for y, _, _ in ends]
    order = np.argsort(points)
    last = -np.inf
    for i in order:
        last = max(points[i], last + height)
        axis.annotate(
            ends[i][1],
            axis.transData.inverted().transform((axis.transData.transform((x, 1))[0], last)),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=ends[i][2],
            annotation_clip=False,
        )


def save(figure, name, dpi=120):
    """Write a picture."""
    FOLDER.mkdir(exist_ok=True)
    figure.savefig(
        FOLDER / f"how-{name}.png",
        dpi=dpi,
        bbox_inches="tight",
        facecolor="white",
        pad_inches=0.1,
        pil_kwargs={"optimize": True},
    )
    plt.close(figure)

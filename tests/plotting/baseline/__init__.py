"""Pictures of the displays: what they should look like.

Look at what `python -m tests.plotting.baseline` draws before you commit it.
"""

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
# The version that drew the pictures: update it with them.
MATPLOTLIB = "3.11"
_DPI = 50


def _draw_all():
    """Give functions that draw fixed data, by name."""
    from sklearn_ae import plotting

    rng = np.random.default_rng(0)
    t = np.linspace(0, 1, 30)
    waves = np.sin(6 * t + np.arange(12)[:, None])
    y, x = np.mgrid[:8, :8]
    images = np.exp(-((y - rng.uniform(1, 6, (12, 1, 1))) ** 2 + (x - 3.5) ** 2) / 4)
    images = images.reshape(12, 64)
    scores = np.concatenate([-(np.arange(1, 200) ** 0.5) / 5, [-9.0, -8.0, -200.0]])
    p_values = (scores[:, None] >= scores).mean(axis=1)
    epochs = np.arange(40)
    return {
        "latent_map": lambda: plotting.LatentMapDisplay.from_predictions(
            rng.normal(size=(150, 2)) + 4 * np.eye(3, 2).repeat(50, axis=0), np.arange(3).repeat(50)
        ),
        "loss_curve": lambda: plotting.LossCurveDisplay(
            loss_curve=0.1 + 0.4 * 0.9**epochs,
            validation_curve=0.2 + 0.3 * 0.9**epochs + epochs / 500,
            initial_loss=0.5,
            kept_epoch=28,
            name="losses",
        ).plot(),
        "outlier_explanation": lambda: plotting.OutlierExplanationDisplay(
            feature=["a", "b", "c"],
            observed=[5.0, 1.0, 2.5],
            expected=[3.0, 1.5, 2.0],
            deviation=[3.0, -1.0, 0.5],
            share=[2.0, 0.8, -0.3],
            title="Row 7",
        ).plot(),
        "outlier_score": lambda: plotting.OutlierScoreDisplay.from_predictions(
            scores, offset=-2.5, p_values=p_values, name="scores"
        ),
        "reconstruction_images": lambda: plotting.ReconstructionDisplay.from_predictions(
            images,
            {"half": images / 2, "blurred": (images + np.roll(images, 8, axis=1)) / 2},
            image_shape=(8, 8),
        ),
        "reconstruction_lines": lambda: plotting.ReconstructionDisplay.from_predictions(
            waves, {"flat": waves / 2, "shifted": waves + 0.1}, n_rows=4
        ),
        "sample_images": lambda: plotting.SampleDisplay.from_predictions(
            images, image_shape=(8, 8), name="samples"
        ),
        "sample_lines": lambda: plotting.SampleDisplay.from_predictions(waves, name="waves"),
        "scree": lambda: plotting.ScreeDisplay.from_predictions(
            {"bent": [0.4, 0.3, 0.1], "straight": [0.35, 0.2, 0.15, 0.05]}
        ),
    }


def draw(name, style="default"):
    """Draw a picture as an array of shape (height, width, 3), with entries in [0, 1]."""
    import matplotlib.pyplot as plt
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with plt.style.context(["default", style]):
        figure = _draw_all()[name]().figure_
        figure.set_dpi(_DPI)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        picture = np.asarray(canvas.buffer_rgba())[..., :3] / 255
        plt.close(figure)
    return picture


def read(name):
    """Read the picture that it should be."""
    import matplotlib.pyplot as plt

    return plt.imread(FOLDER / f"{name}.png")[..., :3]


def distance(one, other):
    """Give the difference of two pictures, as a share of what the second has on white.

    Parts of 4 x 4 pixels are compared: other fonts move letters and axes by a pixel.
    """
    height, width = (min(a, b) // 4 for a, b in zip(one.shape[:2], other.shape[:2], strict=True))
    one, other = (
        each[: 4 * height, : 4 * width].reshape(height, 4, width, 4, 3).mean(axis=(1, 3))
        for each in (one, other)
    )
    return float(np.abs(one - other).sum() / (1 - other).sum())


NAMES = tuple(_draw_all())

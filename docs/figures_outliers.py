"""The picture of outliers.md: two views of a ring, and what makes a row odd."""

import numpy as np
from figures_style import FOLDER, INK, RED, title
from matplotlib import pyplot as plt
from sklearn.datasets import load_wine

from sklearn_ae import AutoencoderOutlierDetector
from sklearn_ae.plotting import OutlierExplanationDisplay


def outlier_scores():
    """Draw both views of a ring with outliers, the score that they give, and an explanation."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 600)
    ring = np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(scale=0.06, size=(600, 2))
    outliers = np.array([1.9, 1.9]) + rng.normal(scale=0.08, size=(12, 2))
    X = np.vstack([ring, outliers])
    detector = AutoencoderOutlierDetector(random_state=0).fit(X)
    side = np.linspace(-2.4, 2.4, 240)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    energies = detector.net_.compute(detector.net_.module_.energies, grid)
    logarithms = np.log(energies).mean(axis=2)
    scores = detector.decision_function(grid)
    figure, axes = plt.subplots(2, 2, figsize=(9.5, 8.6), layout="constrained")
    views = {
        "The Gaussian": logarithms[:, 0],
        "The denoising autoencoder": logarithms[:, 1],
        "Both: the score, and the threshold": -scores,
    }
    found = detector.predict(X) == -1
    for axis, (name, values) in zip(axes.flat, views.items(), strict=False):
        values = values.reshape(240, 240)
        levels = np.quantile(values, np.linspace(0, 1, 24))
        axis.contourf(side, side, values, levels=np.unique(levels), cmap="Blues", alpha=0.85)
        axis.scatter(*X[~found].T, s=3, color=INK, alpha=0.6, linewidths=0)
        axis.scatter(*X[found].T, s=12, color=RED, linewidths=0)
        axis.set(xticks=[], yticks=[], aspect="equal")
        title(axis, name)
    axes[1, 0].contour(side, side, scores.reshape(240, 240), levels=[0], colors=RED, linewidths=1.2)
    wine = load_wine(as_frame=True).data
    detector = AutoencoderOutlierDetector(random_state=0).fit(wine)
    row = wine.iloc[[detector.score_samples(wine).argmin()]]
    OutlierExplanationDisplay.from_estimator(detector, row, ax=axes[1, 1])
    figure.savefig(FOLDER / "outliers-score.png", dpi=110)
    plt.close(figure)

"""The picture of outlier_detection.md: scores around a ring, and what makes a row odd."""

import numpy as np
from figures_style import BLUE, FOLDER, INK, RED, title
from matplotlib import pyplot as plt
from sklearn.datasets import load_wine

from sklearn_ae import AutoencoderOutlierDetector
from sklearn_ae.plotting import OutlierExplanationDisplay


def outlier_scores():
    """Draw scores around a ring, where new rows are told by them, and an explanation."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 600)
    ring = np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(scale=0.06, size=(600, 2))
    detector = AutoencoderOutlierDetector(n_components=1, learning_rate=0.01, random_state=0)
    detector.fit(ring)
    X = rng.uniform(-1.6, 1.6, size=(80, 2))
    side = np.linspace(-1.7, 1.7, 200)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    scores = detector.decision_function(grid).reshape(200, 200)
    figure, axes = plt.subplots(
        1, 2, figsize=(10.5, 4.4), gridspec_kw={"width_ratios": [1, 1.25]}, layout="constrained"
    )
    axis = axes[0]
    axis.contourf(side, side, scores, levels=20, cmap="Blues", alpha=0.8)
    axis.contour(side, side, scores, levels=[0], colors=INK, linewidths=1.2)
    found = detector.predict(X) == -1
    axis.scatter(*ring.T, s=3, color=INK, alpha=0.5, linewidths=0)
    for rows, colour in ((~found, BLUE), (found, RED)):
        axis.scatter(*X[rows].T, s=16, color=colour, linewidths=0)
    axis.set(xticks=[], yticks=[], aspect="equal")
    title(axis, "Fitted on the ring; new rows: outliers in red")
    wine = load_wine(as_frame=True).data
    detector = AutoencoderOutlierDetector(random_state=0).fit(wine)
    row = wine.iloc[[detector.score_samples(wine).argmin()]]
    OutlierExplanationDisplay.from_estimator(detector, row, ax=axes[1])
    figure.savefig(FOLDER / "outliers-score.png", dpi=110)
    plt.close(figure)

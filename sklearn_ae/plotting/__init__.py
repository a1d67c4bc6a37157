"""Displays of fitted estimators, in the style of scikit-learn. They need matplotlib."""

from sklearn_ae.plotting.latent_map import LatentMapDisplay
from sklearn_ae.plotting.outlier_explanation import OutlierExplanationDisplay

__all__ = ["LatentMapDisplay", "OutlierExplanationDisplay"]

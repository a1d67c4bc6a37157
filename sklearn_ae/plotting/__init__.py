"""Displays of fitted estimators, in the style of scikit-learn. They need matplotlib."""

from sklearn_ae.plotting.latent_map import LatentMapDisplay
from sklearn_ae.plotting.loss_curve import LossCurveDisplay
from sklearn_ae.plotting.outlier_explanation import OutlierExplanationDisplay
from sklearn_ae.plotting.outlier_score import OutlierScoreDisplay
from sklearn_ae.plotting.reconstruction import ReconstructionDisplay
from sklearn_ae.plotting.sample import SampleDisplay
from sklearn_ae.plotting.scree import ScreeDisplay

__all__ = [
    "LatentMapDisplay",
    "LossCurveDisplay",
    "OutlierExplanationDisplay",
    "OutlierScoreDisplay",
    "ReconstructionDisplay",
    "SampleDisplay",
    "ScreeDisplay",
]

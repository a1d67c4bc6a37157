"""Autoencoders that drop into scikit-learn next to PCA."""

from sklearn_ae._outlier_detector import AutoencoderOutlierDetector
from sklearn_ae._transformer import AutoencoderTransformer

__all__ = ["AutoencoderOutlierDetector", "AutoencoderTransformer"]
__version__ = "0.1.0"

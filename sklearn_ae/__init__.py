"""Autoencoders that drop into scikit-learn next to PCA."""

# Before PyTorch, whose many objects Python's collector would go through while it is imported.
import sklearn as _sklearn  # noqa: F401

from sklearn_ae._load import load
from sklearn_ae._onnx.export import register_onnx_converters, to_onnx
from sklearn_ae._outlier_detector import AutoencoderOutlierDetector
from sklearn_ae._transformer import AutoencoderTransformer

__all__ = [
    "AutoencoderOutlierDetector",
    "AutoencoderTransformer",
    "load",
    "register_onnx_converters",
    "to_onnx",
]
__version__ = "0.1.0"

"""The network itself: pure PyTorch modules that know neither scikit-learn nor skorch."""

from sklearn_ae.nn.autoencoder import Autoencoder, Output
from sklearn_ae.nn.dropout import Dropout
from sklearn_ae.nn.linear import Linear
from sklearn_ae.nn.linear_path import LinearPath, zero_last_layer
from sklearn_ae.nn.stack import ACTIVATIONS, Stack

__all__ = [
    "ACTIVATIONS",
    "Autoencoder",
    "Dropout",
    "Linear",
    "LinearPath",
    "Output",
    "Stack",
    "zero_last_layer",
]

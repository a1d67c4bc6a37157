"""The network itself: pure PyTorch modules that know neither scikit-learn nor skorch."""

from sklearn_ae.nn.autoencoder import Autoencoder, Output
from sklearn_ae.nn.chain import Chain
from sklearn_ae.nn.code_basis import CodeBasis
from sklearn_ae.nn.convolutional import ConvolutionalDecoder, ConvolutionalEncoder
from sklearn_ae.nn.gelu import GELU
from sklearn_ae.nn.latent import Latent, Objective, weighted_mean
from sklearn_ae.nn.likelihood import LIKELIHOODS
from sklearn_ae.nn.linear import Linear
from sklearn_ae.nn.linear_path import LinearPath, starts_at_zero, zero_last_layer
from sklearn_ae.nn.members import are_stackable, own_memory, share_memory, stack_members
from sklearn_ae.nn.nearest_code import nearest_code
from sklearn_ae.nn.random import (
    Context,
    ContextModule,
    Corruption,
    Dropout,
    GaussianNoise,
    MaskingNoise,
    SaltAndPepperNoise,
)
from sklearn_ae.nn.recurrent import CELLS, RecurrentDecoder, RecurrentEncoder
from sklearn_ae.nn.stack import ACTIVATIONS, Stack, TiedLinear, TiedStack

__all__ = [
    "ACTIVATIONS",
    "CELLS",
    "GELU",
    "LIKELIHOODS",
    "Autoencoder",
    "Chain",
    "CodeBasis",
    "Context",
    "ContextModule",
    "ConvolutionalDecoder",
    "ConvolutionalEncoder",
    "Corruption",
    "Dropout",
    "GaussianNoise",
    "Latent",
    "Linear",
    "LinearPath",
    "MaskingNoise",
    "Objective",
    "Output",
    "RecurrentDecoder",
    "RecurrentEncoder",
    "SaltAndPepperNoise",
    "Stack",
    "TiedLinear",
    "TiedStack",
    "are_stackable",
    "nearest_code",
    "own_memory",
    "share_memory",
    "stack_members",
    "starts_at_zero",
    "weighted_mean",
    "zero_last_layer",
]

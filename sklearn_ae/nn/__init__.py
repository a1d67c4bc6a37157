"""The network itself: pure PyTorch modules that know neither scikit-learn nor skorch."""

from sklearn_ae.nn.autoencoder import Autoencoder
from sklearn_ae.nn.backprop import Backprop, is_plain, standard_bounds
from sklearn_ae.nn.code_basis import CodeBasis
from sklearn_ae.nn.convolutional import ConvolutionalDecoder, ConvolutionalEncoder
from sklearn_ae.nn.denoising import (
    NO_SHARE,
    Denoisers,
    DenoisingAutoencoder,
    Gaussians,
    MemberStack,
    Prototypes,
    row_keys,
)
from sklearn_ae.nn.gelu import GELU
from sklearn_ae.nn.latent import IdentityLatent, Latent, Objective, Output, weighted_mean
from sklearn_ae.nn.likelihood import LIKELIHOODS
from sklearn_ae.nn.linear import Linear, TiedLinear
from sklearn_ae.nn.linear_path import LinearPath, starts_at_zero, zero_last_layer
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
from sklearn_ae.nn.refinement import encode_refined, refine_codes, refine_output
from sklearn_ae.nn.stack import ACTIVATIONS, Stack, TiedStack

__all__ = [
    "ACTIVATIONS",
    "CELLS",
    "GELU",
    "LIKELIHOODS",
    "NO_SHARE",
    "Autoencoder",
    "Backprop",
    "CodeBasis",
    "Context",
    "ContextModule",
    "ConvolutionalDecoder",
    "ConvolutionalEncoder",
    "Corruption",
    "Denoisers",
    "DenoisingAutoencoder",
    "Dropout",
    "GaussianNoise",
    "Gaussians",
    "IdentityLatent",
    "Latent",
    "Linear",
    "LinearPath",
    "MaskingNoise",
    "MemberStack",
    "Objective",
    "Output",
    "Prototypes",
    "RecurrentDecoder",
    "RecurrentEncoder",
    "SaltAndPepperNoise",
    "Stack",
    "TiedLinear",
    "TiedStack",
    "encode_refined",
    "is_plain",
    "refine_codes",
    "refine_output",
    "row_keys",
    "standard_bounds",
    "starts_at_zero",
    "weighted_mean",
    "zero_last_layer",
]

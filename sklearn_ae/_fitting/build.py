"""From an estimator's parameters and its data to a net that is ready to train."""

from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import nn

from sklearn_ae._data.bounds import column_bounds
from sklearn_ae._data.principal_components import StandardizedMatrix, principal_components
from sklearn_ae._data.random import make_generators
from sklearn_ae.architectures import MLP, build_modules, call_build
from sklearn_ae.corruption import CORRUPTIONS
from sklearn_ae.latents import LATENTS
from sklearn_ae.losses import OUTPUT_ACTIVATIONS, Criterion
from sklearn_ae.nn import (
    Autoencoder,
    CodeBasis,
    Latent,
    LinearPath,
    starts_at_zero,
    zero_last_layer,
)
from sklearn_ae.training import AutoencoderNet, Rows, check_device, compute_dtype

AUTO_SHARE = 0.95  # of the variance, for n_components="auto"
# For hidden_layer_sizes="auto": widths, and from which size of the data on.
_HIDDEN_LAYER_SIZES = (
    ((512, 256), 10_000, 100),
    ((256, 128), 2000, 50),
    ((256, 128), 5000, 1),
    ((128, 64), 500, 1),
)
# Of fewer rows, of which cross-validation trains many networks, wider ones are no better.
_SMALLEST_SIZES = (96, 48)
# For weight_decay="auto": times the columns for each row, and at the most. What many rows of few
# columns say is to be followed closely; what few rows say of many columns can be learnt by heart.
_DECAY, _LARGEST_DECAY = 30, 0.4


def build_net(
    parameters: Any,
    rows: Rows,
    *,
    shift: np.ndarray,
    scale: np.ndarray,
    n_components: int | float,
    max_found_components: int,
    seed: int,
    tries_linear_path: bool = True,
) -> AutoencoderNet:
    """Build network and net for some training rows.

    Parameters
    ----------
    parameters : BaseAutoencoder
        The estimator, of which only the parameters are read.
    rows : Rows
        The training rows.
    shift : ndarray of shape (n_features,)
        What is subtracted from the input.
    scale : ndarray of shape () or (n_features,)
        What the difference is divided by.
    n_components : int or float
        Code size, or the share of the variance that it is to explain.
    max_found_components : int
        Upper limit of the code size where it is asked for as a share of the variance.
    seed : int
        Source of all randomness.
    tries_linear_path : bool, default=True
        False: the plain network, whatever the parameters say.

    Returns
    -------
    net : AutoencoderNet

    Raises
    ------
    ValueError
        If parameters contradict each other or the machine.
    """
    device = check_device(parameters.device)
    generator, random_state = make_generators(seed)
    criterion = Criterion(parameters.loss)
    n_features = rows.X.shape[1]

    architecture = parameters.architecture
    if architecture is None:
        sizes = parameters.hidden_layer_sizes
        if isinstance(sizes, str):
            sizes = auto_hidden_layer_sizes(*rows.X.shape)
        architecture = MLP(sizes, parameters.activation, parameters.dropout)
    latent = parameters.latent
    if isinstance(latent, str):
        latent = LATENTS[latent]()
    if getattr(latent, "has_likelihood", False) and criterion.likelihood is None:
        raise ValueError(
            f"loss={parameters.loss!r} has no meaning with {latent!r}: it is not the logarithm of "
            "a likelihood. Use 'squared_error', 'absolute_error' or 'binary_cross_entropy'."
        )
    output_activation = _output_activation(parameters, criterion)
    with_path = tries_linear_path and _with_linear_path(
        parameters, architecture, latent, output_activation
    )
    size = n_components
    components = np.empty((0, n_features))
    if with_path or isinstance(size, float):
        matrix = StandardizedMatrix(rows.X, shift, scale, rows.sample_weight)
        components = principal_components(matrix, size, random_state)
        if isinstance(size, float):
            components = components[:max_found_components]
    n_components = size if isinstance(size, int) else max(1, len(components))

    latent = Latent() if latent is None else call_build(latent, n_components, generator=generator)
    encoder, decoder = build_modules(
        architecture,
        n_features,
        n_components,
        generator,
        n_hidden=latent.hidden_per_component * n_components,
    )
    path = None
    if with_path and starts_at_zero(encoder, n_features) and starts_at_zero(decoder, n_components):
        path = LinearPath(torch.tensor(components.copy()), n_components, generator=generator)
        zero_last_layer(encoder)
        zero_last_layer(decoder)
    elif with_path and parameters.linear_path == "pca":
        raise ValueError(
            f"linear_path='pca' has no meaning with {architecture!r}, whose modules do not end in "
            "a layer with weights and biases: with these at zero, they do not give zero. Use "
            "linear_path='auto' or None."
        )

    corruption = parameters.corruption
    if isinstance(corruption, str):
        corruption = CORRUPTIONS[corruption]()
    if corruption is not None:
        corruption = corruption.build(rows.X, scale)

    bounds = None
    if output_activation is None and parameters.output_activation != "identity":
        bounds = column_bounds(rows)

    dtype = compute_dtype(parameters.precision, rows.X.dtype)
    data_dtype = compute_dtype(None, rows.X.dtype)
    module = Autoencoder(
        encoder.to(dtype),
        decoder.to(dtype),
        shift=torch.from_numpy(shift).to(data_dtype),
        scale=torch.as_tensor(scale).to(data_dtype),
        dtype=dtype,
        linear_path=None if path is None else path.to(dtype),
        latent=latent.to(dtype),
        corruption=None if corruption is None else corruption.to(data_dtype),
        # What another latent asks of the code holds in the coordinates of the code alone.
        basis=CodeBasis(n_components, dtype) if type(latent) is Latent else None,
        output_activation=output_activation,
        bounds=None if bounds is None else torch.from_numpy(bounds).to(data_dtype),
        likelihood=criterion.likelihood,
    )
    net = AutoencoderNet(
        module.eval(),
        criterion,
        optimizer=parameters.optimizer,
        weight_decay=_weight_decay(parameters, len(rows), n_features),
        l1_penalty=parameters.l1_penalty,
        max_grad_norm=parameters.max_grad_norm,
        dtype=dtype,
        data_dtype=data_dtype,
        autocast="auto" if parameters.precision == "auto" else parameters.precision == "bfloat16",
        device=device,
        generator=generator,
    )
    net.initialize()
    if isinstance(net.optimizer_, torch.optim.LBFGS):
        reason = "has no meaning with L-BFGS, whose search along a line needs"
        if parameters.max_grad_norm is not None:
            raise ValueError(
                f"max_grad_norm={parameters.max_grad_norm:g} {reason} gradients as they are."
            )
        if module.latent.is_game:
            raise ValueError(f"{parameters.latent!r} {reason} a function; a game is none.")
    net.n_components = n_components
    # Of wide data they take long to find: kept for who needs the same.
    net.principal_axes = components if size == AUTO_SHARE else None
    net.n_epochs_beyond = 0  # of cross-validation, which were not worth it
    return net


def auto_hidden_layer_sizes(n_samples: int, n_features: int) -> tuple[int, int]:
    """Give the widths of hidden layers that so many rows can train, and so many columns need.

    Parameters
    ----------
    n_samples, n_features : int
        Size of the training data.

    Returns
    -------
    hidden_layer_sizes : tuple of int
    """
    for sizes, enough_samples, enough_features in _HIDDEN_LAYER_SIZES:
        if n_samples >= enough_samples and n_features >= enough_features:
            return sizes
    return _SMALLEST_SIZES


def int_or_share(n_components: Any) -> int | float:
    """Give the code size or share of the variance that a parameter asks for.

    Parameters
    ----------
    n_components : int, float or "auto"
        The parameter.

    Returns
    -------
    n_components : int or float
        Python's own int where it is a number.
    """
    if n_components == "auto":
        return AUTO_SHARE
    return int(n_components) if isinstance(n_components, Integral) else float(n_components)


def _weight_decay(parameters: Any, n_samples: int, n_features: int) -> float:
    if parameters.weight_decay != "auto":
        return float(parameters.weight_decay)
    # For others it is an L2 penalty, which has to be chosen for the data.
    if parameters.optimizer != "adamw":
        return 0.0
    return min(_DECAY * n_features / n_samples, _LARGEST_DECAY)


def _output_activation(parameters: Any, criterion: Criterion) -> nn.Module | None:
    name = parameters.output_activation
    if criterion.units == "logits":
        if name not in ("auto", "logistic"):
            raise ValueError(
                f"output_activation={name!r} has no meaning with loss={parameters.loss!r}, whose "
                "reconstruction is a logistic function. Use 'auto' or 'logistic'."
            )
        name = "logistic"
    return OUTPUT_ACTIVATIONS[name]() if name in OUTPUT_ACTIVATIONS else None


def _with_linear_path(
    parameters: Any, architecture: Any, latent: Any, output_activation: nn.Module | None
) -> bool:
    if parameters.linear_path is None:
        return False
    if output_activation is not None:
        reason = (
            f"with loss={parameters.loss!r} and output_activation={parameters.output_activation!r}:"
            " under the activation, the path can not start at the principal components"
        )
    elif not getattr(architecture, "has_linear_path", True):
        reason = f"with {architecture!r}, whose last layers can not start at zero"
    elif not getattr(latent, "has_linear_path", True):
        reason = f"with {latent!r}, whose code can not be that of PCA"
    else:
        return True
    if parameters.linear_path == "pca":
        raise ValueError(
            f"linear_path='pca' has no meaning {reason}. Use linear_path='auto' or None."
        )
    return False

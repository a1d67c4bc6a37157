"""From an estimator's parameters and its data to a net that is ready to train."""

from collections.abc import Callable
from functools import partial
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from sklearn_ae._data.random import make_generators
from sklearn_ae._data.statistics import Statistics
from sklearn_ae._data.units import one_scale, scale_per_column
from sklearn_ae._fitting.denoising import build_denoising
from sklearn_ae._fitting.plan import FitPlan, corruption_of
from sklearn_ae.architectures import MLP, build_modules, call_build, check_hidden_layer_sizes
from sklearn_ae.corruption import CORRUPTIONS
from sklearn_ae.latents import LATENTS
from sklearn_ae.losses import OUTPUT_ACTIVATIONS, Criterion
from sklearn_ae.nn import (
    Autoencoder,
    CodeBasis,
    Corruption,
    IdentityLatent,
    Latent,
    LinearPath,
    MemberStack,
    starts_at_zero,
    zero_last_layer,
)
from sklearn_ae.training import AutoencoderNet, check_device, compute_dtype

AUTO_SHARE = 0.95  # of the variance, for n_components="auto"


def build_net(parameters: Any, plan: FitPlan, statistics: Statistics, seed: int) -> AutoencoderNet:
    """Build a network that starts at the principal components, if it can, and its net.

    Parameters
    ----------
    parameters : BaseAutoencoder
        The estimator, of which only the parameters are read.
    plan : FitPlan
        The plan of the fit.
    statistics : Statistics
        Units, bounds and principal components of the rows.
    seed : int
        Source of all randomness.

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
    make = _make_denoising if plan.denoises else _make_autoencoder
    module, n_components = make(parameters, plan, statistics, generator, random_state)
    net = make_net(parameters, module, n_components, plan.weight_decay, device, generator)
    if isinstance(net.optimizer_, torch.optim.LBFGS):
        reason = "is not supported with L-BFGS, whose line search needs"
        if parameters.max_grad_norm is not None:
            raise ValueError(
                f"max_grad_norm={parameters.max_grad_norm:g} {reason} the whole gradient."
            )
        if module.latent.is_game:
            raise ValueError(f"{parameters.latent!r} {reason} a function; a game has none.")
    net.built_with = parameters._built_with()
    net.split_seed = seed
    return net


def make_net(
    parameters: Any,
    module: Autoencoder,
    n_components: int,
    weight_decay: float,
    device: torch.device,
    generator: torch.Generator,
) -> AutoencoderNet:
    """Make the net of a module."""
    net = AutoencoderNet(
        module.eval(),
        Criterion(parameters.loss),
        optimizer=parameters.optimizer,
        weight_decay=weight_decay,
        max_grad_norm=parameters.max_grad_norm,
        dtype=module.dtype,
        data_dtype=module.shift.dtype,
        autocast=parameters.precision == "bfloat16",
        device=device,
        generator=generator,
    )
    net.initialize()
    net.n_components = n_components
    return net


def _make_autoencoder(
    parameters: Any,
    plan: FitPlan,
    statistics: Statistics,
    generator: torch.Generator,
    random_state: np.random.RandomState,
) -> tuple[Autoencoder, int]:
    """Make an autoencoder that starts at the principal components, if it can."""
    criterion = Criterion(parameters.loss)
    n_features = statistics.n_features
    shift, std = statistics.mean_and_std
    scale = scale_per_column(std) if plan.is_detector else one_scale(std)
    size = int_or_share(parameters.n_components)
    components = None
    if isinstance(size, float):
        components = statistics.principal_components(scale, size, random_state)
        components = components[: plan.max_components]
        n_components = max(1, len(components))
    else:
        n_components = size
    parts = make_parts(parameters, plan, criterion, n_features, n_components, generator)
    path = None
    if _with_linear_path(parameters, parts):
        encoder, decoder = parts.encoder, parts.decoder
        if starts_at_zero(encoder, n_features) and starts_at_zero(decoder, n_components):
            if components is None:
                components = statistics.principal_components(scale, n_components, random_state)
            path = LinearPath(torch.tensor(components.copy()), n_components, generator=generator)
            zero_last_layer(encoder)
            zero_last_layer(decoder)
        elif parameters.linear_path == "pca":
            raise ValueError(
                f"linear_path='pca' is not supported with {parts.architecture!r}: its modules do "
                "not end in a layer with weights and biases, so they can not start at zero. Use "
                "linear_path='auto' or None."
            )
    bounds = None
    if parts.output_activation is None and parameters.output_activation != "identity":
        bounds = statistics.bounds
    corruption, given = None, corruption_of(parameters)
    if given is not None:
        corruption = build_corruption(given, statistics.example, scale)
    data_dtype = compute_dtype(None, statistics.dtype)
    module = assemble(
        parts,
        criterion,
        n_components,
        path=path,
        corruption=corruption,
        shift=torch.tensor(shift, dtype=data_dtype),
        scale=torch.tensor(scale, dtype=data_dtype),
        bounds=None if bounds is None else torch.tensor(bounds, dtype=data_dtype),
        axes=None,
        dtype=compute_dtype(parameters.precision, statistics.dtype),
    )
    return module, n_components


class Parts(NamedTuple):
    """The modules of an autoencoder that do not depend on the data but for their sizes."""

    architecture: Any
    encoder: nn.Module
    decoder: nn.Module
    latent: Latent
    output_activation: nn.Module | None


def make_parts(
    parameters: Any,
    plan: FitPlan,
    criterion: Criterion,
    n_features: int,
    n_components: int,
    generator: torch.Generator,
    *,
    check_width: bool = True,
) -> Parts:
    """Make modules from parameters and sizes, see `build_modules`."""
    latent = _build_latent(parameters, criterion, n_components, generator)
    architecture = parameters.architecture
    if architecture is None:
        sizes = plan.hidden_layer_sizes or ()
        architecture = MLP(sizes, parameters.activation, parameters.dropout)
    encoder, decoder = build_modules(
        architecture,
        n_features,
        n_components,
        generator,
        n_hidden=latent.hidden_per_component * n_components,
        check_width=check_width,
    )
    return Parts(architecture, encoder, decoder, latent, _output_activation(parameters, criterion))


def build_corruption(corruption: Any, X: Any, scale: np.ndarray) -> Corruption | None:
    """Build the module of a corruption for rows that are divided by a scale."""
    if isinstance(corruption, str):
        corruption = CORRUPTIONS[corruption]()
    return None if corruption is None else corruption.build(X, scale)


def assemble(
    parts: Parts,
    criterion: Criterion,
    n_components: int,
    *,
    path: LinearPath | None,
    corruption: Corruption | None,
    shift: torch.Tensor,
    scale: torch.Tensor,
    bounds: torch.Tensor | None,
    axes: torch.Tensor | None,
    dtype: torch.dtype,
) -> Autoencoder:
    """Put the modules of an autoencoder together."""
    return Autoencoder(
        parts.encoder.to(dtype),
        parts.decoder.to(dtype),
        shift=shift,
        scale=scale,
        dtype=dtype,
        linear_path=None if path is None else path.to(dtype),
        latent=parts.latent.to(dtype),
        corruption=None if corruption is None else corruption.to(shift.dtype),
        # Another latent gives the entries of the code a meaning.
        basis=CodeBasis(n_components, dtype) if parts.latent.is_identity else None,
        output_activation=parts.output_activation,
        bounds=bounds,
        likelihood=criterion.likelihood,
        axes=axes,
    )


def _make_denoising(
    parameters: Any,
    plan: FitPlan,
    statistics: Statistics,
    generator: torch.Generator,
    random_state: np.random.RandomState,
) -> tuple[Autoencoder, int]:
    """Make denoising autoencoders."""
    shift, std = statistics.mean_and_std
    scale = scale_per_column(std)
    n_components = int_or_share(parameters.n_components)
    if isinstance(n_components, float):
        components = statistics.principal_components(scale, n_components, random_state)
        n_components = max(1, min(len(components), plan.max_components))
    make_stack = member_stacks(parameters, generator)
    data_dtype = compute_dtype(None, statistics.dtype)
    module = build_denoising(
        statistics.rows,
        torch.tensor(shift, dtype=data_dtype),
        torch.tensor(scale, dtype=data_dtype),
        make_stack,
        check_hidden_layer_sizes(plan.hidden_layer_sizes),
        n_components,
        is_clean=plan.is_clean,
        random_state=random_state,
        dtype=compute_dtype(parameters.precision, statistics.dtype),
    )
    return module, n_components


def member_stacks(parameters: Any, generator: torch.Generator) -> Callable[..., MemberStack]:
    """Give a function that makes the layers of members: ``(sizes, n_members) -> MemberStack``."""
    return partial(
        MemberStack,
        activation=parameters.activation,
        dropout=parameters.dropout,
        generator=generator,
    )


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


def _build_latent(
    parameters: Any, criterion: Criterion, n_components: int, generator: torch.Generator
) -> Latent:
    latent = parameters.latent
    if isinstance(latent, str):
        latent = LATENTS[latent]()
    if latent is None:
        return IdentityLatent()
    module = call_build(latent, n_components, generator=generator)
    if module.has_likelihood and criterion.likelihood is None:
        raise ValueError(
            f"loss={parameters.loss!r} is not supported with {latent!r}: it is not the logarithm "
            "of a likelihood. Use 'squared_error', 'absolute_error' or 'binary_cross_entropy'."
        )
    return module


def _output_activation(parameters: Any, criterion: Criterion) -> nn.Module | None:
    name = parameters.output_activation
    if criterion.units == "logits":
        if name not in ("auto", "logistic"):
            raise ValueError(
                f"output_activation={name!r} is not supported with loss={parameters.loss!r}, whose "
                "reconstruction is a logistic function. Use 'auto' or 'logistic'."
            )
        name = "logistic"
    return OUTPUT_ACTIVATIONS[name]() if name in OUTPUT_ACTIVATIONS else None


def _with_linear_path(parameters: Any, parts: Parts) -> bool:
    if parameters.linear_path is None:
        return False
    if parts.output_activation is not None:
        reason = (
            f"with loss={parameters.loss!r} and output_activation={parameters.output_activation!r}:"
            " under the activation, the path can not start at the principal components"
        )
    elif not getattr(parts.architecture, "has_linear_path", True):
        reason = f"with {parts.architecture!r}, whose last layers can not start at zero"
    elif not parts.latent.allows_linear_path:
        reason = f"with {parameters.latent!r}, whose code can not be that of PCA"
    else:
        return True
    if parameters.linear_path == "pca":
        raise ValueError(
            f"linear_path='pca' is not supported {reason}. Use linear_path='auto' or None."
        )
    return False

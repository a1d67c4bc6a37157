"""Rebuild a network from parameters and its tensors."""

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_ae._fitting.build import assemble, build_corruption, make_parts, member_stacks
from sklearn_ae._fitting.plan import FitPlan
from sklearn_ae.architectures import Recurrent, check_hidden_layer_sizes
from sklearn_ae.losses import Criterion
from sklearn_ae.nn import (
    Autoencoder,
    Denoisers,
    DenoisingAutoencoder,
    Gaussians,
    LinearPath,
    Prototypes,
)

Tensors = dict[str, Tensor]


def named_tensors(module: torch.nn.Module) -> Tensors:
    """Give the parameters and buffers of a module by name, each once."""
    return {
        name: tensor.detach()
        for named in (module.named_parameters(), module.named_buffers())
        for name, tensor in named
    }


def rebuild_module(
    parameters: Any,
    plan: FitPlan,
    n_components: int,
    dtype: torch.dtype,
    tensors: Tensors,
    *,
    is_trusted: bool,
) -> Autoencoder:
    """Rebuild a network.

    Parameters
    ----------
    parameters : object
        The parameters that it was built with.
    plan : FitPlan
        The plan that it was built with.
    n_components : int
        Size of the code.
    dtype : torch.dtype
        Type of the weights.
    tensors : dict of str to Tensor
        Its parameters and buffers, as `named_tensors` gives them.
    is_trusted : bool
        Whether sizes are known to be those of the tensors, or parts are the user's own.

    Returns
    -------
    module : Autoencoder

    Raises
    ------
    ValueError
        If the tensors do not fit the parameters.
    """
    architecture = parameters.architecture
    if isinstance(architecture, Recurrent) and architecture.n_layers > len(tensors):
        raise ValueError(f"n_layers={architecture.n_layers}, but there are fewer tensors.")
    make = _make_denoising if plan.denoises else _make_autoencoder
    if not is_trusted:
        # First without memory: sizes that the tensors do not have could be of any size.
        with torch.device("meta"):
            _check_fit(make(parameters, plan, n_components, dtype, tensors), tensors)
    module = make(parameters, plan, n_components, dtype, tensors)
    _check_fit(module, tensors)
    with torch.no_grad():
        for name, tensor in named_tensors(module).items():
            tensor.copy_(tensors[name])
    return module.eval()


def _check_fit(module: Autoencoder, tensors: Tensors) -> None:
    own = named_tensors(module)
    for name in sorted(own.keys() ^ tensors.keys()):
        raise ValueError(f"The tensor {name!r} is {'missing' if name in own else 'not expected'}.")
    for name, tensor in own.items():
        found = tensors[name]
        if (found.shape, found.dtype) != (tensor.shape, tensor.dtype):
            raise ValueError(
                f"The tensor {name!r} has shape {tuple(found.shape)} and type {found.dtype}, but "
                f"shape {tuple(tensor.shape)} and type {tensor.dtype} are expected."
            )


def _make_autoencoder(
    parameters: Any, plan: FitPlan, n_components: int, dtype: torch.dtype, tensors: Tensors
) -> Autoencoder:
    shift, scale, axes = tensors["shift"], tensors["scale"], tensors.get("axes")
    n_features = len(shift if axes is None else axes)
    criterion, generator = Criterion(parameters.loss), torch.Generator(device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parameters, which `fit` has given
        parts = make_parts(parameters, plan, criterion, n_features, n_components, generator)
    path = None
    if "linear_path.encoder_weight" in tensors:
        path = LinearPath(torch.empty(0, n_features), n_components, generator=generator)
    nothing = np.zeros((1, len(shift)))
    return assemble(
        parts,
        criterion,
        n_components,
        path=path,
        corruption=build_corruption(parameters.corruption, nothing, scale.numpy()),
        shift=shift.clone(),
        scale=scale.clone(),
        bounds=_clone(tensors.get("bounds")),
        axes=_clone(axes),
        dtype=dtype,
    )


def _make_denoising(
    parameters: Any, plan: FitPlan, n_components: int, dtype: torch.dtype, tensors: Tensors
) -> Autoencoder:
    n_members, n_features = tensors["gaussians.mean"].shape
    # Layers are made member by member: as many as there really are.
    if tensors["encoder.weights.0"].shape[:2] != (n_members, n_features) or n_features == 0:
        raise ValueError("The numbers of members or columns differ from tensor to tensor.")
    hidden = check_hidden_layer_sizes(plan.hidden_layer_sizes)
    make_stack = member_stacks(parameters, torch.Generator(device="cpu"))

    def those_of(prefix: str, *names: str) -> list[Tensor]:
        return [tensors[f"{prefix}.{name}"].clone() for name in names]

    prototypes = ("centers", "log_spread", "log_share", "log_normal")
    denoisers = Denoisers(
        Prototypes(*those_of("denoisers.prototypes", *prototypes)),
        make_stack((n_features, *hidden, n_components), n_members),
        make_stack((n_components, *hidden[::-1], n_features), n_members),
        *those_of("denoisers", "box"),
    )
    return DenoisingAutoencoder(
        denoisers.to(dtype),
        Gaussians(*those_of("gaussians", "mean", "axes", "gain", "rest")).to(dtype),
        **{name: tensors[name].clone() for name in ("direction", "cuts", "shift", "scale")},
        dtype=dtype,
    )


def _clone(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.clone()

"""Rebuild a network from parameters and its tensors, which may be those of a hostile file."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_ae._fitting.build import assemble, build_corruption, make_parts, member_stacks
from sklearn_ae._fitting.plan import FitPlan, corruption_of
from sklearn_ae.architectures import Convolutional, check_hidden_layer_sizes, most_square
from sklearn_ae.losses import Criterion
from sklearn_ae.nn import (
    Autoencoder,
    Denoisers,
    DenoisingAutoencoder,
    Gaussians,
    LinearPath,
    Prototypes,
)
from sklearn_ae.parameters import ParameterObject

Tensors = dict[str, Tensor]


def named_tensors(module: torch.nn.Module) -> Tensors:
    """Give the parameters and buffers of a module by name, each once."""
    return {
        name: tensor.detach()
        for named in (module.named_parameters(), module.named_buffers())
        for name, tensor in named
    }


def rebuild_module(
    parameters: dict[str, Any],
    plan: FitPlan,
    n_components: int,
    dtype: torch.dtype,
    tensors: Tensors,
) -> Autoencoder:
    """Rebuild a network.

    Parameters
    ----------
    parameters : dict of str to object
        The parameters that it was built with.
    plan : FitPlan
        The plan that it was built with.
    n_components : int
        Size of the code.
    dtype : torch.dtype
        Type of the weights.
    tensors : dict of str to Tensor
        Its parameters and buffers, as `named_tensors` gives them.

    Returns
    -------
    module : Autoencoder

    Raises
    ------
    ValueError
        If the tensors do not fit the parameters.
    """
    n_features = _count_columns(tensors)
    _check_depth(parameters["architecture"], plan, tensors)
    architecture = _with_shape(parameters["architecture"], n_features)
    given = SimpleNamespace(**{**parameters, "architecture": architecture})
    make = _make_denoising if plan.denoises else _make_autoencoder
    if all(map(_is_known, (architecture, given.latent, given.corruption))):
        # First without memory: sizes that the tensors do not have could be of any size.
        with torch.device("meta"):
            _check_fit(make(given, plan, n_components, dtype, tensors), tensors)
    module = make(given, plan, n_components, dtype, tensors)
    _check_fit(module, tensors)
    with torch.no_grad():
        for name, tensor in named_tensors(module).items():
            tensor.copy_(tensors[name])
    return module.eval()


def _count_columns(tensors: Tensors) -> int:
    """Give the number of columns that the network sees, having checked the units."""
    shift, scale, axes = tensors["shift"], tensors["scale"], tensors.get("axes")
    if shift.dim() != 1 or len(shift) == 0 or scale.shape not in ((), shift.shape):
        raise ValueError("The units have no valid shape.")
    if axes is None:
        return len(shift)
    if axes.dim() != 2 or axes.shape[1] != len(shift):
        raise ValueError("The axes have no valid shape.")
    return len(axes)


def _check_depth(architecture: Any, plan: FitPlan, tensors: Tensors) -> None:
    """Check that there are no more layers than tensors: each takes time to make."""
    values = [plan.hidden_layer_sizes]
    if isinstance(architecture, ParameterObject):
        values += vars(architecture).values()
    depths = [len(each) for each in values if isinstance(each, (list, tuple))]
    if max([*depths, getattr(architecture, "n_layers", 0)], default=0) > len(tensors):
        raise ValueError("There are fewer tensors than layers.")


def _with_shape(architecture: Any, n_features: int) -> Any:
    """Give an architecture that need not warn again that it has no shape of the images."""
    if type(architecture) is not Convolutional or architecture.image_shape is not None:
        return architecture
    shape = most_square(n_features)
    return Convolutional(**{**architecture.get_params(), "image_shape": shape})


def _is_known(value: Any) -> bool:
    if isinstance(value, ParameterObject):
        return type(value).__module__.startswith("sklearn_ae.")
    return value is None or isinstance(value, str)


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
    n_features, criterion = _count_columns(tensors), Criterion(parameters.loss)
    generator = torch.Generator(device="cpu")
    parts = make_parts(
        parameters,
        plan,
        criterion,
        n_features,
        n_components,
        generator,
        # Modules of one's own may be made complete by their first call.
        check_width=not _is_known(parameters.architecture),
    )
    path = None
    if "linear_path.encoder_weight" in tensors:
        path = LinearPath(torch.empty(0, n_features), n_components, generator=generator)
    shift, scale = tensors["shift"].clone(), tensors["scale"].clone()
    nothing = np.zeros((1, len(shift)))
    return assemble(
        parts,
        criterion,
        n_components,
        path=path,
        corruption=build_corruption(corruption_of(parameters), nothing, scale.numpy()),
        shift=shift,
        scale=scale,
        bounds=_clone(tensors.get("bounds")),
        axes=_clone(tensors.get("axes")),
        dtype=dtype,
    )


def _make_denoising(
    parameters: Any, plan: FitPlan, n_components: int, dtype: torch.dtype, tensors: Tensors
) -> Autoencoder:
    n_members, n_features = tensors["gaussians.mean"].shape
    # Layers are made member by member: as many as there really are.
    if tensors["encoder.weights.0"].shape[:2] != (n_members, _count_columns(tensors)):
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

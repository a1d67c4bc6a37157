"""A fitted estimator as a tree and tensors, and back."""

import json
import os
import sys
from types import SimpleNamespace
from typing import Any

import torch
from sklearn.base import BaseEstimator

from sklearn_ae import architectures, corruption, latents
from sklearn_ae._data.array_api import as_numpy
from sklearn_ae._fitting.build import make_net
from sklearn_ae._fitting.plan import FitPlan
from sklearn_ae._fitting.rebuild import named_tensors, rebuild_module
from sklearn_ae._fitting.record import Record
from sklearn_ae._inspection.density import CodeDensity
from sklearn_ae._outliers.abnormality import Abnormality
from sklearn_ae._outliers.threshold import Calibration
from sklearn_ae._persistence.check import check_results
from sklearn_ae._persistence.container import ContentError, write
from sklearn_ae._persistence.tree import Tensors, decode, encode
from sklearn_ae.parameters import check_is_instance
from sklearn_ae.training import AutoencoderNet, check_device, load_state

_PARAMETERS = (
    architectures.Convolutional,
    architectures.MLP,
    architectures.Recurrent,
    *corruption.CORRUPTIONS.values(),
    *latents.LATENTS.values(),
)
_RESULTS = (Abnormality, Calibration, CodeDensity, FitPlan, Record)
_KNOWN = {each.__name__: each for each in (*_PARAMETERS, *_RESULTS)}
_VERSIONS = ("sklearn_ae", "sklearn", "torch")
_COMPACT = "_fitted"
_NET = "net_."
_OF_NET = ("n_components", "weight_decay", "joined", "explained", "split_seed", "gradients_")


def save(estimator: BaseEstimator, path: str | os.PathLike[str]) -> None:
    """Save a fitted estimator to a file.

    Parameters
    ----------
    estimator : BaseAutoencoder
        The fitted estimator.
    path : str or os.PathLike
        Path of the file.
    """
    tensors: Tensors = {}
    attributes = vars(estimator)
    fitted = {
        # Public arrays become NumPy's, whatever library they are of.
        name: value if name.startswith("_") else as_numpy(value)
        for name, value in attributes.items()
    }
    tree = {
        "class": type(estimator).__name__,
        "versions": {each: sys.modules[each].__version__ for each in _VERSIONS},
        "parameters": describe_parameters(estimator.get_params(deep=False), tensors, "parameters"),
        "fitted": describe_fitted({**fitted, "_namespace_": "numpy"}, tensors),
        "output": attributes.get("_sklearn_output_config", {}).get("transform"),
        "requests": _requests(estimator),
    }
    write(path, json.dumps(tree, allow_nan=False), tensors)


def _requests(estimator: BaseEstimator) -> dict[str, dict[str, Any]]:
    """Give the metadata that methods ask for, where the user has set it."""
    of_methods = vars(vars(estimator).get("_metadata_request", SimpleNamespace()))
    return {
        name: dict(each.requests)
        for name, each in of_methods.items()
        if getattr(each, "requests", None)
    }


def compact(state: dict[str, Any]) -> dict[str, Any]:
    """Give the state of an estimator with its fitted attributes as text and arrays.

    With parts of the user's own, which may hold anything, the state stays as it is.
    """
    if "net_" not in state:
        return state
    tensors: Tensors = {}
    try:
        tree = describe_fitted(state, tensors)
    except TypeError:
        return state
    if has_own(tree["built_with"]):
        return state
    rest = {name: value for name, value in state.items() if not is_fitted(name)}
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    return {**rest, _COMPACT: {"text": json.dumps(tree), "arrays": arrays}}


def expand(state: dict[str, Any]) -> dict[str, Any]:
    """Give the state that `compact` made another one of."""
    if _COMPACT not in state:
        return state
    rest = {name: value for name, value in state.items() if name != _COMPACT}
    content = state[_COMPACT]
    tensors = {name: torch.from_numpy(array) for name, array in content["arrays"].items()}
    device = device_for(rest["device"])
    return {**rest, **rebuild_fitted(json.loads(content["text"]), tensors, device)}


def describe_fitted(attributes: dict[str, Any], tensors: Tensors) -> dict[str, Any]:
    """Describe what `fit` has made of an estimator.

    Parameters
    ----------
    attributes : dict of str to object
        The attributes of the estimator.
    tensors : dict of str to Tensor
        Takes the arrays.

    Raises
    ------
    TypeError
        If an attribute can not be described.
    """
    net = attributes["net_"]
    return {
        "net": _describe_net(net, tensors),
        "built_with": describe_parameters(net.built_with, tensors, "built_with"),
        "attributes": {
            name: encode(value, name, tensors, _KNOWN)
            for name, value in attributes.items()
            if is_fitted(name) and name != "net_"
        },
    }


def rebuild_fitted(
    tree: dict[str, Any],
    tensors: Tensors,
    device: torch.device,
    own: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Make the fitted attributes of an estimator from their description.

    Parameters
    ----------
    tree : dict
        What `describe_fitted` gives.
    tensors : dict of str to Tensor
        The arrays.
    device : torch.device
        Where the net is to compute.
    own : dict of str to object or None, default=None
        Objects of the user's own, see `rebuild_parameters`.
    """
    built_with = rebuild_parameters(tree["built_with"], tensors, own)
    attributes = {name: decode(node, tensors, _KNOWN) for name, node in tree["attributes"].items()}
    if not all(map(is_fitted, attributes)):
        raise ValueError("An attribute is not one of a fitted estimator.")
    net = _rebuild_net(tree["net"], built_with, attributes["plan_"], tensors, device)
    check_results(net, attributes)
    return {"net_": net, **attributes}


def describe_parameters(parameters: dict[str, Any], tensors: Tensors, name: str) -> dict[str, Any]:
    """Describe parameters. Of the user's own objects, only the parameters are described.

    Parameters
    ----------
    parameters : dict of str to object
        The parameters.
    tensors : dict of str to Tensor
        Takes arrays.
    name : str
        What stands before the names of arrays.
    """
    return {key: _describe(value, f"{name}.{key}", tensors) for key, value in parameters.items()}


def rebuild_parameters(
    tree: dict[str, Any], tensors: Tensors, own: dict[str, Any] | None
) -> dict[str, Any]:
    """Make parameters from their description.

    Parameters
    ----------
    tree : dict
        What `describe_parameters` gives.
    tensors : dict of str to Tensor
        The arrays.
    own : dict of str to object or None
        By the name of the parameter, the user's own object, or its class, which is then called
        with the parameters that it had.

    Raises
    ------
    ValueError
        If an object of the user's own is not given.
    """
    made = {}
    for name, node in tree.items():
        if not _is_own(node):
            made[name] = decode(node, tensors, _KNOWN)
            continue
        kind, nodes = node["own"]
        if own is None or name not in own:
            raise ContentError(
                f"The parameter {name} is {kind}, which is not a part of sklearn_ae. Pass it to "
                f"`load`: custom={{{name!r}: ...}}."
            )
        made[name] = own[name]
        if nodes is not None and isinstance(own[name], type):
            values = {key: decode(each, tensors, _KNOWN) for key, each in nodes.items()}
            made[name] = own[name](**values)
        if name in ("architecture", "latent", "corruption"):
            check_is_instance(name, made[name])
    return made


def has_own(tree: dict[str, Any]) -> bool:
    """Tell whether a description of parameters has an object of the user's own."""
    return any(map(_is_own, tree.values()))


def _describe(value: Any, name: str, tensors: Tensors) -> Any:
    found: Tensors = {}
    try:
        node = encode(value, name, found, _KNOWN)
    except TypeError:
        node = {"own": [_kind(value), None]}
        if hasattr(value, "get_params") and not isinstance(value, type):
            found = {}
            try:
                node["own"][1] = {
                    key: encode(each, f"{name}.{key}", found, _KNOWN)
                    for key, each in value.get_params(deep=False).items()
                }
            except TypeError:  # then the user passes the object itself
                found = {}
    tensors.update(found)
    return node


def _kind(value: Any) -> str:
    if isinstance(value, (list, tuple)) and len(value) > 0:
        return f"a {type(value).__name__} of {_kind(value[0])}"
    named = value if hasattr(value, "__name__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"


def _is_own(node: Any) -> bool:
    return isinstance(node, dict) and "own" in node


def is_fitted(name: str) -> bool:
    """Tell whether fitting sets an attribute of this name."""
    return name.endswith("_") and not name.startswith("__")


def _describe_net(net: AutoencoderNet, tensors: Tensors) -> dict[str, Any]:
    """Describe a net: its module, and what further training needs."""
    for name, tensor in named_tensors(net.module_).items():
        encode(tensor, f"{_NET}module.{name}", tensors, _KNOWN)
    values = {name: getattr(net, name) for name in _OF_NET}
    # Without the losses of batches, which are many.
    values["history"] = [{**epoch, "batches": []} for epoch in net.history]
    values["optimizer"] = net.optimizer_.state_dict()["state"]
    values["generator"] = net.generator.get_state()
    values["is_double"] = net.dtype == torch.float64
    return {name: encode(each, f"{_NET}{name}", tensors, _KNOWN) for name, each in values.items()}


def _rebuild_net(
    tree: dict[str, Any],
    built_with: dict[str, Any],
    plan: FitPlan,
    tensors: Tensors,
    device: torch.device,
) -> AutoencoderNet:
    values = {name: decode(node, tensors, _KNOWN) for name, node in tree.items()}
    parameters = SimpleNamespace(**built_with)
    prefix = f"{_NET}module."
    module = rebuild_module(
        built_with,
        plan,
        values["n_components"],
        torch.float64 if values["is_double"] else torch.float32,
        {name[len(prefix) :]: each for name, each in tensors.items() if name.startswith(prefix)},
    )
    generator = torch.Generator()
    generator.set_state(values["generator"])
    n_components, weight_decay = values["n_components"], values["weight_decay"]
    net = make_net(parameters, module, n_components, weight_decay, device, generator)
    for name in _OF_NET:
        setattr(net, name, values[name])
    net.built_with = built_with
    net.history.extend(values["history"])
    load_state(net.optimizer_, {"state": values["optimizer"]})
    return net


def device_for(name: Any) -> torch.device:
    """Give the device that a parameter asks for where it can be used, else the CPU.

    Parameters
    ----------
    name : str or torch.device
        The parameter `device`.
    """
    try:
        return check_device(name)
    except ValueError:
        return torch.device("cpu")

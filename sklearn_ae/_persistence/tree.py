"""Values as JSON and tensors, and back. Only classes that are named here or given are made."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_ae.parameters import ParameterObject

Tensors = dict[str, Tensor]
Classes = Mapping[str, type]


def encode(value: Any, name: str, tensors: Tensors, classes: Classes) -> Any:
    """Give a value as what JSON holds, and put its arrays into `tensors`, under names.

    Parameters
    ----------
    value : object
        A number, a string, an array, a container of such values, or an object of a known class.
    name : str
        Where the value stands.
    tensors : dict of str to Tensor
        Takes the arrays.
    classes : dict of str to type
        The known classes, by name.

    Returns
    -------
    node : object
        What JSON holds as it is, or a dict with one key, which names the type.

    Raises
    ------
    TypeError
        If the value is of another type.
    """

    def inner(value: Any, key: Any) -> Any:
        return encode(value, f"{name}.{key}", tensors, classes)

    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, (list, range)):
        return [inner(each, i) for i, each in enumerate(value)]
    if type(value) is tuple:
        return {"tuple": [inner(each, i) for i, each in enumerate(value)]}
    if isinstance(value, dict):
        return {"dict": [[inner(key, "key"), inner(each, key)] for key, each in value.items()]}
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return {"scalar": [value.dtype.name, inner(value.item(), "value")]}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        # A copy: arrays may share memory, and need not be in the order of C.
        return {"array": _put(torch.from_numpy(value.copy(order="C")), name, tensors)}
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return {"objects": [inner(each, i) for i, each in enumerate(value.tolist())]}
    if isinstance(value, Tensor):
        copy = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"tensor": _put(copy, name, tensors)}
    if isinstance(value, torch.device):
        return {"device": str(value)}
    if isinstance(value, np.random.RandomState):
        return {"random_state": inner(value.get_state(legacy=False), "state")}
    if classes.get(type(value).__name__) is type(value):
        parameters = value.get_params(deep=False) if isinstance(value, ParameterObject) else None
        attributes = vars(value) if parameters is None else parameters
        nodes = {key: inner(each, key) for key, each in attributes.items()}
        return {"object": [type(value).__name__, nodes]}
    raise TypeError(f"{name}, of type {type(value).__name__}, can not be saved")


def decode(node: Any, tensors: Tensors, classes: Classes) -> Any:
    """Give the value that `encode` made a node of.

    Parameters
    ----------
    node : object
        The node.
    tensors : dict of str to Tensor
        The arrays.
    classes : dict of str to type
        The known classes, by name.

    Raises
    ------
    ValueError
        If `encode` does not make such nodes.
    """

    def inner(node: Any) -> Any:
        return decode(node, tensors, classes)

    if node is None or type(node) in (bool, int, float, str):
        return node
    if isinstance(node, list):
        return [inner(each) for each in node]
    ((kind, content),) = node.items()
    match kind:
        case "float":
            return float(content)
        case "tuple":
            return tuple(map(inner, content))
        case "dict":
            return {inner(key): inner(each) for key, each in content}
        case "scalar":
            return _scalar(content[0], inner(content[1]))
        case "array":
            return tensors[content].numpy()
        case "objects":
            return _objects(map(inner, content))
        case "tensor":
            return tensors[content]
        case "device":
            return torch.device(content)
        case "random_state":
            return _random_state(inner(content))
        case "object":
            name, attributes = content
            return _make(classes[name], {key: inner(each) for key, each in attributes.items()})
    raise ValueError(f"{kind!r} is not a type of values.")


def _put(tensor: Tensor, name: str, tensors: Tensors) -> str:
    """Put a tensor among others, and give the name that it has there."""
    while name in tensors:  # a key with a point in it
        name += "'"
    tensors[name] = tensor
    return name


def _make(known: type, attributes: dict[str, Any]) -> Any:
    if issubclass(known, ParameterObject):
        return known(**attributes)
    made = object.__new__(known)
    made.__dict__.update(attributes)
    return made


def _scalar(name: str, value: Any) -> np.generic:
    dtype = np.dtype(name)
    if dtype.kind not in "biuf":
        raise ValueError(f"{name} is not a type of numbers.")
    return dtype.type(value)


def _objects(values: Any) -> np.ndarray:
    listed = list(values)
    return np.fromiter(listed, dtype=object, count=len(listed))


def _random_state(state: Any) -> np.random.RandomState:
    # NumPy does not look at the position, and would read there.
    if state["bit_generator"] != "MT19937" or not 0 <= state["state"]["pos"] <= 624:
        raise ValueError("A random state is not one of NumPy.")
    random_state = np.random.RandomState()
    random_state.set_state(state)
    return random_state

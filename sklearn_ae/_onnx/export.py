"""Export to ONNX: what a fitted estimator computes, as a graph for other programs.

`make_fx` runs the computation once on tensors without data and records PyTorch's basic operations.
It runs autograd as well, so the gradients of refinement steps are plain operations, too. Each
operation is then written as an operation of ONNX.

``torch.onnx.export`` traces what `make_fx` recorded twice more, which takes ten times as long with
refinement steps. It also writes operations that onnxruntime lacks in float64.
"""

import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from sklearn_ae._base import BaseAutoencoder
from sklearn_ae._fitting.members import n_refinement_steps
from sklearn_ae._onnx.graph import DECOMPOSED, UntranslatedError, Writer
from sklearn_ae._outlier_detector import AutoencoderOutlierDetector
from sklearn_ae._transformer import AutoencoderTransformer
from sklearn_ae.nn import encode_refined

_RowFunction = Callable[[Tensor], Tensor]

# Types of tensors in skl2onnx.
_INPUT_TYPES = {"FloatTensorType": "float32", "DoubleTensorType": "float64"}


def to_onnx(estimator: BaseAutoencoder, part: str = "transform", *, dtype: Any = None) -> Any:
    """Export a method of a fitted estimator to ONNX.

    The graph has one input, ``X``, and one output with the name of the method. The number of rows
    is free. Numbers agree with those of the method to about 1e-6 of the largest one: onnxruntime
    computes convolutions and GELU in float32, also if the estimator computes in float64.

    Parameters
    ----------
    estimator : AutoencoderTransformer or AutoencoderOutlierDetector
        The fitted estimator.
    part : {"transform", "inverse_transform", "reconstruct", "score_samples", \
            "decision_function", "predict"}, default="transform"
        The method. Only the transformer has the first two, only the detector the last two.
    dtype : {"float32", "float64"} or None, default=None
        Type of the input. None: that of the training data, or of the codes. The output has the
        type that the method gives.

    Returns
    -------
    model : onnx.ModelProto
        The graph and its weights. Rows are not checked: NaN, for example, gives NaN.

    Raises
    ------
    ValueError
        If the estimator has no such method, or cannot be exported.
    ImportError
        If the package onnx is missing.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer, to_onnx
    >>> X = load_digits().data
    >>> autoencoder = AutoencoderTransformer(4, n_refinement_steps=0, max_iter=5).fit(X)
    >>> model = to_onnx(autoencoder, "transform", dtype="float32")
    >>> [output.name for output in model.graph.output]
    ['transform']
    """
    functions = _row_functions(estimator)
    if part not in functions:
        raise ValueError(
            f"part must be one of {sorted(functions)} for {type(estimator).__name__}, got {part!r}."
        )
    name = None if dtype is None else np.dtype(dtype).name
    if name not in (None, "float32", "float64"):
        raise ValueError(f"dtype must be 'float32', 'float64' or None, got {dtype!r}.")
    return _export(estimator, {part: functions[part]}, name, takes_codes=part[0] == "i")


def register_onnx_converters() -> None:
    """Tell skl2onnx how to convert the estimators, alone or as steps of a pipeline.

    The transformer gives ``transform``, the detector ``label`` and ``scores``, which are
    ``predict`` and ``decision_function``. As elsewhere in skl2onnx, they have the type of the
    input.

    Raises
    ------
    ImportError
        If the package skl2onnx is missing.

    Examples
    --------
    >>> from sklearn_ae import register_onnx_converters
    >>> register_onnx_converters()
    """
    register = _import("skl2onnx").update_registered_converter
    for estimator in (AutoencoderTransformer, AutoencoderOutlierDetector):
        register(estimator, f"SklearnAe{estimator.__name__}", _set_shapes, _convert)


def _import(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"Export to ONNX needs the package {name}: pip install sklearn-ae[onnx]"
        ) from error


# --- what is exported -----------------------------------------------------------------------


def _row_functions(estimator: Any) -> dict[str, _RowFunction]:
    """Give what each method computes of a batch."""
    if not isinstance(estimator, (AutoencoderTransformer, AutoencoderOutlierDetector)):
        raise ValueError(
            "estimator must be an AutoencoderTransformer or an AutoencoderOutlierDetector, got "
            f"{estimator!r}; skl2onnx exports pipelines after register_onnx_converters()."
        )
    check_is_fitted(estimator)
    module = estimator.net_.module_
    if isinstance(estimator, AutoencoderTransformer):
        n_steps = n_refinement_steps(estimator.net_, estimator.plan_.n_refinement_steps)
        encode = partial(encode_refined, module, n_steps=n_steps, as_graph=True)
        score_rows = estimator._score_rows
        return {
            "transform": encode,
            "inverse_transform": module.decode,
            "reconstruct": lambda x: module.decode(encode(x)),
            "score_samples": lambda x: score_rows(x, encode(x)),
        }
    abnormality, offset = estimator._abnormality_, estimator.offset_

    def score(x: Tensor) -> Tensor:
        return -abnormality.of(abnormality.energies_of(module, x))

    return {
        "reconstruct": module.reconstruct,
        "score_samples": score,
        "decision_function": lambda x: score(x) - offset,
        "predict": lambda x: torch.where(score(x) - offset >= 0, 1, -1),
    }


def _export(
    estimator: Any,
    functions: dict[str, _RowFunction],
    dtype: str | None,
    *,
    takes_codes: bool = False,
) -> Any:
    """Export functions of a batch, the outputs, by name."""
    onnx = _import("onnx")
    net = estimator.net_
    if net.module_.training:
        net._set_training(False)
    own = net.module_.dtype if takes_codes else net.data_dtype
    given = own if dtype is None else getattr(torch, dtype)
    n_columns = estimator.n_components_ if takes_codes else estimator.n_features_in_

    def compute(x: Tensor) -> list[Tensor]:
        x = x.to(net.data_dtype)
        return [function(x) for function in functions.values()]

    # PyTorch takes sizes that are equal for one size, and 1 for a constant.
    x = torch.zeros(3 if n_columns == 2 else 2, n_columns, dtype=given, device=net.device)
    name = type(estimator).__name__
    try:
        traced = _trace(compute, x)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"{name} cannot be exported to ONNX: PyTorch cannot trace its network ({reason})."
        ) from error
    writer = Writer(onnx)
    try:
        writer.write(traced, ["X"], list(functions))
    except UntranslatedError as error:
        raise ValueError(f"{name} cannot be exported to ONNX: {error}.") from error
    output_node = next(iter(reversed(traced.graph.nodes)))
    outputs = [node.meta["val"] for node in output_node.args[0]]
    return writer.model("X", x, dict(zip(functions, outputs, strict=True)))


def _trace(compute: Callable[[Tensor], list[Tensor]], x: Tensor) -> Any:
    # They take a second to import.
    from torch._decomp import core_aten_decompositions, get_decompositions
    from torch.fx.experimental.proxy_tensor import make_fx

    table = {**core_aten_decompositions(), **get_decompositions(DECOMPOSED)}
    trace = make_fx(compute, table, tracing_mode="symbolic", _allow_non_fake_inputs=True)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        # oneDNN computes a recurrent layer at once: an operation that ONNX does not have.
        with torch.backends.mkldnn.flags(enabled=False):
            return trace(x)


# --- in a pipeline of skl2onnx --------------------------------------------------------------


def _set_shapes(operator: Any) -> None:
    """Tell skl2onnx the types and shapes of the outputs of a step."""
    types = import_module("skl2onnx.common.data_types")
    estimator, kind = operator.raw_operator, type(operator.inputs[0].type)
    if kind.__name__ not in _INPUT_TYPES or len(operator.inputs) > 1:
        raise ValueError(
            f"{type(estimator).__name__} expected one input of type FloatTensorType or "
            f"DoubleTensorType, got {[each.type for each in operator.inputs]}."
        )
    if isinstance(estimator, AutoencoderTransformer):
        operator.outputs[0].type = kind([None, estimator.n_components_])
    else:
        operator.outputs[0].type = types.Int64TensorType([None])
        operator.outputs[1].type = kind([None])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of a step to the graph of skl2onnx."""
    estimator = operator.raw_operator
    functions = _row_functions(estimator)
    dtype = _INPUT_TYPES[type(operator.inputs[0].type).__name__]
    scores = functions["transform" if "transform" in functions else "decision_function"]
    outputs = {"scores": lambda x: scores(x).to(getattr(torch, dtype))}
    if "transform" not in functions:
        outputs = {"label": functions["predict"], **outputs}
    model = _export(estimator, outputs, dtype)
    import_module("skl2onnx.helpers").add_onnx_graph(scope, operator, container, model)

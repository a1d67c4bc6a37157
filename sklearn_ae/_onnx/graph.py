"""Write a graph of PyTorch's basic operations in ONNX.

The graph is what ``make_fx`` gives: a list of calls of operations such as ``aten.mm``. There is a
function for each operation, in ``_OPERATIONS``. Operations on constants alone are computed here.
"""

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

_OPSET = 18
_aten = torch.ops.aten
# PyTorch's own decompositions turn them into simpler operations, see `_OPERATIONS`.
DECOMPOSED = (
    _aten._native_batch_norm_legit_no_training,
    _aten.elu,
    _aten.gelu,
    _aten.hardtanh,
    _aten.leaky_relu,
    _aten.log_sigmoid_forward,
    _aten.native_group_norm,
    _aten.native_layer_norm,
    _aten.repeat,
)


class UntranslatedError(ValueError):
    """An operation has no translation."""


class Writer:
    """Writes the nodes of a graph in ONNX.

    A value is the name of a tensor in ONNX, or a tensor if it is constant, or an int. A size that
    depends on the number of rows is the name of a tensor of shape (1,).
    """

    def __init__(self, onnx: Any) -> None:
        self.helper, self.from_array = onnx.helper, onnx.numpy_helper.from_array
        self.nodes: list[Any] = []
        self.initializers: dict[tuple[Any, ...], Any] = {}
        self.values: dict[Node, Any] = {}

    def write(self, traced: GraphModule, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Write a graph of tensors with these names of its inputs and outputs."""
        names = iter(inputs)
        for node in traced.graph.nodes:
            if node.op == "placeholder":
                self.values[node] = next(names)
            elif node.op == "get_attr":
                self.values[node] = getattr(traced, node.target).detach()
            elif node.op == "call_function":
                self.values[node] = self._call(node)
            else:  # the output
                for result, name in zip(node.args[0], outputs, strict=True):
                    self._append("Identity", [self.get(result)], [name])

    def model(self, x_name: str, x: Tensor, outputs: dict[str, Tensor]) -> Any:
        """Give the model of all that was written."""
        make_info, make_opset = self.helper.make_tensor_value_info, self.helper.make_opsetid
        infos = [
            make_info(name, self.element_type(each.dtype), ["n_rows", *each.shape[1:]])
            for name, each in {x_name: x, **outputs}.items()
        ]
        initializers = list(self.initializers.values())
        graph = self.helper.make_graph(self.nodes, "sklearn_ae", infos[:1], infos[1:], initializers)
        return self.helper.make_model_gen_version(
            graph, opset_imports=[make_opset("", _OPSET)], producer_name="sklearn_ae"
        )

    def add(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output, and give the name of that."""
        return self.add_many(1, operation, *inputs, **attributes)[0]

    def add_many(self, n: int, operation: str, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node with `n` outputs."""
        names = [f"v{len(self.nodes)}_{i}" for i in range(n)]
        self._append(operation, inputs, names, **attributes)
        return names

    def get(self, argument: Any, dtype: torch.dtype | None = None) -> str:
        """Give the name of a node, tensor or number, cast to a type."""
        value = self.values[argument] if isinstance(argument, Node) else argument
        if isinstance(value, str):
            if dtype is None or dtype == self.dtype(argument):
                return value
            return self.add("Cast", value, to=self.element_type(dtype))
        return self.constant(torch.as_tensor(value, dtype=dtype))

    def constant(self, value: Tensor) -> str:
        """Give the name of a constant; equal ones are stored once."""
        array = value.detach().cpu().contiguous().numpy()
        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self.initializers:
            self.initializers[key] = self.from_array(array, f"c{len(self.initializers)}")
        return self.initializers[key].name

    def sizes(self, sizes: Sequence[Any]) -> str:
        """Give the name of a vector of sizes or other integers."""
        if any(isinstance(self._integer(size), str) for size in sizes):
            return self.add("Concat", *(self._vector(size) for size in sizes), axis=0)
        return self.constant(torch.tensor([self._integer(size) for size in sizes]).long())

    def dtype(self, argument: Any) -> torch.dtype:
        """Give the type of a node of tensors."""
        value = self.values.get(argument)
        return value.dtype if isinstance(value, Tensor) else argument.meta["val"].dtype

    def shape(self, argument: Node) -> Sequence[int]:
        """Give the shape of a node of tensors, symbols included."""
        value = self.values[argument]
        return value.shape if isinstance(value, Tensor) else argument.meta["val"].shape

    def element_type(self, dtype: torch.dtype) -> int:
        """Give the type as ONNX has it."""
        numpy_dtype = torch.empty(0, dtype=dtype).numpy().dtype
        return self.helper.np_dtype_to_tensor_dtype(numpy_dtype)

    def _append(
        self, operation: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any
    ) -> None:
        name = f"{operation}_{len(self.nodes)}"  # skl2onnx needs one
        node = self.helper.make_node(operation, inputs, outputs, name=name, **attributes)
        self.nodes.append(node)

    def _integer(self, size: Any) -> Any:
        return self.values[size] if isinstance(size, Node) else size

    def _vector(self, size: Any) -> str:
        value = self._integer(size)
        return value if isinstance(value, str) else self.constant(torch.tensor([value]))

    def _call(self, node: Node) -> Any:
        target: Any = node.target
        if target is operator.getitem:
            return self.values[node.args[0]][node.args[1]]  # type: ignore[index]
        if target in _INTEGER_OPERATIONS:
            return self.add(_INTEGER_OPERATIONS[target], *map(self._vector, node.args))
        schema = target._schema
        inputs = [self.values[each] for each in node.all_input_nodes]
        if not schema.is_mutable and all(isinstance(each, Tensor) for each in inputs):
            args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), self.values.get)
            return target(*args, **kwargs)
        name = schema.name.removeprefix("aten::").removesuffix("_" * schema.is_mutable)
        write = _OPERATIONS.get(name)
        if write is None:
            raise UntranslatedError(f"PyTorch's operation {name} has no translation")
        arguments = {
            each.name: node.kwargs.get(each.name, each.default_value) for each in schema.arguments
        }
        arguments.update(zip(arguments, node.args, strict=False))
        result = write(self, node.meta["val"], arguments)
        if schema.is_mutable:
            self._overwrite(node, result)
        return result

    def _overwrite(self, node: Node, result: str) -> None:
        """Let an operation in place change its argument, and other nodes of the same memory."""
        before = self.values[node.args[0]]  # type: ignore[index]
        storage = node.meta["val"].untyped_storage()._cdata
        for other, value in self.values.items():
            tensor = other.meta.get("val")
            if isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata == storage:
                is_used_later = any(user not in self.values for user in other.users if user != node)
                if value is not before and is_used_later:
                    raise UntranslatedError(f"{node.target} changes a part of a tensor in place")
                self.values[other] = result
        self.values[node.args[0]] = result  # type: ignore[index]


_Arguments = dict[str, Any]
_Translation = Callable[[Writer, Any, _Arguments], Any]


def _map(operation: str) -> _Translation:
    """Translate an operation of one tensor."""
    return lambda w, out, a: w.add(operation, w.get(a["self"], out.dtype))


def _arithmetic(operation: str) -> _Translation:
    """Translate an operation of two tensors or numbers, in the type of the result."""

    def translate(w: Writer, out: Tensor, a: _Arguments) -> str:
        other = w.get(a["other"] if "other" in a else a["exponent"], out.dtype)
        if a.get("alpha", 1) != 1:
            other = w.add("Mul", other, w.get(a["alpha"], out.dtype))
        return w.add(operation, w.get(a["self"], out.dtype), other)

    return translate


def _comparison(operation: str) -> _Translation:
    """Translate a comparison, in a type that has both sides."""

    def translate(w: Writer, out: Tensor, a: _Arguments) -> str:
        dtype = w.dtype(a["self"])
        if isinstance(a["other"], Node):
            dtype = torch.promote_types(dtype, w.dtype(a["other"]))
        return w.add(operation, w.get(a["self"], dtype), w.get(a["other"], dtype))

    return translate


def _reduction(operation: str) -> _Translation:
    """Translate a sum, mean or extreme over some dimensions, or all."""

    def translate(w: Writer, out: Tensor, a: _Arguments) -> str:
        dims = a.get("dim")
        axes = (
            [w.sizes([dims] if isinstance(dims, int) else dims)] if dims not in (None, []) else []
        )
        keepdims = int(a.get("keepdim", False))
        return w.add(operation, w.get(a["self"], out.dtype), *axes, keepdims=keepdims)

    return translate


def _moments(w: Writer, out: Sequence[Tensor], a: _Arguments) -> list[str]:
    """Translate variance and mean."""
    x, axes = w.get(a["self"]), w.sizes(a["dim"])
    mean = w.add("ReduceMean", x, axes)
    deviation = w.add("Sub", x, mean)
    square = w.add("Mul", deviation, deviation)
    variance = w.add("ReduceMean", square, axes, keepdims=int(a["keepdim"]))
    n = math.prod(int(w.shape(a["self"])[dim]) for dim in a["dim"])
    correction = 1 if a["correction"] is None else a["correction"]
    variance = w.add("Mul", variance, w.get(n / (n - correction), out[0].dtype))
    return [variance, mean if a["keepdim"] else w.add("Squeeze", mean, axes)]


def _same(w: Writer, out: Tensor, a: _Arguments) -> str:
    return w.get(a["self"], out.dtype)


def _erf(w: Writer, out: Tensor, a: _Arguments) -> str:
    # onnxruntime has it in float32 only.
    value = w.add("Erf", w.get(a["self"], torch.float32))
    return w.add("Cast", value, to=w.element_type(out.dtype))


def _clamp(w: Writer, out: Tensor, a: _Arguments) -> str:
    # Not Clip, which takes numbers only.
    value = w.get(a["self"], out.dtype)
    for operation, bound in (("Max", a.get("min")), ("Min", a.get("max"))):
        if bound is not None:
            value = w.add(operation, value, w.get(bound, out.dtype))
    return value


def _product(w: Writer, out: Tensor, a: _Arguments) -> str:
    return w.add("MatMul", w.get(a["self"]), w.get(a["mat2"]))


def _affine(w: Writer, out: Tensor, a: _Arguments) -> str:
    factors = {"alpha": float(a["alpha"]), "beta": float(a["beta"])}
    return w.add("Gemm", w.get(a["mat1"]), w.get(a["mat2"]), w.get(a["self"]), **factors)


def _where(w: Writer, out: Tensor, a: _Arguments) -> str:
    return w.add(
        "Where", w.get(a["condition"]), w.get(a["self"], out.dtype), w.get(a["other"], out.dtype)
    )


def _permute(w: Writer, out: Tensor, a: _Arguments) -> str:
    dims = [dim % out.dim() for dim in a["dims"]]
    return w.add("Transpose", w.get(a["self"]), perm=dims)


def _reshape(w: Writer, out: Tensor, a: _Arguments) -> str:
    return w.add("Reshape", w.get(a["self"]), w.sizes(a["size"]))


def _as_strided(w: Writer, out: Tensor, a: _Arguments) -> str:
    given = a["self"].meta["val"]
    if not given.is_contiguous() or not out.is_contiguous() or given.numel() != out.numel():
        raise UntranslatedError("PyTorch's operation as_strided has no translation")
    return _reshape(w, out, a)


def _unsqueeze(w: Writer, out: Tensor, a: _Arguments) -> str:
    return w.add("Unsqueeze", w.get(a["self"]), w.sizes([a["dim"]]))


def _squeeze(w: Writer, out: Tensor, a: _Arguments) -> str:
    dims = [a["dim"]] if isinstance(a["dim"], int) else a["dim"]
    shape = w.shape(a["self"])
    return w.add("Squeeze", w.get(a["self"]), w.sizes([dim for dim in dims if shape[dim] == 1]))


def _expand(w: Writer, out: Tensor, a: _Arguments) -> str:
    sizes = [1 if isinstance(size, int) and size == -1 else size for size in a["size"]]
    return w.add("Expand", w.get(a["self"]), w.sizes(sizes))


def _join(w: Writer, out: Tensor, a: _Arguments) -> str:
    tensors = [w.get(each, out.dtype) for each in a["tensors"]]
    return w.add("Concat", *tensors, axis=a.get("dim", 0))


def _split(w: Writer, out: list[Tensor], a: _Arguments) -> list[str]:
    sizes = w.sizes(a["split_sizes"])
    return w.add_many(len(out), "Split", w.get(a["self"]), sizes, axis=a.get("dim", 0))


def _select(w: Writer, out: Tensor, a: _Arguments) -> str:
    index = w.constant(torch.tensor(a["index"]))
    return w.add("Gather", w.get(a["self"]), index, axis=a["dim"])


def _slice(w: Writer, out: Tensor, a: _Arguments) -> str:
    start, end = a.get("start"), a.get("end")
    ends = [0 if start is None else start, torch.iinfo(torch.int64).max if end is None else end]
    edges = [w.sizes([each]) for each in (*ends, a.get("dim", 0), a.get("step", 1))]
    return w.add("Slice", w.get(a["self"]), *edges)


def _size(w: Writer, out: Any, a: _Arguments) -> str:
    shape = w.add("Shape", w.get(a["self"]))
    return w.add("Gather", shape, w.sizes([a["dim"]]))


def _full(w: Writer, out: Tensor, a: _Arguments) -> str:
    value = w.get(a.get("fill_value", 0), out.dtype)
    shape = w.sizes(a["size"]) if "size" in a else w.add("Shape", w.get(a["self"]))
    return w.add("Expand", value, shape)


def _softmax(operation: str) -> _Translation:
    return lambda w, out, a: w.add(operation, w.get(a["self"], out.dtype), axis=a["dim"])


def _largest(w: Writer, out: tuple[Tensor, Tensor], a: _Arguments) -> list[str]:
    return w.add_many(
        2,
        "TopK",
        w.get(a["self"]),
        w.sizes([a["k"]]),
        axis=a["dim"],
        largest=int(a["largest"]),
        sorted=int(a["sorted"]),
    )


def _scatter(w: Writer, out: Tensor, a: _Arguments) -> str:
    index = w.get(a["index"])
    updates = w.get(a["src"]) if "src" in a else None
    if updates is None:
        updates = w.add("Expand", w.get(a["value"], out.dtype), w.add("Shape", index))
    return w.add("ScatterElements", w.get(a["self"], out.dtype), index, updates, axis=a["dim"])


def _gather(w: Writer, out: Tensor, a: _Arguments) -> str:
    return w.add("GatherElements", w.get(a["self"]), w.get(a["index"]), axis=a["dim"])


def _pad(w: Writer, out: Tensor, a: _Arguments) -> str:
    pad = a["pad"]
    skipped = [0] * (out.dim() - len(pad) // 2)  # the last dimension comes first
    pads = [*skipped, *pad[-2::-2], *skipped, *pad[::-2]]
    return w.add("Pad", w.get(a["self"]), w.sizes(pads), w.get(a["value"], out.dtype))


def _convolution(w: Writer, out: Tensor, a: _Arguments) -> str:
    bias = [] if a["bias"] is None else [a["bias"]]
    inputs = [a["input"], a["weight"], *bias]
    return _convolve(w, out, a, inputs, a["transposed"], a["output_padding"])


def _convolution_backward(w: Writer, out: Sequence[Any], a: _Arguments) -> list[Any]:
    if a["output_mask"] != [True, False, False]:
        raise UntranslatedError("a gradient of weights has no translation")
    # What the size of the input leaves open.
    kernel, grown = w.shape(a["weight"])[2:], w.shape(a["grad_output"])[2:]
    padding = [
        size - ((small - 1) * stride - 2 * pad + dilation * (side - 1) + 1)
        for size, small, stride, pad, dilation, side in zip(
            w.shape(a["input"])[2:],
            grown,
            a["stride"],
            a["padding"],
            a["dilation"],
            kernel,
            strict=True,
        )
    ]
    inputs = [a["grad_output"], a["weight"]]
    return [_convolve(w, out[0], a, inputs, not a["transposed"], padding), None, None]


def _convolve(
    w: Writer, out: Tensor, a: _Arguments, inputs: list[Any], transposed: bool, padding: list[int]
) -> str:
    # onnxruntime has it in float32 only.
    value = w.add(
        "ConvTranspose" if transposed else "Conv",
        *(w.get(each, torch.float32) for each in inputs),
        strides=a["stride"],
        pads=[*a["padding"], *a["padding"]],
        dilations=a["dilation"],
        group=a["groups"],
        **({"output_padding": padding} if transposed else {}),
    )
    is_same = out.dtype == torch.float32
    return value if is_same else w.add("Cast", value, to=w.element_type(out.dtype))


_INTEGER_OPERATIONS: dict[Any, str] = {
    operator.add: "Add",
    operator.sub: "Sub",
    operator.mul: "Mul",
    operator.floordiv: "Div",
}

_OPERATIONS: dict[str, _Translation] = {
    **{
        name: _map(name.capitalize())
        for name in (
            "abs",
            "ceil",
            "cos",
            "exp",
            "floor",
            "log",
            "neg",
            "reciprocal",
            "relu",
            "sigmoid",
            "sign",
            "sin",
            "sqrt",
            "tanh",
        )
    },
    "add": _arithmetic("Add"),
    "sub": _arithmetic("Sub"),
    "mul": _arithmetic("Mul"),
    "div": _arithmetic("Div"),
    "pow": _arithmetic("Pow"),
    "maximum": _arithmetic("Max"),
    "minimum": _arithmetic("Min"),
    "bitwise_and": _arithmetic("And"),
    "logical_and": _arithmetic("And"),
    "bitwise_or": _arithmetic("Or"),
    "logical_or": _arithmetic("Or"),
    "eq": _comparison("Equal"),
    "gt": _comparison("Greater"),
    "ge": _comparison("GreaterOrEqual"),
    "lt": _comparison("Less"),
    "le": _comparison("LessOrEqual"),
    "sum": _reduction("ReduceSum"),
    "mean": _reduction("ReduceMean"),
    "amax": _reduction("ReduceMax"),
    "amin": _reduction("ReduceMin"),
    "var_mean": _moments,
    "logical_not": _map("Not"),
    "bitwise_not": _map("Not"),
    "isnan": lambda w, out, a: w.add("IsNaN", w.get(a["self"])),
    "log1p": lambda w, out, a: w.add("Log", w.add("Add", w.get(a["self"]), w.get(1, out.dtype))),
    "expm1": lambda w, out, a: w.add("Sub", w.add("Exp", w.get(a["self"])), w.get(1, out.dtype)),
    "rsqrt": lambda w, out, a: w.add("Reciprocal", w.add("Sqrt", w.get(a["self"]))),
    "erf": _erf,
    "clamp": _clamp,
    "addmm": _affine,
    "mm": _product,
    "bmm": _product,
    "where": _where,
    **dict.fromkeys(("alias", "clone", "detach", "_to_copy", "lift_fresh_copy"), _same),
    "copy": lambda w, out, a: w.get(a["src"], out.dtype),
    "permute": _permute,
    **dict.fromkeys(("view", "_unsafe_view", "reshape"), _reshape),
    "as_strided": _as_strided,
    "unsqueeze": _unsqueeze,
    "squeeze": _squeeze,
    "expand": _expand,
    "cat": _join,
    "split_with_sizes": _split,
    "select": _select,
    "slice": _slice,
    "sym_size": _size,
    **dict.fromkeys(("full", "full_like"), _full),
    "_softmax": _softmax("Softmax"),
    "_log_softmax": _softmax("LogSoftmax"),
    "topk": _largest,
    "scatter": _scatter,
    "gather": _gather,
    "constant_pad_nd": _pad,
    "convolution": _convolution,
    "convolution_backward": _convolution_backward,
}

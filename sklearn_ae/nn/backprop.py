"""Hand-coded backpropagation of plain autoencoders that reuses its buffers."""

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sklearn_ae.nn.autoencoder import Autoencoder
from sklearn_ae.nn.gelu import GELU, SMALL
from sklearn_ae.nn.linear import Linear
from sklearn_ae.nn.linear_path import LinearPath
from sklearn_ae.nn.stack import Stack

_aten = torch.ops.aten

# A parameter, and the tensor for its gradient or None.
_Parameter = tuple[Tensor, Any]


class _Activation(NamedTuple):
    """An activation, ``forward(input, out, scratch)``, and its gradient.

    ``backward(gradient, saved)`` turns the gradient of the output into that of the input, in place.
    `saved` is what is in the buffer of the input after ``forward`` if `saves_input`, otherwise the
    output. ``forward`` may change `scratch`.
    """

    forward: Callable[[Tensor, Tensor, Tensor], object]
    backward: Callable[[Tensor, Tensor], object]
    saves_input: bool = False


_SLOPE = nn.LeakyReLU().negative_slope


def _gelu_and_slope(x: Tensor, out: Tensor, scratch: Tensor) -> None:
    """Write GELU(x) into `out` and its slope into `x`."""
    torch.mul(x, math.sqrt(0.5), out=out).erf_().add_(1).mul_(0.5)  # P(Z < x)
    torch.mul(x, x, out=scratch).mul_(-0.5).exp_().mul_(x)
    torch.add(out, scratch, alpha=1 / math.sqrt(2 * math.pi), out=scratch)
    out.mul_(x)
    x.copy_(scratch)


# In float64, PyTorch's own GELU and its gradient take almost twice the time of their parts.
_GELU_64 = _Activation(_gelu_and_slope, lambda g, slope: g.mul_(slope), saves_input=True)

_ACTIVATIONS: dict[type[nn.Module], _Activation] = {
    nn.Identity: _Activation(lambda x, out, _: out.copy_(x), lambda g, _: g),
    nn.ReLU: _Activation(
        lambda x, out, _: torch.clamp_min(x, 0, out=out),
        lambda g, y: _aten.threshold_backward.grad_input(g, y, 0, grad_input=g),
    ),
    nn.LeakyReLU: _Activation(
        lambda x, out, _: _aten.leaky_relu.out(x, _SLOPE, out=out),
        lambda g, y: _aten.leaky_relu_backward.grad_input(g, y, _SLOPE, True, grad_input=g),
    ),
    nn.ELU: _Activation(
        lambda x, out, _: _aten.elu.out(x, out=out),
        lambda g, y: _aten.elu_backward.grad_input(g, 1, 1, 1, True, y, grad_input=g),
    ),
    GELU: _Activation(
        lambda x, out, _: _aten.gelu.out(x, out=out),
        lambda g, x: _aten.gelu_backward.grad_input(g, x, grad_input=g),
        saves_input=True,
    ),
    nn.SiLU: _Activation(
        lambda x, out, _: _aten.silu.out(x, out=out),
        lambda g, x: _aten.silu_backward.grad_input(g, x, grad_input=g),
        saves_input=True,
    ),
    nn.Tanh: _Activation(
        lambda x, out, _: torch.tanh(x, out=out),
        lambda g, y: _aten.tanh_backward.grad_input(g, y, grad_input=g),
    ),
    nn.Sigmoid: _Activation(
        lambda x, out, _: torch.sigmoid(x, out=out),
        lambda g, y: _aten.sigmoid_backward.grad_input(g, y, grad_input=g),
    ),
}


def is_plain(autoencoder: Autoencoder) -> bool:
    """Tell whether `Backprop` can train a network: linear layers and known activations alone.

    It can not if there is noise, a latent that asks for more than a code, an output activation,
    a layer of another kind, a frozen parameter or a hook.
    """
    return (
        type(autoencoder) is Autoencoder
        and autoencoder.latent.is_identity
        and autoencoder.corruption is None
        and autoencoder.output_activation is None
        and type(autoencoder.linear_path) in (LinearPath, type(None))
        and _is_plain_stack(autoencoder.encoder)
        and _is_plain_stack(autoencoder.decoder)
        and all(_is_trained(parameter) for parameter in autoencoder.parameters())
        and not any(_has_hooks(module) for module in autoencoder.modules())
    )


def _is_plain_stack(module: nn.Module) -> bool:
    if type(module) is not Stack:
        return False
    layers = list(module.layers)
    linear, activations = layers[::2], layers[1::2]
    return (
        len(linear) > len(activations)  # there is none after the last
        and all(type(layer) is Linear for layer in linear)
        and all(_is_known(activation) for activation in activations)
    )


def _is_known(activation: nn.Module) -> bool:
    if type(activation) is nn.LeakyReLU:
        return activation.negative_slope == _SLOPE
    if type(activation) is nn.ELU:
        return activation.alpha == 1
    return type(activation) in _ACTIVATIONS


def _is_trained(parameter: nn.Parameter) -> bool:
    hooks = parameter._backward_hooks or parameter._post_accumulate_grad_hooks
    return parameter.requires_grad and not hooks


def _has_hooks(module: nn.Module) -> bool:
    hooks = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
    of_all_modules = nn.modules.module
    return any(getattr(module, name) or getattr(of_all_modules, f"_global{name}") for name in hooks)


def standard_bounds(autoencoder: Autoencoder) -> Tensor | None:
    """Give the bounds ``(2, n_features)`` of reconstructions in standard units, if any."""
    if autoencoder.bounds is None or autoencoder.axes is not None:
        return None
    return autoencoder.standardize(autoencoder.bounds)


class Backprop:
    """Forward and backward pass of one or several plain networks of one shape, the members.

    Autograd records a graph for every batch and allocates each intermediate result anew. Here
    the chain rule is one kernel after the other, and each kernel writes into the same buffers in
    every batch. A step of several small members takes little longer than a step of one.

    `autoencoder` is a plain network of their shape. `values` are the parameters of the members, in
    the order of ``autoencoder.parameters()``. With several members, they have a leading dimension
    ``n_members``. None: those of `autoencoder`. `backward` writes into `gradients`. Reconstructions
    are clipped to `bounds`, see `standard_bounds`; None: those of `autoencoder`.

    Rows are in standard units. Several members take and give ``(n_members, batch, n)``, a single
    one ``(batch, n)``.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        values: list[Tensor] | None = None,
        gradients: list[Tensor] | None = None,
        bounds: Tensor | None = None,
    ) -> None:
        if values is None:
            values = [each.detach() for each in autoencoder.parameters()]
        targets: list[Any] = [None] * len(values) if gradients is None else gradients
        parameters = zip(values, targets, strict=True)
        self._encoder = _Chain(autoencoder.encoder, parameters)
        self._decoder = _Chain(autoencoder.decoder, parameters)
        if autoencoder.linear_path is not None:
            self._encoder.path, self._encoder.path_gradient = next(parameters)
            self._decoder.path, self._decoder.path_gradient = next(parameters)
        if bounds is None:
            bounds = standard_bounds(autoencoder)
        self._bounds: tuple[Tensor, ...] | None = None if bounds is None else tuple(bounds)

    def encode(self, x: Tensor) -> Tensor:
        """Encode rows ``(..., batch, n_features)``.

        The codes ``(..., batch, n_components)`` are in a buffer that the next call reuses.
        """
        return self._encoder.forward(x)

    def backward(self, x: Tensor, weight: Tensor) -> Tensor:
        """Compute loss and gradients for rows ``(..., batch, n)`` of weights ``(..., batch, 1)``.

        The loss ``(n_members,)`` is the weighted sum of the mean squared errors of the rows.
        """
        code = self.encode(x)
        residual = self._residual(code, x)
        gradient = torch.mul(residual, weight, out=self._decoder.gradient(x))
        n_features = x.shape[-1]
        loss = _inner_products(residual, gradient) / n_features
        gradient.mul_(2 / n_features)
        code_gradient = self._encoder.gradient(x)
        self._decoder.backward(gradient, code, code_gradient)
        self._encoder.backward(code_gradient, x, None)
        return loss.view(-1)

    def errors(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        """Give half the squared error ``(..., batch)`` of each row, summed over the columns.

        Rows are decoded from `code`. None: from the codes of the encoder.
        """
        residual = self._residual(self.encode(x) if code is None else code, x)
        return residual.square_().sum(-1).mul_(0.5)

    def errors_and_gradients(self, x: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        """Give `errors` and their gradients ``(..., batch, n_components)`` by the codes."""
        residual = self._residual(code, x)
        errors = residual.square().sum(-1).mul_(0.5)
        gradient = torch.empty_like(code)
        self._decoder.backward(residual, None, gradient)
        return errors, gradient

    def _residual(self, code: Tensor, target: Tensor) -> Tensor:
        raw = self._decoder.forward(code)
        if self._bounds is not None:
            raw.clamp_(*self._bounds)  # the gradient passes, see `_clip`
        return raw.sub_(target)


def _inner_products(a: Tensor, b: Tensor) -> Tensor:
    if a.dim() == 2:
        return torch.dot(a.view(-1), b.view(-1))
    # A product of matrices needs no memory for the products of the entries.
    return torch.bmm(a.flatten(1)[:, None], b.flatten(1)[..., None])


def _activation(module: nn.Module, stack: nn.Module) -> _Activation:
    first = next(stack.parameters())
    if type(module) is GELU and first.dtype == torch.float64 and first.device.type == "cpu":
        return _GELU_64
    return _ACTIVATIONS[type(module)]


class _Chain:
    """The layers of the encoder or the decoder, and the half of the linear path beside them.

    The layers take the next of `parameters`.
    """

    def __init__(self, stack: Any, parameters: Iterator[_Parameter]) -> None:
        activations = [_activation(module, stack) for module in stack.layers[1::2]]
        self._layers = [
            _Layer(next(parameters), next(parameters), activation)
            for activation in (*activations, None)
        ]
        has_members = self._layers[0].weight.dim() == 3
        self._product: Any = torch.bmm if has_members else torch.mm
        self._affine: Any = torch.baddbmm if has_members else torch.addmm
        self.path: Tensor | None = None
        self.path_gradient: Tensor | None = None
        self._largest: list[_Layer] = []
        self._of_shape: dict[torch.Size, list[_Layer]] = {}

    def gradient(self, x: Tensor) -> Tensor:
        """Give the buffer for the gradient of the output at the input `x`."""
        return self._with_buffers(x.shape[:-1])[-1].gradient

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(..., batch, n_in)`` to ``(..., batch, n_out)``, in a buffer."""
        start = x
        for layer in self._with_buffers(x.shape[:-1]):
            self._affine(layer.bias, x, layer.weight, out=layer.linear)
            if layer.activation is not None:
                layer.activation.forward(*layer.seen_by_activation)
            x = layer.output
        return x if self.path is None else self._affine(x, start, self.path, out=x)

    def backward(self, gradient: Tensor, x: Tensor | None, out: Tensor | None) -> None:
        """Take the gradient of the output to those of the parameters and of the input.

        The input `x` is needed for those of the parameters. That of the input goes into `out`.
        Without `x` or `out`, these are left out.
        """
        layers = self._with_buffers(gradient.shape[:-1])
        of_output = gradient
        for i in reversed(range(len(layers))):
            layer = layers[i]
            if layer.activation is not None:
                linear, _, own_gradient = layer.seen_by_activation
                layer.activation.backward(own_gradient, linear)
            if x is not None:
                input_t = x.mT if i == 0 else layers[i - 1].output.mT
                self._product(input_t, gradient, out=layer.weight_gradient)
                torch.sum(gradient, -2, keepdim=True, out=layer.bias_gradient)
            into = out if i == 0 else layers[i - 1].gradient
            if into is not None:
                self._product(gradient, layer.weight_t, out=into)
                gradient = into
        if self.path is not None:
            if x is not None:
                self._product(x.mT, of_output, out=self.path_gradient)
            if out is not None:
                self._affine(out, of_output, self.path.mT, out=out)

    def _with_buffers(self, shape: torch.Size) -> list["_Layer"]:
        """Give the layers with buffers for inputs ``(*shape, n_in)``."""
        layers = self._of_shape.get(shape)
        if layers is None:
            layers = self._of_shape[shape] = self._allocate(shape)
        return layers

    def _allocate(self, shape: torch.Size) -> list["_Layer"]:
        if len(shape) > 1:
            return [layer.allocate(shape) for layer in self._layers]
        n_rows = shape[0]
        if self._largest and n_rows <= len(self._largest[0].output):
            # Fewer rows use a part of the buffers that there are.
            return [layer.narrow(n_rows) for layer in self._largest]
        self._largest = [layer.allocate(shape) for layer in self._layers]
        return self._largest


class _Layer:
    """A linear map and an activation, with the buffers for their results."""

    linear: Tensor
    output: Tensor
    gradient: Tensor
    seen_by_activation: list[Tensor]

    def __init__(
        self, weight: _Parameter, bias: _Parameter, activation: _Activation | None
    ) -> None:
        self.weight, self.weight_gradient = weight
        self.weight_t = self.weight.mT
        self.bias, self.bias_gradient = bias
        self.activation = activation

    def allocate(self, shape: torch.Size) -> "_Layer":
        """Give the layer with buffers for ``(*shape, n_out)``."""
        output = self.weight.new_empty(*shape, self.weight.shape[-1])
        saves_input = self.activation is not None and self.activation.saves_input
        linear = torch.empty_like(output) if saves_input else output
        return self._with_buffers(linear, output, torch.empty_like(output))

    def narrow(self, n_rows: int) -> "_Layer":
        """Give the layer with the first rows of its buffers."""
        buffers = (self.linear, self.output, self.gradient)
        return self._with_buffers(*(buffer[:n_rows] for buffer in buffers))

    def _with_buffers(self, linear: Tensor, output: Tensor, gradient: Tensor) -> "_Layer":
        layer = copy.copy(self)
        layer.linear, layer.output, layer.gradient = linear, output, gradient
        layer.seen_by_activation = [linear, output, gradient]
        if output.numel() < SMALL and self.activation is not _GELU_64:  # around oneDNN, see `SMALL`
            layer.seen_by_activation = [linear.mT, output.mT, gradient.mT]
        return layer

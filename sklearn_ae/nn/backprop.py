"""Hand-coded backpropagation of plain autoencoders that reuses its buffers."""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sklearn_ae.nn.autoencoder import Autoencoder
from sklearn_ae.nn.gelu import GELU, SMALL
from sklearn_ae.nn.inspection import has_hooks
from sklearn_ae.nn.linear import Linear
from sklearn_ae.nn.linear_path import LinearPath
from sklearn_ae.nn.stack import Stack

_aten = torch.ops.aten


class _Activation(NamedTuple):
    """An activation and its gradient, both written into given buffers.

    Attributes
    ----------
    forward : callable
        ``(input, out)``.
    backward : callable
        ``(gradient, saved)``, in place: from the gradient of the output to that of the input.
    saves_input : bool
        Whether `saved` is the input; otherwise it is the output.
    """

    forward: Callable[[Tensor, Tensor], object]
    backward: Callable[[Tensor, Tensor], object]
    saves_input: bool = False


_SLOPE = nn.LeakyReLU().negative_slope

_ACTIVATIONS: dict[type[nn.Module], _Activation] = {
    nn.Identity: _Activation(lambda x, out: out.copy_(x), lambda g, _: g),
    nn.ReLU: _Activation(
        lambda x, out: torch.clamp_min(x, 0, out=out),
        lambda g, y: _aten.threshold_backward.grad_input(g, y, 0, grad_input=g),
    ),
    nn.LeakyReLU: _Activation(
        lambda x, out: _aten.leaky_relu.out(x, _SLOPE, out=out),
        lambda g, y: _aten.leaky_relu_backward.grad_input(g, y, _SLOPE, True, grad_input=g),
    ),
    nn.ELU: _Activation(
        lambda x, out: _aten.elu.out(x, out=out),
        lambda g, y: _aten.elu_backward.grad_input(g, 1, 1, 1, True, y, grad_input=g),
    ),
    GELU: _Activation(
        lambda x, out: _aten.gelu.out(x, out=out),
        lambda g, x: _aten.gelu_backward.grad_input(g, x, grad_input=g),
        saves_input=True,
    ),
    nn.SiLU: _Activation(
        lambda x, out: _aten.silu.out(x, out=out),
        lambda g, x: _aten.silu_backward.grad_input(g, x, grad_input=g),
        saves_input=True,
    ),
    nn.Tanh: _Activation(
        lambda x, out: torch.tanh(x, out=out),
        lambda g, y: _aten.tanh_backward.grad_input(g, y, grad_input=g),
    ),
    nn.Sigmoid: _Activation(
        lambda x, out: torch.sigmoid(x, out=out),
        lambda g, y: _aten.sigmoid_backward.grad_input(g, y, grad_input=g),
    ),
}


def is_plain(autoencoder: Autoencoder) -> bool:
    """Tell whether an autoencoder is a chain of linear layers and known activations.

    Parameters
    ----------
    autoencoder : Autoencoder
        The network.

    Returns
    -------
    is_plain : bool
        False with noise, a latent that asks for more than a code, an activation of the output,
        layers of other kinds, frozen parameters or hooks.
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
        and not any(has_hooks(module) for module in autoencoder.modules())
    )


class Backprop:
    """Forward and backward pass of plain autoencoders of one shape, its members.

    Autograd records a graph for every batch and allocates each intermediate result anew. Here
    the chain rule is one kernel after the other, and each kernel writes into the same buffers in
    every batch. A step of several small members takes little longer than a step of one.

    Parameters
    ----------
    autoencoder : Autoencoder
        A plain network: gives layers, activations and bounds.
    values : list of Tensor or None, default=None
        The parameters in the order of ``autoencoder.parameters()``, see `split_parameters`;
        None: those of the autoencoder itself.
    gradients : list of Tensor or None, default=None
        Where `backward` writes; None: nowhere.

    Notes
    -----
    Rows and codes have a leading dimension for the members if there are several of them.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        values: list[Tensor] | None = None,
        gradients: list[Tensor] | None = None,
    ) -> None:
        if values is None:
            values = [_matrix(parameter.detach()) for parameter in autoencoder.parameters()]
        has_members = values[0].dim() == 3
        self._product: Any = torch.bmm if has_members else torch.mm
        self._affine: Any = torch.baddbmm if has_members else torch.addmm
        of_gradients: list[Any] = [None] * len(values) if gradients is None else gradients
        pairs = list(zip(values, of_gradients, strict=True))
        self._encoder = self._layers(autoencoder.encoder, pairs)
        self._decoder = self._layers(autoencoder.decoder, pairs)
        path: Any = pairs or (None, None)
        self._encoder_path, self._decoder_path = path
        self._bounds: tuple[Tensor, Tensor] | None = None
        if autoencoder.bounds is not None:
            lower, upper = autoencoder.standardize(autoencoder.bounds)
            self._bounds = lower, upper
        self._buffers: dict[Any, list[_Layer]] = {}
        self._largest: dict[str, tuple[int, list[_Layer]]] = {}

    def encode(self, x: Tensor) -> Tensor:
        """Encode rows.

        Parameters
        ----------
        x : Tensor of shape (..., batch, n_features)
            Rows in standard units.

        Returns
        -------
        code : Tensor of shape (..., batch, n_components)
            Their codes, in a buffer that the next call reuses.
        """
        return self._forward("encoder", x)

    def backward(self, x: Tensor, weight: Tensor) -> Tensor:
        """Compute the gradient of the weighted squared error of a batch.

        Parameters
        ----------
        x : Tensor of shape (..., batch, n_features)
            Rows in standard units.
        weight : Tensor of shape (..., batch, 1)
            Weights of the rows.

        Returns
        -------
        loss : Tensor of shape (n_members,)
            The sum of the weighted errors, means over the columns.
        """
        code = self.encode(x)
        residual = self._residual(code, x)
        encoder, decoder = (self._views(part, x.shape[:-1]) for part in ("encoder", "decoder"))
        gradient = torch.mul(residual, weight, out=decoder[-1].gradient)
        n_features = x.shape[-1]
        loss = torch.linalg.vecdot(residual.flatten(-2), gradient.flatten(-2)) / n_features
        gradient.mul_(2 / n_features)
        code_gradient = encoder[-1].gradient
        self._backward(decoder, gradient, code, code_gradient)
        if self._decoder_path is not None:
            path, path_gradient = self._decoder_path
            self._product(code.mT, gradient, out=path_gradient)
            self._affine(code_gradient, gradient, path.mT, out=code_gradient)
            self._product(x.mT, code_gradient, out=self._encoder_path[1])
        self._backward(encoder, code_gradient, x, None)
        return loss.view(-1)

    def errors(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        """Compute half the squared error of each row, summed over the columns.

        Parameters
        ----------
        x : Tensor of shape (..., batch, n_features)
            Rows in standard units.
        code : Tensor of shape (..., batch, n_components) or None, default=None
            Their codes; None: those of the encoder.

        Returns
        -------
        errors : Tensor of shape (..., batch)
            The errors.
        """
        residual = self._residual(self.encode(x) if code is None else code, x)
        return residual.square_().sum(-1).mul_(0.5)

    def errors_and_gradients(self, x: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        """Compute half the squared error of each row, and its gradient by the code of the row.

        Parameters
        ----------
        x : Tensor of shape (..., batch, n_features)
            Rows in standard units.
        code : Tensor of shape (..., batch, n_components)
            Their codes.

        Returns
        -------
        errors : Tensor of shape (..., batch)
            The errors.
        gradients : Tensor of shape (..., batch, n_components)
            Their gradients.
        """
        residual = self._residual(code, x)
        errors = residual.square().sum(-1).mul_(0.5)
        decoder = self._views("decoder", code.shape[:-1])
        gradient = torch.empty_like(code)
        self._backward(decoder, residual, None, gradient)
        if self._decoder_path is not None:
            gradient = self._affine(gradient, residual, self._decoder_path[0].mT)
        return errors, gradient

    def _residual(self, code: Tensor, target: Tensor) -> Tensor:
        raw = self._forward("decoder", code)
        if self._bounds is not None:
            raw.clamp_(*self._bounds)  # the gradient passes, see `_clip`
        return raw.sub_(target)

    def _forward(self, part: str, x: Tensor) -> Tensor:
        path = self._encoder_path if part == "encoder" else self._decoder_path
        start = x
        for layer in self._views(part, x.shape[:-1]):
            self._affine(layer.bias, x, layer.weight, out=layer.linear)
            if layer.activation is not None:
                linear, output, _ = layer.seen_by_activation
                layer.activation.forward(linear, output)
            x = layer.output
        return x if path is None else self._affine(x, start, path[0], out=x)

    def _backward(
        self,
        layers: list["_Layer"],
        gradient: Tensor,
        x: Tensor | None,
        out: Tensor | None,
    ) -> None:
        """Go from the gradient of the output to that of the input and, given `x`, of weights."""
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

    def _views(self, part: str, shape: Any) -> list["_Layer"]:
        key = part, shape
        if key not in self._buffers:
            layers = self._encoder if part == "encoder" else self._decoder
            largest = self._largest.get(part)
            if len(shape) > 1 or largest is None or largest[0] < shape[0]:
                layers = [layer.with_buffers(shape) for layer in layers]
                if len(shape) == 1:
                    self._largest[part] = shape[0], layers
            else:  # fewer rows: a part of the buffers there are
                layers = [layer.narrow(shape[0]) for layer in largest[1]]
            self._buffers[key] = layers
        return self._buffers[key]

    def _layers(self, stack: Any, pairs: list[Any]) -> list["_Layer"]:
        """Take the parameters of a stack off the front of the list."""
        modules = list(stack.layers)
        layers = []
        for i in range(0, len(modules), 2):
            activation = _ACTIVATIONS[type(modules[i + 1])] if i + 1 < len(modules) else None
            layers.append(_Layer(pairs.pop(0), pairs.pop(0), activation))
        return layers


class _Layer:
    """A linear map and an activation, with the buffers for their results."""

    linear: Tensor
    output: Tensor
    gradient: Tensor
    seen_by_activation: list[Tensor]

    def __init__(
        self,
        weight: tuple[Tensor, Any],
        bias: tuple[Tensor, Any],
        activation: _Activation | None,
    ) -> None:
        self.weight, self.weight_gradient = weight
        self.weight_t = self.weight.mT
        self.bias, self.bias_gradient = bias
        self.activation = activation

    def with_buffers(self, shape: Any) -> "_Layer":
        layer = copy.copy(self)
        size = (*shape, self.weight.shape[-1])
        layer.output, layer.gradient = (self.weight.new_empty(size) for _ in range(2))
        saves_input = self.activation is not None and self.activation.saves_input
        layer.linear = self.weight.new_empty(size) if saves_input else layer.output
        layer._take_views()
        return layer

    def narrow(self, n_rows: int) -> "_Layer":
        layer = copy.copy(self)
        layer.output, layer.gradient = self.output[:n_rows], self.gradient[:n_rows]
        saves_input = self.linear is not self.output
        layer.linear = self.linear[:n_rows] if saves_input else layer.output
        layer._take_views()
        return layer

    def _take_views(self) -> None:
        seen = [self.linear, self.output, self.gradient]
        if self.output.numel() < SMALL:
            seen = [buffer.mT for buffer in seen]  # past oneDNN, see GELU
        self.seen_by_activation = seen


def _matrix(parameter: Tensor) -> Tensor:
    return parameter[0] if parameter.dim() == 3 else parameter


def split_parameters(joined: Tensor, autoencoder: Autoencoder) -> list[Tensor]:
    """Give the matrices of members whose parameters are rows of one matrix.

    Parameters
    ----------
    joined : Tensor of shape (n_members, n_parameters)
        The parameters of each member.
    autoencoder : Autoencoder
        A plain network of their shape.

    Returns
    -------
    parts : list of Tensor of shape (n_members, n_in, n_out)
        Views; of a single member without the first dimension.
    """
    parts, start = [], 0
    for parameter in autoencoder.parameters():
        n_in, n_out = parameter.shape[-2:]
        part = joined[:, start : start + n_in * n_out].view(-1, n_in, n_out)
        parts.append(part[0] if len(joined) == 1 else part)
        start += n_in * n_out
    return parts


def _is_plain_stack(module: nn.Module) -> bool:
    if type(module) is not Stack:
        return False
    layers = list(module.layers)
    linear, activations = layers[::2], layers[1::2]
    return (
        len(linear) > len(activations)  # there is none after the last
        and all(type(layer) is Linear and len(layer.weight) == 1 for layer in linear)
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

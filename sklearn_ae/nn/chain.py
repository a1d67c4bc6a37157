"""The gradient of a plain autoencoder, written out."""

import copy
from collections.abc import Callable
from itertools import zip_longest
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sklearn_ae.nn.autoencoder import Autoencoder
from sklearn_ae.nn.gelu import GELU, SMALL
from sklearn_ae.nn.inspection import has_hooks, list_tensors
from sklearn_ae.nn.latent import Latent
from sklearn_ae.nn.linear import Linear
from sklearn_ae.nn.linear_path import LinearPath
from sklearn_ae.nn.nearest_code import descend
from sklearn_ae.nn.stack import Stack

_aten = torch.ops.aten


class _Activation(NamedTuple):
    """An activation and its gradient, both written into given memory.

    Attributes
    ----------
    forward : callable
        ``(input, out)``.
    backward : callable
        ``(gradient, saved)``, in place: from the gradient of the output to that of the input.
    saves_input : bool
        Whether `saved` is the input, which then has to be kept; otherwise it is the output.
    """

    forward: Callable[[Tensor, Tensor], object]
    backward: Callable[[Tensor, Tensor], object]
    saves_input: bool = False


class _Products(NamedTuple):
    """Matrix products, which take `out`."""

    product: Callable[..., Tensor]
    added_product: Callable[..., Tensor]


_OF_ONE = _Products(torch.mm, torch.addmm)
_OF_SEVERAL = _Products(torch.bmm, torch.baddbmm)

_SLOPE = nn.LeakyReLU().negative_slope

_ACTIVATIONS: dict[type[nn.Module], _Activation] = {
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


class Chain:
    """Forward and backward pass of a plain autoencoder over memory that is used again.

    PyTorch's autograd records a graph for every batch, allocates every intermediate result
    anew, and goes through it in reverse. Where the network is a chain of linear maps and
    activations there is nothing to find out: the chain rule is written down here, one
    kernel after the other. On small networks that takes a quarter of the time, on large
    ones nine tenths.

    Parameters
    ----------
    autoencoder : Autoencoder
        One that `fits`, whose parameters have gradients already: these are written to. Of
        one of several members, all that is said of rows below has a leading dimension for
        these.
    n_rows : int
        Rows in a batch, for which memory is set aside; batches of more get their own.
    dtype : torch.dtype or None, default=None
        Type in which products are made, if not that of the weights.
    with_encoder : bool, default=True
        False: of the decoder alone, and only its parameters need gradients; without `dtype`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.nn import Autoencoder, Chain, Stack
    >>> autoencoder = Autoencoder(
    ...     Stack([4, 8, 2]), Stack([2, 8, 4]), shift=torch.zeros(4), scale=torch.ones(())
    ... )
    >>> for parameter in autoencoder.parameters():
    ...     parameter.grad = torch.empty_like(parameter)
    >>> x = torch.rand(5, 4)
    >>> loss = Chain(autoencoder, n_rows=5).backward(x)
    >>> gradient = autoencoder.encoder.layers[0].weight.grad.clone()
    >>> autoencoder.zero_grad()
    >>> (autoencoder(x).raw - x).square().sum().backward()
    >>> expected = autoencoder.encoder.layers[0].weight.grad
    >>> torch.allclose(gradient, expected / 20, atol=1e-6)
    True
    """

    @staticmethod
    def fits(autoencoder: nn.Module) -> bool:
        """Tell whether an autoencoder is plain enough.

        Parameters
        ----------
        autoencoder : nn.Module
            The autoencoder.

        Returns
        -------
        fits : bool
            Whether there is nothing in it but fully connected layers and linear paths, all
            of which are trained, and nobody looks on by a hook.
        """
        return (
            type(autoencoder) is Autoencoder
            and type(autoencoder.latent) is Latent
            and autoencoder.corruption is None
            and autoencoder.output_activation is None
            and type(autoencoder.linear_path) in (LinearPath, type(None))
            and _is_plain(autoencoder.encoder)
            and _is_plain(autoencoder.decoder)
            and _shares_nothing(autoencoder)
            and all(_is_trained(parameter) for parameter in list_tensors(autoencoder)[0])
            and not any(has_hooks(module) for module in autoencoder.modules())
        )

    def __init__(
        self,
        autoencoder: Autoencoder,
        n_rows: int,
        dtype: torch.dtype | None = None,
        *,
        with_encoder: bool = True,
    ) -> None:
        self._dtype = autoencoder.dtype if dtype is None else dtype
        decoder: Any = autoencoder.decoder
        self._n_members = len(decoder.layers[0].weight)
        self._products = _OF_ONE if self._n_members == 1 else _OF_SEVERAL
        self._copies: list[tuple[_Trained, _Trained]] = []
        self._encoder = self._layers(autoencoder.encoder, n_rows) if with_encoder else []
        self._decoder = self._layers(decoder, n_rows)
        self._path: list[_Trained] = []
        if autoencoder.linear_path is not None:
            path = autoencoder.linear_path
            self._path.append(self._trained(path.decoder_weight))
            if with_encoder:
                self._path.append(self._trained(path.encoder_weight))
        self._bounds: tuple[Tensor, ...] = ()
        if autoencoder.bounds is not None:
            self._bounds = autoencoder.standardize(autoencoder.bounds).unbind()
        self._narrow: dict[int, tuple[list[_Layer], list[_Layer]]] = {}

    def backward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """Compute the gradient of the mean squared error of a batch.

        Parameters
        ----------
        x : Tensor of shape (batch, n_features)
            Rows in standard units.
        weight : Tensor of shape (batch,) or None, default=None
            Their weights.

        Returns
        -------
        total : Tensor of shape ()
            The squared errors, weighted, summed over rows and columns.
        """
        with torch.no_grad():
            coarse = self._to_dtype(x)
            code = self._encode(coarse)
            residual = self._residual(code, x)
            total, weighted = _weigh(residual, weight, self._n_members)
            self._backward(self._scaled(weighted), coarse, code)
            for original, copied in self._copies:
                original.gradient.copy_(copied.gradient)
        return total

    def loss(self, x: Tensor, weight: Tensor | None = None, n_steps: int = 0) -> Tensor:
        """Compute the squared errors of a batch, and no gradient of the parameters.

        Parameters
        ----------
        x : Tensor of shape (batch, n_features)
            Rows in standard units.
        weight : Tensor of shape (batch,) or None, default=None
            Their weights.
        n_steps : int, default=0
            Number of steps, at the most, from the encoder's codes towards the nearest ones; with
            products in another type than that of the weights, none.

        Returns
        -------
        total : Tensor of shape ()
            The squared errors, weighted, summed over rows and columns.
        """
        with torch.no_grad():
            code = self._encode(self._to_dtype(x))
            if n_steps == 0:
                return _weigh(self._residual(code, x), weight, self._n_members)[0]
            assert not self._copies, "products are in the type of the weights"
            _, error = descend(
                lambda code, with_slope: self.pull(code, x, with_slope=with_slope), code, n_steps
            )
            return 2 * (error if weight is None else weight * error).sum(-1)

    def backward_decoder(self, code: Tensor, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """Compute the gradient of the decoder's parameters alone, the codes being given.

        Parameters
        ----------
        code : Tensor of shape (batch, n_components)
            Codes.
        x : Tensor of shape (batch, n_features)
            What they should be decoded to, in standard units.
        weight : Tensor of shape (batch,) or None, default=None
            Weights of the rows.

        Returns
        -------
        total : Tensor of shape ()
            The squared errors, weighted, summed over rows and columns.
        """
        assert not self._copies, "products are in the type of the weights"
        with torch.no_grad():
            total, weighted = _weigh(self._residual(code, x), weight, self._n_members)
            self._backward_decoder(self._scaled(weighted), code, None)
        return total

    def pull(
        self, code: Tensor, x: Tensor, *, with_slope: bool = True
    ) -> tuple[Tensor, Tensor | None]:
        """Compute how codes have to change for their reconstructions to be nearer to rows.

        Parameters
        ----------
        code : Tensor of shape (batch, n_components)
            Codes.
        x : Tensor of shape (batch, n_features)
            The rows, in standard units.
        with_slope : bool, default=True
            Whether to compute the gradient.

        Returns
        -------
        error : Tensor of shape (batch,)
            Half the squared error of each row.
        slope : Tensor of shape (batch, n_components) or None
            Its gradient by the code of the row.
        """
        with torch.no_grad():
            residual = self._residual(code, x)
            error = 0.5 * residual.square().sum(-1)
            if not with_slope:
                return error, None
            slope = torch.empty_like(code)
            _, decoder = self._views(code.shape[-2])
            _backward(decoder, residual, self._products, slope)
            if self._path:
                self._products.added_product(slope, residual, self._path[0].value.mT, out=slope)
        return error, slope

    def _to_dtype(self, x: Tensor) -> Tensor:
        for original, coarse in self._copies:
            coarse.value.copy_(original.value)
        return x if x.dtype == self._dtype else x.to(self._dtype)

    def _encode(self, x: Tensor) -> Tensor:
        code = _forward(self._views(x.shape[-2])[0], x, self._products)
        if self._path:
            self._products.added_product(code, x, self._path[1].value, out=code)
        return code

    def _residual(self, code: Tensor, target: Tensor) -> Tensor:
        """Give reconstruction minus target."""
        raw = _forward(self._views(code.shape[-2])[1], code, self._products)
        if self._path:
            self._products.added_product(raw, code, self._path[0].value, out=raw)
        if self._bounds:
            # See `clip`: the gradient stays as it is. Coarse bounds would not be those of the rows.
            raw = raw.to(target.dtype).clamp_(*self._bounds)
        # In the type of the weights: differences of coarse numbers would be coarser still.
        return raw.sub_(target) if raw.dtype == target.dtype else raw - target

    def _scaled(self, residual: Tensor) -> Tensor:
        """Go from the residuals to the gradient of their mean square, in place."""
        gradient = residual.mul_(2 / (residual.shape[-2] * residual.shape[-1]))
        return gradient if gradient.dtype == self._dtype else gradient.to(self._dtype)

    def _backward(self, gradient: Tensor, x: Tensor, code: Tensor) -> None:
        encoder, _ = self._views(x.shape[-2])
        code_gradient = encoder[-1].gradient
        self._backward_decoder(gradient, code, code_gradient)
        if self._path:
            self._products.product(x.mT, code_gradient, out=self._path[1].gradient)
        _backward(encoder, code_gradient, self._products, None, x.mT)

    def _backward_decoder(
        self, gradient: Tensor, code: Tensor, code_gradient: Tensor | None
    ) -> None:
        _, decoder = self._views(code.shape[-2])
        if self._path:
            self._products.product(code.mT, gradient, out=self._path[0].gradient)
        _backward(decoder, gradient, self._products, code_gradient, code.mT)
        if self._path and code_gradient is not None:
            path = self._path[0].value.mT
            self._products.added_product(code_gradient, gradient, path, out=code_gradient)

    def _views(self, n_rows: int) -> tuple[list["_Layer"], list["_Layer"]]:
        # Taking views costs as much as small products: it is done once for each size of batches.
        if n_rows not in self._narrow:
            self._narrow[n_rows] = (
                [layer.narrow(n_rows) for layer in self._encoder],
                [layer.narrow(n_rows) for layer in self._decoder],
            )
        return self._narrow[n_rows]

    def _layers(self, stack: Any, n_rows: int) -> list["_Layer"]:
        layers = list(stack.layers)
        return [
            _Layer(
                self._trained(layer.weight),
                self._trained(layer.bias),
                _ACTIVATIONS.get(type(following)),
                n_rows,
            )
            for layer, following in zip_longest(layers, layers[1:])
            if isinstance(layer, Linear)
        ]

    def _trained(self, parameter: Tensor) -> "_Trained":
        assert parameter.grad is not None, "gradients are written where they are"
        value, gradient = parameter.detach(), parameter.grad
        if value.dim() == 3 and self._n_members == 1:
            value, gradient = value[0], gradient[0]
        original = _Trained(value, gradient)
        if value.dtype == self._dtype:
            return original
        coarse = _Trained(value.to(self._dtype), gradient.to(self._dtype))
        self._copies.append((original, coarse))
        return coarse


class _Trained(NamedTuple):
    """What is trained, and the memory of its gradient."""

    value: Tensor
    gradient: Tensor


class _Layer:
    """A linear map and an activation, and the memory for what they give."""

    def __init__(
        self, weight: _Trained, bias: _Trained, activation: _Activation | None, n_rows: int
    ) -> None:
        self.weight, self.weight_gradient = weight
        self.weight_t = self.weight.mT
        self.bias, self.bias_gradient = bias
        self.activation = activation
        self.output, self.gradient = (self._new(n_rows) for _ in range(2))
        self.output_t = self.output.mT
        # What the activation is applied to, if its gradient asks for that.
        keeps_linear = activation is not None and activation.saves_input
        self.linear = self._new(n_rows) if keeps_linear else self.output
        self.seen_by_activation: list[Tensor] = []

    def narrow(self, n_rows: int) -> "_Layer":
        layer = copy.copy(self)
        if self.weight.dim() == 2 and n_rows <= len(self.output):
            layer.output, layer.gradient, layer.linear = (
                memory[:n_rows] for memory in (self.output, self.gradient, self.linear)
            )
        else:  # of several members, what is narrower would have gaps between them
            layer.output, layer.gradient = (self._new(n_rows) for _ in range(2))
            keeps_linear = self.linear is not self.output
            layer.linear = self._new(n_rows) if keeps_linear else layer.output
        layer.output_t = layer.output.mT
        seen = [layer.linear, layer.output, layer.gradient]
        if layer.output.numel() < SMALL:
            # Past oneDNN, see there.
            seen = [memory.mT for memory in seen]
        layer.seen_by_activation = seen
        return layer

    def _new(self, n_rows: int) -> Tensor:
        *members, _, width = self.weight.shape
        return self.weight.new_empty(*members, n_rows, width)


def _weigh(residual: Tensor, weight: Tensor | None, n_members: int) -> tuple[Tensor, Tensor]:
    """Give the total of the squared errors, and the residuals times the weights."""
    weighted = residual
    if weight is not None:
        weighted = residual * weight.to(residual.dtype).unsqueeze(-1)
    if n_members > 1:
        return torch.linalg.vecdot(weighted.flatten(1), residual.flatten(1)), weighted
    return torch.dot(weighted.view(-1), residual.view(-1)), weighted


def _forward(layers: list[_Layer], x: Tensor, products: _Products) -> Tensor:
    for layer in layers:
        products.added_product(layer.bias, x, layer.weight, out=layer.linear)
        if layer.activation is not None:
            linear, output, _ = layer.seen_by_activation
            layer.activation.forward(linear, output)
        x = layer.output
    return x


def _backward(
    layers: list[_Layer],
    gradient: Tensor,
    products: _Products,
    out: Tensor | None,
    x_t: Tensor | None = None,
) -> None:
    """Go from the gradient of the output to that of the input and, where that is given, weights."""
    below: list[_Layer | None] = [None, *layers[:-1]]
    for layer, before in zip(reversed(layers), reversed(below), strict=True):
        if layer.activation is not None:
            # The gradient is in this layer's own memory: only a last one, without activation, is
            # given that of others.
            linear, _, own_gradient = layer.seen_by_activation
            layer.activation.backward(own_gradient, linear)
        if x_t is not None:
            input_t = x_t if before is None else before.output_t
            products.product(input_t, gradient, out=layer.weight_gradient)
            torch.sum(gradient, -2, keepdim=True, out=layer.bias_gradient)
        into = out if before is None else before.gradient
        if into is not None:
            products.product(gradient, layer.weight_t, out=into)
            gradient = into


def _is_plain(module: nn.Module) -> bool:
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
    return type(activation) is nn.Identity or type(activation) in _ACTIVATIONS


def _shares_nothing(autoencoder: Any) -> bool:
    # Gradients are written, not added.
    each = [part for stack in (autoencoder.encoder, autoencoder.decoder) for part in stack.layers]
    return len(set(map(id, each))) == len(each)


def _is_trained(parameter: nn.Parameter) -> bool:
    hooks = parameter._backward_hooks or parameter._post_accumulate_grad_hooks
    return parameter.requires_grad and not hooks

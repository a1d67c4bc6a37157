"""Architectures: parameter objects that build an encoder and a decoder.

An architecture is any object with ``build(n_features, n_components)`` that returns two modules:
an encoder from ``(batch, n_features)`` to ``(batch, n_components)`` and a decoder in the other
direction. For a linear path, each must end in a layer with parameters. If ``build`` has a
parameter `generator`, it gets the :class:`torch.Generator` for the initial weights. Otherwise the
global random state is seeded around the call and restored afterwards.

Two modules ``(encoder, decoder)`` are an architecture as well. Each fit starts from a copy of
them, with their current weights.

No module may make the output of a row depend on the other rows of its batch, as batch
normalisation does.
"""

import copy
import math
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from inspect import signature
from numbers import Integral, Real
from typing import Any

import torch
from sklearn.utils import check_scalar
from torch import nn

from sklearn_ae.nn import (
    ACTIVATIONS,
    CELLS,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    RecurrentDecoder,
    RecurrentEncoder,
    Stack,
    TiedStack,
)
from sklearn_ae.parameters import ParameterObject, check_option

__all__ = ["MLP", "Convolutional", "Recurrent"]

Modules = tuple[nn.Module, nn.Module]  # encoder and decoder


class MLP(ParameterObject):
    """Fully connected encoder, and a decoder with the same layers in reverse.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(128, 64)
        Widths of the hidden layers of the encoder. Empty: a linear autoencoder.
    activation : {"gelu", "relu", "leaky_relu", "elu", "silu", "tanh", "logistic", \
            "identity"}, default="gelu"
        Activation of the hidden layers.
    dropout : float, default=0.0
        Probability that a hidden unit is dropped in training, in [0, 1).
    tied : bool, default=False
        Whether the decoder uses the transposed weights of the encoder and has only its own
        biases. This halves the number of parameters and excludes a linear path.

    References
    ----------
    Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks",
    Science 313, 2006.

    Examples
    --------
    >>> from sklearn_ae.architectures import MLP
    >>> encoder, decoder = MLP(hidden_layer_sizes=(16,)).build(n_features=8, n_components=2)
    >>> encoder
    Stack(
      (layers): Sequential(
        (0): Linear(8, 16)
        (1): GELU(approximate='none')
        (2): Linear(16, 2)
      )
    )
    """

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (128, 64),
        activation: str = "gelu",
        dropout: float = 0.0,
        tied: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.tied = tied

    @property
    def has_linear_path(self) -> bool:  # numpydoc ignore=RT01
        """Whether a linear path can stand beside the network: not with tied weights.

        A linear path needs last layers that start at zero. Tied first layers would then start
        at zero as well.
        """
        return not self.tied

    def build(
        self, n_features: int, n_components: int, *, generator: torch.Generator | None = None
    ) -> Modules:  # numpydoc ignore=PR01,RT01
        """Check the parameters, and build encoder and decoder.

        `generator` gives the initial weights. None: the global random state gives them.
        """
        hidden = check_hidden_layer_sizes(self.hidden_layer_sizes)
        check_scalar(self.dropout, "dropout", Real, min_val=0, max_val=1, include_boundaries="left")
        check_option("activation", self.activation, ACTIVATIONS)
        stack = partial(
            Stack, activation=self.activation, dropout=self.dropout, generator=generator
        )
        encoder = stack([n_features, *hidden, n_components])
        if self.tied:
            return encoder, TiedStack(encoder)
        return encoder, stack([n_components, *reversed(hidden), n_features])


def check_hidden_layer_sizes(hidden_layer_sizes: Any) -> list[int]:  # numpydoc ignore=PR01,RT01
    """Give the widths of the hidden layers of the encoder, having checked them."""
    is_one = isinstance(hidden_layer_sizes, Integral)
    sizes = [hidden_layer_sizes] if is_one else list(hidden_layer_sizes)
    for size in sizes:
        check_scalar(size, "hidden_layer_sizes", Integral, min_val=1)
    return sizes


class Convolutional(ParameterObject):
    """Convolutions for rows that are images.

    Parameters
    ----------
    image_shape : tuple of int or None, default=None
        (height, width) or (channels, height, width) of the images, of any size. Each row is
        an image, flattened in this order. None: one channel and the shape closest to a
        square. `build` warns if that is not a square.
    channels : sequence of int, default=(16, 32)
        Number of output channels of each convolution of the encoder. The decoder has them in
        reverse.
    kernel_size : int, default=5
        Side of the kernels, odd.
    stride : int, default=2
        Factor by which each convolution shrinks the image.
    activation : {"gelu", "relu", "leaky_relu", "elu", "silu", "tanh", "logistic", \
            "identity"}, default="gelu"
        Activation after each convolution.

    References
    ----------
    Masci, Meier, Ciresan and Schmidhuber, "Stacked convolutional auto-encoders for
    hierarchical feature extraction", ICANN 2011.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.architectures import Convolutional
    >>> encoder, decoder = Convolutional(image_shape=(28, 28)).build(784, 32)
    >>> decoder(encoder(torch.zeros(5, 784))).shape
    torch.Size([5, 784])
    """

    def __init__(
        self,
        image_shape: tuple[int, ...] | None = None,
        channels: Sequence[int] = (16, 32),
        kernel_size: int = 5,
        stride: int = 2,
        activation: str = "gelu",
    ) -> None:
        self.image_shape = image_shape
        self.channels = channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.activation = activation

    def build(self, n_features: int, n_components: int) -> Modules:  # numpydoc ignore=PR01,RT01
        """Check the parameters, and build encoder and decoder.

        Rows that can not have `image_shape` raise a ValueError. If `image_shape` is None, rows
        that are no square images cause a warning.
        """
        check_option("activation", self.activation, ACTIVATIONS)
        check_scalar(self.stride, "stride", Integral, min_val=1)
        check_scalar(self.kernel_size, "kernel_size", Integral, min_val=self.stride)
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {self.kernel_size}.")
        if len(self.channels) == 0:
            raise ValueError("channels must have at least one entry, got none.")
        for size in self.channels:
            check_scalar(size, "channels", Integral, min_val=1)
        shape = self.image_shape
        if shape is None:
            shape = most_square(n_features)
            if shape[0] != shape[1]:
                warnings.warn(
                    f"{self!r} has no image_shape, and {n_features} columns are no square image. "
                    f"It assumes image_shape={shape}; set image_shape to the shape of your images."
                )
        shape = _check_shape("image_shape", shape, n_features, lengths=(2, 3))
        parameters = (
            shape if len(shape) == 3 else (1, *shape),
            self.channels,
            self.kernel_size,
            self.stride,
            n_components,
            ACTIVATIONS[self.activation],
        )
        return ConvolutionalEncoder(*parameters), ConvolutionalDecoder(*parameters)


def most_square(n_features: int) -> tuple[int, int]:  # numpydoc ignore=PR01,RT01
    """Give the height and width of the images with so many pixels that are closest to a square."""
    height = max(i for i in range(1, math.isqrt(n_features) + 1) if n_features % i == 0)
    return height, n_features // height


class Recurrent(ParameterObject):
    """Recurrent networks for rows that are sequences.

    The encoder reads a sequence step by step, and its last output gives the code. The decoder
    writes the sequence step by step and gets the code as its input at each step.

    Parameters
    ----------
    sequence_shape : tuple of int or None, default=None
        (number of steps, values per step) of the sequences. Each row is a sequence, flattened
        step after step. None: one value per step.
    cell : {"gru", "lstm"}, default="gru"
        Kind of recurrent layer.
    hidden_size : int, default=64
        Size of the hidden state.
    n_layers : int, default=1
        Number of recurrent layers.

    References
    ----------
    Srivastava, Mansimov and Salakhutdinov, "Unsupervised learning of video
    representations using LSTMs", ICML 2015.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.architectures import Recurrent
    >>> encoder, decoder = Recurrent(sequence_shape=(50, 3)).build(150, 8)
    >>> decoder(encoder(torch.zeros(5, 150))).shape
    torch.Size([5, 150])
    """

    def __init__(
        self,
        sequence_shape: tuple[int, int] | None = None,
        cell: str = "gru",
        hidden_size: int = 64,
        n_layers: int = 1,
    ) -> None:
        self.sequence_shape = sequence_shape
        self.cell = cell
        self.hidden_size = hidden_size
        self.n_layers = n_layers

    def build(self, n_features: int, n_components: int) -> Modules:  # numpydoc ignore=PR01,RT01
        """Check the parameters, and build encoder and decoder.

        Rows that can not have `sequence_shape` raise a ValueError.
        """
        check_option("cell", self.cell, CELLS)
        check_scalar(self.hidden_size, "hidden_size", Integral, min_val=1)
        check_scalar(self.n_layers, "n_layers", Integral, min_val=1)
        shape = (n_features, 1) if self.sequence_shape is None else self.sequence_shape
        shape = _check_shape("sequence_shape", shape, n_features, lengths=(2,))
        parameters = (shape, self.cell, self.hidden_size, self.n_layers, n_components)
        return RecurrentEncoder(*parameters), RecurrentDecoder(*parameters)


_GLOBAL_RANDOM_STATE = threading.Lock()  # fits in several threads share the global state


@contextmanager
def _seeded_global_state(generator: torch.Generator) -> Iterator[None]:
    """Seed the global random state of the CPU, and restore it afterwards."""
    seed = int(torch.randint(2**62, (), generator=generator, device="cpu"))
    with _GLOBAL_RANDOM_STATE, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def call_build(owner: Any, *sizes: int, generator: torch.Generator) -> Any:
    # numpydoc ignore=PR01,RT01
    """Call ``owner.build(*sizes)`` without reading or changing the global random state.

    A ``build`` that has a parameter `generator` gets the generator. For any other, the generator
    seeds the global random state around the call.
    """
    if "generator" in signature(owner.build).parameters:
        return owner.build(*sizes, generator=generator)
    with _seeded_global_state(generator):
        return owner.build(*sizes)


def build_modules(
    architecture: Any,
    n_features: int,
    n_components: int,
    generator: torch.Generator,
    *,
    n_hidden: int,
    check_width: bool = True,
) -> Modules:  # numpydoc ignore=PR01,RT01
    """Build encoder and decoder without reading or changing the global random state.

    The encoder gives `n_hidden` numbers for each row, from which the latent makes the
    `n_components` numbers that the decoder takes. Without `check_width`, no module is called.

    It raises a TypeError if the architecture does not give two modules. It raises a ValueError if
    the modules do not fit these sizes, have no parameters, use batch normalisation, or share
    weights that would need two shapes.
    """
    encoder, decoder = _build_pair(architecture, n_features, n_components, generator)
    if n_hidden != n_components and not isinstance(architecture, tuple):
        if not set(encoder.parameters()).isdisjoint(decoder.parameters()):
            raise ValueError(
                f"{architecture!r}, whose encoder and decoder share weights, is not supported "
                f"with a latent that takes {n_hidden} numbers from the encoder and gives "
                f"{n_components} to the decoder."
            )
        encoder, _ = _build_pair(architecture, n_features, n_hidden, generator)
    for module in (*encoder.modules(), *decoder.modules()):
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            raise ValueError(
                f"The architecture must not contain {module!r}, which makes the output of a row "
                "depend on the other rows of its batch. Use LayerNorm or GroupNorm."
            )
    if check_width:
        with _seeded_global_state(generator):  # lazy modules are initialised by their first call
            _check_width("encoder", encoder, n_features, n_hidden)
            _check_width("decoder", decoder, n_components, n_features)
    if not any(weights.requires_grad for weights in (*encoder.parameters(), *decoder.parameters())):
        raise ValueError(f"The architecture has no parameters to train: {encoder!r}, {decoder!r}.")
    return encoder, decoder


def _build_pair(
    architecture: Any, n_features: int, n_components: int, generator: torch.Generator
) -> Modules:
    modules: Any
    if isinstance(architecture, tuple):
        modules = copy.deepcopy(architecture)
    else:
        modules = call_build(architecture, n_features, n_components, generator=generator)
    if (
        not isinstance(modules, (tuple, list))
        or len(modules) != 2
        or not all(isinstance(module, nn.Module) for module in modules)
    ):
        raise TypeError(
            "An architecture must give an encoder and a decoder, both torch.nn.Module; "
            f"{architecture!r} gives {modules!r}."
        )
    return modules[0], modules[1]


def _check_width(name: str, module: nn.Module, n_in: int, n_out: int) -> None:
    dtype = next((parameter.dtype for parameter in module.parameters()), torch.float32)
    with torch.no_grad():
        output = module.eval()(torch.zeros(2, n_in, dtype=dtype))
    if output.shape != (2, n_out):
        raise ValueError(
            f"The {name} must map (batch, {n_in}) to (batch, {n_out}), but it maps (2, {n_in}) to "
            f"{tuple(output.shape)}."
        )


def _check_shape(name: str, shape: Any, n_features: int, lengths: tuple[int, ...]) -> Any:
    if len(shape) not in lengths:
        raise ValueError(f"{name} must have {' or '.join(map(str, lengths))} sizes, got {shape!r}.")
    for size in shape:
        check_scalar(size, name, Integral, min_val=1)
    if math.prod(shape) != n_features:
        raise ValueError(
            f"{name}={tuple(shape)} needs {math.prod(shape)} columns, but X has {n_features} "
            "features."
        )
    return tuple(shape)

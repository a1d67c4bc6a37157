"""Architectures: parameters that build an encoder and a decoder.

An architecture is any object with ``build(n_features, n_components)`` that gives two
modules: an encoder from ``(batch, n_features)`` to ``(batch, n_components)`` and a decoder
the other way round, each ending in a layer with parameters. If ``build`` has a parameter
`generator`, it is given the :class:`torch.Generator` to draw initial weights from;
otherwise the modules' own initialisation is seeded around the call.
"""

from collections.abc import Sequence
from inspect import signature
from numbers import Integral, Real
from typing import Any

import torch
from sklearn.utils import check_scalar
from torch import nn

from sklearn_ae._parameter_object import ParameterObject
from sklearn_ae.nn import ACTIVATIONS, Stack


class MLP(ParameterObject):
    """Fully connected encoder, and a decoder that mirrors it.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(128, 64)
        Widths of the encoder's hidden layers; the decoder has them in reverse. Empty: a
        linear autoencoder.
    activation : {"gelu", "relu", "leaky_relu", "elu", "silu", "tanh", "logistic", \
            "identity"}, default="gelu"
        Activation of the hidden layers.
    dropout : float, default=0.0
        Probability of a hidden unit to be dropped in training, in [0, 1).

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
        (0): Linear(8, 16, n_members=1)
        (1): GELU(approximate='none')
        (2): Linear(16, 2, n_members=1)
      )
    )
    """

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (128, 64),
        activation: str = "gelu",
        dropout: float = 0.0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout

    def build(
        self, n_features: int, n_components: int, *, generator: torch.Generator | None = None
    ) -> tuple[nn.Module, nn.Module]:
        """Build the two networks.

        Parameters
        ----------
        n_features : int
            Width of the input.
        n_components : int
            Size of the code.
        generator : torch.Generator or None, default=None
            Source of the initial weights; the global one if None.

        Returns
        -------
        encoder, decoder : nn.Module
            The two networks.

        Raises
        ------
        ValueError
            If a parameter has a value that it can not have.
        """
        hidden: Any = self.hidden_layer_sizes
        hidden = [hidden] if isinstance(hidden, Integral) else list(hidden)
        for size in hidden:
            check_scalar(size, "hidden_layer_sizes", Integral, min_val=1)
        check_scalar(self.dropout, "dropout", Real, min_val=0, max_val=1, include_boundaries="left")
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation must be one of {sorted(ACTIVATIONS)}, got {self.activation!r}."
            )
        encoder, decoder = (
            Stack(sizes, activation=self.activation, dropout=self.dropout, generator=generator)
            for sizes in (
                [n_features, *hidden, n_components],
                [n_components, *reversed(hidden), n_features],
            )
        )
        return encoder, decoder


def build_modules(
    architecture: Any, n_features: int, n_components: int, generator: torch.Generator
) -> tuple[nn.Module, nn.Module]:
    """Build encoder and decoder without reading or changing global random state.

    Parameters
    ----------
    architecture : object with a method ``build``
        The architecture.
    n_features : int
        Width of the input.
    n_components : int
        Size of the code.
    generator : torch.Generator
        Source of the initial weights.

    Returns
    -------
    encoder, decoder : nn.Module
        The two networks.

    Raises
    ------
    TypeError
        If the architecture does not give two modules.
    """
    if "generator" in signature(architecture.build).parameters:
        modules = architecture.build(n_features, n_components, generator=generator)
    else:
        seed = int(torch.randint(2**62, (), generator=generator))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            modules = architecture.build(n_features, n_components)
    if len(modules) != 2 or not all(isinstance(module, nn.Module) for module in modules):
        raise TypeError(
            f"{type(architecture).__name__}.build must return an encoder and a decoder, both "
            f"torch.nn.Module; got {modules!r}."
        )
    encoder, decoder = modules
    return encoder, decoder

"""Convolutional encoder and decoder for flattened images."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn


class ConvolutionalEncoder(nn.Module):
    """Strided convolutions, then a linear layer to the code.

    Parameters
    ----------
    image_shape : tuple of int
        Channels, height and width of the images.
    channels : sequence of int
        Output channels of each convolution.
    kernel_size : int
        Side of the kernels, odd.
    stride : int
        Stride of each convolution, the factor by which it shrinks the image.
    n_components : int
        Size of the code.
    activation : callable
        Returns the activation module after each convolution.

    Notes
    -----
    Shapes: input ``(batch, n_features)``, output ``(batch, n_components)``. Each row is an
    image, flattened in the order of `image_shape`.

    The layers are normalised over channels and pixels within each image [1]_. The code of an
    image then does not depend on the other images of its batch.

    References
    ----------
    .. [1] Wu and He, "Group normalization", ECCV 2018.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sklearn_ae.nn import ConvolutionalEncoder
    >>> encoder = ConvolutionalEncoder((1, 9, 7), [4, 8], 3, 2, 5, nn.GELU)
    >>> encoder(torch.zeros(2, 63)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        channels: Sequence[int],
        kernel_size: int,
        stride: int,
        n_components: int,
        activation: Callable[[], nn.Module],
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        padding = kernel_size // 2
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise([image_shape[0], *channels]):
            layers += [
                nn.Conv2d(n_in, n_out, kernel_size, stride, padding),
                nn.GroupNorm(1, n_out),
                activation(),
            ]
        self.convolutions = nn.Sequential(*layers)
        last = _image_sizes(image_shape[1:], len(channels), kernel_size, stride)[-1]
        self.to_code = nn.Linear(channels[-1] * math.prod(last), n_components)

    def forward(self, x: Tensor) -> Tensor:
        images = x.unflatten(-1, self.image_shape)
        return self.to_code(self.convolutions(images).flatten(-3))


class ConvolutionalDecoder(nn.Module):
    """A linear layer, then transposed convolutions: :class:`ConvolutionalEncoder` in reverse.

    Parameters
    ----------
    image_shape : tuple of int
        Channels, height and width of the images.
    channels : sequence of int
        Output channels of each convolution of the encoder.
    kernel_size : int
        Side of the kernels, odd.
    stride : int
        Stride of each convolution, the factor by which it grows the image.
    n_components : int
        Size of the code.
    activation : callable
        Returns the activation module before each transposed convolution.

    Notes
    -----
    Shapes: input ``(batch, n_components)``, output ``(batch, n_features)``.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sklearn_ae.nn import ConvolutionalDecoder
    >>> decoder = ConvolutionalDecoder((1, 9, 7), [4, 8], 3, 2, 5, nn.GELU)
    >>> decoder(torch.zeros(2, 5)).shape
    torch.Size([2, 63])
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        channels: Sequence[int],
        kernel_size: int,
        stride: int,
        n_components: int,
        activation: Callable[[], nn.Module],
    ) -> None:
        super().__init__()
        sizes = _image_sizes(image_shape[1:], len(channels), kernel_size, stride)
        self.first_shape = (channels[-1], *sizes[-1])
        self.from_code = nn.Linear(n_components, math.prod(self.first_shape))
        padding = kernel_size // 2
        layers: list[nn.Module] = []
        all_channels = [image_shape[0], *channels]
        for i in reversed(range(len(channels))):
            n_in, n_out = all_channels[i + 1], all_channels[i]
            # Images of several sizes shrink to the same size: the padding selects the right one.
            (height, width), (small_height, small_width) = sizes[i], sizes[i + 1]
            smallest = kernel_size - 2 * padding - stride
            output_padding = (
                height - (small_height * stride + smallest),
                width - (small_width * stride + smallest),
            )
            layers += [
                nn.GroupNorm(1, n_in),
                activation(),
                nn.ConvTranspose2d(n_in, n_out, kernel_size, stride, padding, output_padding),
            ]
        self.convolutions = nn.Sequential(*layers)

    def forward(self, code: Tensor) -> Tensor:
        images = self.from_code(code).unflatten(-1, self.first_shape)
        return self.convolutions(images).flatten(-3)


def _image_sizes(
    size: tuple[int, int], n_layers: int, kernel_size: int, stride: int
) -> list[tuple[int, int]]:
    """Compute height and width before and after each of several convolutions."""
    border = 2 * (kernel_size // 2) - kernel_size
    sizes = [size]
    for _ in range(n_layers):
        height, width = sizes[-1]
        sizes.append(((height + border) // stride + 1, (width + border) // stride + 1))
    return sizes

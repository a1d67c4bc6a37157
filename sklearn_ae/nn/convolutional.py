"""Convolutional encoder and decoder for flattened images."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn


class ConvolutionalEncoder(nn.Module):
    """Strided convolutions, then a linear layer: ``(batch, n_features)`` to the code.

    Each row is an image, flattened in the order of `image_shape`: channels, height, width.
    `channels` are those after each convolution, and `kernel_size` is odd. Each convolution shrinks
    the image by a factor of `stride`.

    The layers are normalised over channels and pixels within each image, as in Wu and He, "Group
    normalization", ECCV 2018. The code of an image then does not depend on the other images of
    its batch.
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
    """The encoder in reverse, with transposed convolutions: the code to ``(batch, n_features)``.

    The arguments are those of the :class:`ConvolutionalEncoder`.
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
        steps = zip(pairwise([image_shape[0], *channels]), pairwise(sizes), strict=True)
        for (n_out, n_in), (size, small) in reversed(list(steps)):
            # Images of several sizes shrink to the same size: the padding selects the right one.
            smallest = [(side - 1) * stride - 2 * padding + kernel_size for side in small]
            output_padding = (size[0] - smallest[0], size[1] - smallest[1])
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
    """List the heights and widths before the first and after each of `n_layers` convolutions."""
    border = 2 * (kernel_size // 2) - kernel_size
    sizes = [size]
    for _ in range(n_layers):
        height, width = sizes[-1]
        sizes.append(((height + border) // stride + 1, (width + border) // stride + 1))
    return sizes

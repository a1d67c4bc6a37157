import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sklearn_ae.nn import ConvolutionalDecoder, ConvolutionalEncoder


@settings(max_examples=40)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 13), st.integers(1, 13)),
    n_layers=st.integers(1, 3),
    kernel_size=st.sampled_from([3, 5]),
    stride=st.integers(1, 3),
)
def test_any_size_comes_back(shape, n_layers, kernel_size, stride):
    parameters = (shape, [2] * n_layers, kernel_size, stride, 4, nn.ReLU)
    x = torch.zeros(2, math.prod(shape))
    code = ConvolutionalEncoder(*parameters)(x)
    assert code.shape == (2, 4)
    assert ConvolutionalDecoder(*parameters)(code).shape == x.shape


def test_rows_do_not_depend_on_each_other():
    torch.manual_seed(0)
    encoder = ConvolutionalEncoder((1, 6, 6), [3], 3, 2, 2, nn.GELU)
    x = torch.rand(5, 36)
    torch.testing.assert_close(encoder(x)[2:3], encoder(x[2:3]))


@pytest.mark.parametrize("shift", [0, 2])
def test_looks_at_neighbours_as_an_image_has_them(shift):
    """A spot of an image changes the feature maps near it alone."""
    encoder = ConvolutionalEncoder((1, 8, 8), [1], 3, 1, 2, nn.Identity)
    image = torch.zeros(1, 8, 8)
    image[0, 2 + shift, 3 + shift] = 1
    maps = encoder.convolutions[0](image[None]) - encoder.convolutions[0](torch.zeros(1, 1, 8, 8))
    changed = maps[0, 0].abs() > 1e-6
    expected = torch.zeros(8, 8, dtype=torch.bool)
    expected[1 + shift : 4 + shift, 2 + shift : 5 + shift] = True
    assert not (changed & ~expected).any()

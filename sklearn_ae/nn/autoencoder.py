"""The autoencoder: encoder, decoder, linear path and the units of the data."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sklearn_ae.nn.latent import Latent
from sklearn_ae.nn.linear_path import LinearPath
from sklearn_ae.nn.random import Corruption


class Output(NamedTuple):
    """What the training objective may look at.

    Attributes
    ----------
    standard_input : Tensor of shape (..., batch, n_features)
        The input in standard units, ``(x - shift) / scale``.
    raw : Tensor of shape (..., batch, n_features)
        What the decoder gives: the reconstruction in standard units, or the logits
        where the output is logistic.
    code : Tensor of shape (..., batch, n_components)
        The code.
    """

    standard_input: Tensor
    raw: Tensor
    code: Tensor


class Autoencoder(nn.Module):
    """Encoder and decoder between input units, with standard units inside.

    Parameters
    ----------
    encoder : nn.Module
        Maps ``(batch, n_features)`` to ``(batch, n_components)``, in standard units.
    decoder : nn.Module
        Maps ``(batch, n_components)`` to ``(batch, n_features)``.
    shift : Tensor of shape (n_features,)
        What is subtracted from the input.
    scale : Tensor of shape () or (n_features,)
        What the shifted input is divided by; one scale or one a column.
    dtype : torch.dtype or None, default=None
        Type of the weights, where it differs from that of the data, which is that of
        `shift` and `scale`: rows are standardised in theirs and computed with in this.
    linear_path : LinearPath or None, default=None
        Added to encoder and decoder.
    latent : Latent or None, default=None
        Applied to what the encoder gives.
    corruption : Corruption or None, default=None
        Applied to what the encoder sees, not to what the reconstruction is compared with.
    logistic_output : bool, default=False
        Whether the reconstruction is the logistic function of the decoder's output, for
        inputs in [0, 1], instead of its output taken back to input units.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.nn import Autoencoder, Stack
    >>> autoencoder = Autoencoder(
    ...     Stack([4, 8, 2]), Stack([2, 8, 4]), shift=torch.zeros(4), scale=torch.ones(())
    ... )
    >>> code = autoencoder.encode(torch.zeros(5, 4))
    >>> code.shape, autoencoder.decode(code).shape
    (torch.Size([5, 2]), torch.Size([5, 4]))
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        *,
        shift: Tensor,
        scale: Tensor,
        dtype: torch.dtype | None = None,
        linear_path: LinearPath | None = None,
        latent: Latent | None = None,
        corruption: Corruption | None = None,
        logistic_output: bool = False,
    ) -> None:
        super().__init__()
        self.dtype = shift.dtype if dtype is None else dtype
        self.encoder = encoder
        self.decoder = decoder
        self.linear_path = linear_path
        self.latent = Latent() if latent is None else latent
        self.corruption = corruption
        self.logistic_output = logistic_output
        self.register_buffer("shift", shift)
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Output:
        standard = self.standardize(x)
        if self.corruption is None:
            code = self.encode_standard(standard)
        else:
            code = self.encode_standard(self.standardize(self.corruption(x)))
        return Output(standard, self._decode(code), code)

    def encode(self, x: Tensor) -> Tensor:
        """Give the code of rows in input units.

        Parameters
        ----------
        x : Tensor of shape (..., n_features)
            Rows in input units.

        Returns
        -------
        code : Tensor of shape (..., n_components)
            Their codes.
        """
        return self.encode_standard(self.standardize(x))

    def encode_standard(self, standard: Tensor) -> Tensor:
        """Give the code of rows in standard units.

        Parameters
        ----------
        standard : Tensor of shape (..., n_features)
            Rows in standard units.

        Returns
        -------
        code : Tensor of shape (..., n_components)
            Their codes.
        """
        hidden = self.encoder(standard)
        if self.linear_path is not None:
            hidden = hidden + self.linear_path.encode(standard)
        return self.latent(hidden)

    def decode(self, code: Tensor) -> Tensor:
        """Give the reconstruction of a code, in input units.

        Parameters
        ----------
        code : Tensor of shape (..., n_components)
            Codes.

        Returns
        -------
        reconstruction : Tensor of shape (..., n_features)
            Rows in input units.
        """
        return self.to_input_units(self._decode(code.to(self.dtype)))

    def residual(self, x: Tensor) -> Tensor:
        """Give input minus reconstruction, in standard units.

        Parameters
        ----------
        x : Tensor of shape (..., n_features)
            Rows in input units.

        Returns
        -------
        residual : Tensor of shape (..., n_features)
            Differences in standard units.
        """
        standard, raw, _ = self(x)
        if self.logistic_output:
            return (x - raw.sigmoid()) / self.scale
        # Not by way of input units: a large shift would cost the small differences.
        return standard - raw

    def standardize(self, x: Tensor) -> Tensor:
        """Take rows from input units to standard units.

        Parameters
        ----------
        x : Tensor of shape (..., n_features)
            Rows in input units.

        Returns
        -------
        standard : Tensor of shape (..., n_features)
            The same rows in standard units.
        """
        return ((x - self.shift) / self.scale).to(self.dtype)

    def to_input_units(self, raw: Tensor) -> Tensor:
        """Take the decoder's output to input units.

        Parameters
        ----------
        raw : Tensor of shape (..., n_features)
            What the decoder gives.

        Returns
        -------
        reconstruction : Tensor of shape (..., n_features)
            Rows in input units.
        """
        raw = raw.to(self.shift.dtype)
        return raw.sigmoid() if self.logistic_output else raw * self.scale + self.shift

    def _decode(self, code: Tensor) -> Tensor:
        raw = self.decoder(code)
        return raw if self.linear_path is None else raw + self.linear_path.decode(code)

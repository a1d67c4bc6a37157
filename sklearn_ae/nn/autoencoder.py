"""The autoencoder: encoder, decoder, linear path and the units of the data."""

import torch
from torch import Tensor, nn

from sklearn_ae.nn.code_basis import CodeBasis
from sklearn_ae.nn.latent import IdentityLatent, Latent, Output
from sklearn_ae.nn.linear_path import LinearPath
from sklearn_ae.nn.random import Corruption


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
    basis : CodeBasis or None, default=None
        Coordinates of the codes that are given away. None: those of encoder and decoder.
    output_activation : nn.Module or None, default=None
        Maps the decoder's output to the reconstruction in input units. None: the output
        is in standard units, and taken back from there.
    bounds : Tensor of shape (2, n_features) or None, default=None
        The smallest and the largest values of a reconstruction, in input units: it is
        clipped there. None: there are none.
    likelihood : str or None, default=None
        What the loss means as a distribution, a key of ``LIKELIHOODS``, if it does.

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
    bounds: Tensor | None

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
        basis: CodeBasis | None = None,
        output_activation: nn.Module | None = None,
        bounds: Tensor | None = None,
        likelihood: str | None = None,
    ) -> None:
        super().__init__()
        self.dtype = shift.dtype if dtype is None else dtype
        self.encoder = encoder
        self.decoder = decoder
        self.linear_path = linear_path
        self.latent = IdentityLatent() if latent is None else latent
        self.corruption = corruption
        self.basis = basis
        self.output_activation = output_activation
        self.likelihood = likelihood
        self.register_buffer("shift", shift)
        self.register_buffer("scale", scale)
        self.register_buffer("bounds", bounds)

    def forward(self, x: Tensor) -> Output:
        standard = self.standardize(x)
        seen = standard if self.corruption is None else self.standardize(self.corruption(x))
        hidden = self.hidden(seen)
        code = self.latent(hidden)
        return Output(standard, self.decode_raw(code), code, hidden)

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
        code = self.encode_standard(self.standardize(x))
        return code if self.basis is None else self.basis.encode(code)

    def encode_standard(self, standard: Tensor) -> Tensor:
        """Give the code of rows in standard units, as the decoder takes it.

        Parameters
        ----------
        standard : Tensor of shape (..., n_features)
            Rows in standard units.

        Returns
        -------
        code : Tensor of shape (..., n_components)
            Their codes.
        """
        return self.latent(self.hidden(standard))

    def hidden(self, standard: Tensor) -> Tensor:
        """Give what the latent makes the code of.

        Parameters
        ----------
        standard : Tensor of shape (..., n_features)
            Rows in standard units.

        Returns
        -------
        hidden : Tensor of shape (..., n_hidden)
            What encoder and linear path give.
        """
        # Codes are computed with in full precision, also where products are not.
        hidden = self.encoder(standard).to(self.dtype)
        if self.linear_path is not None:
            hidden = hidden + self.linear_path.encode(standard)
        return hidden

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
        return self.to_input_units(self.decode_raw(self._to_own_coordinates(code)))

    def decode_to_standard(self, code: Tensor) -> Tensor:
        """Give the reconstruction of a code, in standard units.

        Parameters
        ----------
        code : Tensor of shape (..., n_components)
            Codes.

        Returns
        -------
        reconstruction : Tensor of shape (..., n_features)
            Rows in standard units.
        """
        return self.to_standard_units(self.decode_raw(self._to_own_coordinates(code)))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Encode and decode rows in input units.

        Parameters
        ----------
        x : Tensor of shape (..., n_features)
            Rows in input units.

        Returns
        -------
        reconstruction : Tensor of shape (..., n_features)
            Their reconstructions.
        """
        code = self.encode_standard(self.standardize(x))
        return self.to_input_units(self.decode_raw(code))

    def residual(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        """Give input minus reconstruction, in standard units.

        Parameters
        ----------
        x : Tensor of shape (..., n_features)
            Rows in input units.
        code : Tensor of shape (..., n_components) or None, default=None
            What to reconstruct them from. None: the codes that the encoder gives.

        Returns
        -------
        residual : Tensor of shape (..., n_features)
            Differences in standard units.
        """
        standard = self.standardize(x)
        raw = self.decode_raw(
            self.encode_standard(standard) if code is None else self._to_own_coordinates(code)
        )
        if self.output_activation is not None:
            return (x - self.to_input_units(raw)) / self.scale
        # Not by way of input units: a large shift would cost the small differences.
        return standard - self.to_standard_units(raw)

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
        return (x - self.shift).div_(self.scale).to(self.dtype)

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
        if self.output_activation is not None:
            return self.output_activation(raw)
        reconstruction = raw * self.scale + self.shift
        return reconstruction if self.bounds is None else _clip(reconstruction, *self.bounds)

    def to_standard_units(self, raw: Tensor) -> Tensor:
        """Take the decoder's output to standard units.

        Parameters
        ----------
        raw : Tensor of shape (..., n_features)
            What the decoder gives.

        Returns
        -------
        reconstruction : Tensor of shape (..., n_features)
            Rows in standard units.
        """
        if self.output_activation is not None:
            return self.standardize(self.output_activation(raw))
        return raw if self.bounds is None else _clip(raw, *self.standardize(self.bounds))

    def decode_raw(self, code: Tensor) -> Tensor:
        """Give what the decoder and the linear path make of a code.

        Parameters
        ----------
        code : Tensor of shape (..., n_components)
            Codes.

        Returns
        -------
        raw : Tensor of shape (..., n_features)
            The reconstruction in standard units, before it is clipped, or what its
            activation is applied to.
        """
        raw = self.decoder(code).to(self.dtype)
        return raw if self.linear_path is None else raw + self.linear_path.decode(code)

    def _to_own_coordinates(self, code: Tensor) -> Tensor:
        """Take codes that were given away to the coordinates of the decoder."""
        code = code.to(self.dtype)
        return code if self.basis is None else self.basis.decode(code)


def _clip(x: Tensor, smallest: Tensor, largest: Tensor) -> Tensor:
    """Clip, with the gradient of what is clipped.

    No target is beyond the bounds. So what is clipped either is right, and the loss has
    no gradient, or it has to come back, and could not if clipping stopped the gradient.
    """
    clipped = x.detach().clamp(smallest, largest)
    return clipped + (x - x.detach()) if x.requires_grad else clipped

"""The autoencoder: encoder, decoder, linear path and the units of the data."""

import torch
from torch import Tensor, nn

from sklearn_ae.nn.code_basis import CodeBasis
from sklearn_ae.nn.latent import IdentityLatent, Latent, Output
from sklearn_ae.nn.linear_path import LinearPath
from sklearn_ae.nn.random import Corruption


class Autoencoder(nn.Module):
    """Encoder and decoder, which take and give rows in input units and work in standard units.

    Standard units are ``(x - shift) / scale``, and with `axes` the projections of these. Rows are
    standardised in the type of `shift` and `scale`, which is that of the data. The network computes
    in `dtype`.

    Parameters
    ----------
    encoder : nn.Module
        Maps ``(batch, n_features)`` to ``(batch, n_hidden)``, in standard units.
    decoder : nn.Module
        Maps ``(batch, n_components)`` to ``(batch, n_features)``.
    shift : Tensor of shape (n_features,)
        Shift of the units.
    scale : Tensor of shape () or (n_features,)
        Scale of the units: one for all columns, or one for each.
    dtype : torch.dtype or None, default=None
        Type of the weights. None: that of the data.
    linear_path : LinearPath or None, default=None
        Added to the outputs of encoder and decoder.
    latent : Latent or None, default=None
        Maps the output of the encoder to the code. None: it is the code.
    corruption : Corruption or None, default=None
        Corrupts the rows that the encoder sees. The loss compares reconstructions with the
        rows as they are.
    basis : CodeBasis or None, default=None
        Coordinates in which ``encode`` gives codes and ``decode`` takes them. None: those of
        encoder and decoder.
    output_activation : nn.Module or None, default=None
        Maps the output of the decoder to the reconstruction in input units. None: the output
        is the reconstruction in standard units.
    bounds : Tensor of shape (2, n_features) or None, default=None
        Smallest and largest values, in input units, to which reconstructions are clipped.
    likelihood : str or None, default=None
        The distribution that the loss stands for, a key of ``LIKELIHOODS``.
    axes : Tensor of shape (n_projected, n_features) or None, default=None
        Orthonormal axes. Encoder and decoder then take and give ``n_projected`` numbers for each
        row, its projections.

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
    axes: Tensor | None

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
        axes: Tensor | None = None,
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
        self.register_buffer("axes", axes)

    def forward(self, x: Tensor) -> Output:
        standard = self.standardize(x)
        seen = standard if self.corruption is None else self.standardize(self.corruption(x))
        hidden = self.hidden(seen)
        code = self.latent(hidden)
        return Output(standard, self.decode_raw(code), code, hidden)

    def encode(self, x: Tensor) -> Tensor:
        """Encode rows ``(..., n_features)`` in input units to codes ``(..., n_components)``."""
        code = self.encode_standard(self.standardize(x))
        return code if self.basis is None else self.basis.encode(code)

    def encode_standard(self, standard: Tensor) -> Tensor:
        """Encode rows ``(..., n_features)`` in standard units to codes that the decoder takes."""
        return self.latent(self.hidden(standard))

    def hidden(self, standard: Tensor) -> Tensor:
        """Map rows ``(..., n_features)`` in standard units to the latent's input."""
        # Codes stay in full precision where autocast computes products in less.
        hidden = self.encoder(standard).to(self.dtype)
        if self.linear_path is not None:
            hidden = hidden + self.linear_path.encode(standard)
        return hidden

    def decode(self, code: Tensor) -> Tensor:
        """Decode codes ``(..., n_components)`` to rows ``(..., n_features)`` in input units."""
        return self.to_input_units(self.decode_raw(self._to_own_coordinates(code)))

    def decode_to_standard(self, code: Tensor) -> Tensor:
        """Decode codes ``(..., n_components)`` to rows ``(..., n_features)`` in standard units."""
        return self.to_standard_units(self.decode_raw(self._to_own_coordinates(code)))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Encode and decode rows ``(..., n_features)`` in input units."""
        code = self.encode_standard(self.standardize(x))
        return self.to_input_units(self.decode_raw(code))

    def residual(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        """Give input minus reconstruction ``(..., n_features)``, in standard units.

        `x` is in input units, and `code` as ``encode`` gives it. None: what the encoder gives.
        """
        standard = self.standardize(x)
        code = self.encode_standard(standard) if code is None else self._to_own_coordinates(code)
        raw = self.decode_raw(code)
        if self.output_activation is not None or self.axes is not None:
            return (x - self.to_input_units(raw)) / self.scale
        # In standard units: beside a large shift, small differences would be lost in rounding.
        return standard - self.to_standard_units(raw)

    @property
    def widest(self) -> int:
        """The most numbers that are computed for a row at once, roughly."""
        return len(self.shift)

    def standardize(self, x: Tensor) -> Tensor:
        """Take rows ``(..., n_features)`` from input units to standard units."""
        standard = (x - self.shift).div_(self.scale)
        if self.axes is not None:
            standard = standard @ self.axes.T
        return standard.to(self.dtype)

    def to_input_units(self, raw: Tensor) -> Tensor:
        """Take the output ``(..., n_features)`` of the network to rows in input units."""
        raw = raw.to(self.shift.dtype)
        if self.output_activation is not None:
            return self.output_activation(raw)
        if self.axes is not None:
            raw = raw @ self.axes
        reconstruction = raw * self.scale + self.shift
        return reconstruction if self.bounds is None else _clip(reconstruction, *self.bounds)

    def to_standard_units(self, raw: Tensor) -> Tensor:
        """Take the output ``(..., n_features)`` of the network to rows in standard units."""
        if self.output_activation is not None:
            return self.standardize(self.output_activation(raw))
        if self.bounds is None or self.axes is not None:  # projections have no bounds
            return raw
        return _clip(raw, *self.standardize(self.bounds))

    def decode_raw(self, code: Tensor) -> Tensor:
        """Map codes that the decoder takes to the output ``(..., n_features)`` of the network.

        It is the reconstruction in standard units before clipping, or the argument of the output
        activation.
        """
        raw = self.decoder(code).to(self.dtype)
        return raw if self.linear_path is None else raw + self.linear_path.decode(code)

    def _to_own_coordinates(self, code: Tensor) -> Tensor:
        """Take codes as ``encode`` gives them to those that the decoder takes."""
        code = code.to(self.dtype)
        return code if self.basis is None else self.basis.decode(code)


def _clip(x: Tensor, smallest: Tensor, largest: Tensor) -> Tensor:
    """Clip, and pass the gradient on as if nothing was clipped.

    No target is beyond the bounds. An entry that is clipped to its target has no loss, so no
    gradient. Any other has to come back, and could not if clipping stopped the gradient.
    """
    clipped = x.detach().clamp(smallest, largest)
    return clipped + (x - x.detach()) if x.requires_grad else clipped

"""Denoising autoencoders, each with a part of the rows left out, and Gaussians beside them.

All members of a kind are computed at once: their tensors have a leading dimension of members.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from sklearn_ae.nn.autoencoder import Autoencoder
from sklearn_ae.nn.latent import Output
from sklearn_ae.nn.linear import Linear
from sklearn_ae.nn.random import ContextModule, Dropout
from sklearn_ae.nn.stack import ACTIVATIONS

# Noise levels at which rows are scored, in standard deviations. Training draws levels from the
# lowest to the highest one, and half an octave beyond.
LEVELS = (0.25, 0.7, 2.0)
_BEYOND = 2**0.5
# The networks see standard units within about +-4.
_BOUND = 4.0
# Squares of larger standard units would overflow.
_LARGEST = 1e15
_TABLE_SIZE = 256
NO_SHARE = -1e30  # logarithm of the share of a prototype that does not count


class Gaussians(nn.Module):
    """Gaussians, the linear denoisers.

    Their precisions are ``rest * I + axes.T @ diag(gain) @ axes``.

    Parameters
    ----------
    mean : Tensor of shape (n_members, n_features)
        The means.
    axes : Tensor of shape (n_members, n_axes, n_features)
        Orthonormal axes.
    gain : Tensor of shape (n_members, n_axes)
        The precision along the axes less `rest`.
    rest : Tensor of shape (n_members,)
        The precision in all other directions.
    """

    mean: Tensor
    axes: Tensor
    gain: Tensor
    rest: Tensor

    def __init__(self, mean: Tensor, axes: Tensor, gain: Tensor, rest: Tensor) -> None:
        super().__init__()
        for name, value in {"mean": mean, "axes": axes, "gain": gain, "rest": rest}.items():
            self.register_buffer(name, value)

    def load(self, other: "Gaussians") -> None:
        """Become like others, along their first axes if they have more."""
        n_axes = min(self.gain.shape[1], other.gain.shape[1])
        self.gain.zero_()
        for own, new in ((self.axes, other.axes), (self.gain, other.gain)):
            own[:, :n_axes] = new[:, :n_axes]
        self.mean.copy_(other.mean)
        self.rest.copy_(other.rest)

    def energies(self, z: Tensor) -> Tensor:
        """Give twice minus the log density of rows ``(batch, n_features)``, but for a constant.

        The energies ``(n_members, batch, n_features)`` add up over the columns.
        """
        return (z - self.mean[:, None]) * self._gradient(z)

    def expected(self, z: Tensor) -> Tensor:
        """Give the mean of each column given the other columns: ``(n_members, batch, ...)``."""
        precision = self.rest[:, None] + (self.axes.square() * self.gain[..., None]).sum(dim=1)
        return z - self._gradient(z) / precision[:, None]

    def _gradient(self, z: Tensor) -> Tensor:
        axes = self.axes
        centred = z - self.mean[:, None]
        along = (centred @ axes.mT * self.gain[:, None]) @ axes
        return along + self.rest[:, None, None] * centred


class Prototypes(nn.Module):
    """The denoisers of mixtures of Gaussians of one spread: layers of softmax units.

    Their weights are not trained: that changes hardly more than the time.

    Parameters
    ----------
    centers : Tensor of shape (n_members, n_prototypes, n_features)
        Centers of the Gaussians.
    log_spread : Tensor of shape (n_members,)
        Logarithms of their standard deviations.
    log_share, log_normal : Tensor of shape (n_members, n_prototypes)
        Logarithms of their shares of the rows, and of the parts of these that are not suspicious.
    """

    def __init__(
        self, centers: Tensor, log_spread: Tensor, log_share: Tensor, log_normal: Tensor
    ) -> None:
        super().__init__()
        self.centers = nn.Parameter(centers, requires_grad=False)
        self.log_spread = nn.Parameter(log_spread, requires_grad=False)
        self.log_share = nn.Parameter(log_share, requires_grad=False)
        self.log_normal = nn.Parameter(log_normal, requires_grad=False)

    def load(self, other: "Prototypes") -> None:
        """Become like others, which may be fewer."""
        n_prototypes = other.log_share.shape[1]
        self.log_share.fill_(NO_SHARE)
        for own, new in (
            (self.centers, other.centers),
            (self.log_share, other.log_share),
            (self.log_normal, other.log_normal),
        ):
            own[:, :n_prototypes] = new
        self.log_spread.copy_(other.log_spread)

    def similarities(self, y: Tensor) -> Tensor:
        """Compare rows ``(n_members, batch, n_features)`` with all centers."""
        centers = self.centers
        half = 0.5 * centers.square().sum(dim=-1)[:, None]
        # Half of the squared distance, negative, but for what all centers share.
        return torch.baddbmm(-half, y, centers.mT)

    def forward(
        self,
        y: Tensor,
        similarities: Tensor,
        sigma: Tensor,
        *,
        is_cautious: bool,
    ) -> Tensor:
        """Denoise rows with noise of levels ``(batch, 1)``, given their similarities.

        Cautious: to what is not suspicious.
        """
        log_share = self.log_share + self.log_normal if is_cautious else self.log_share
        own = (2 * self.log_spread[:, None, None]).exp()
        variance = own + sigma * sigma
        weight = (similarities / variance).add_(log_share[:, None]).softmax(dim=-1)
        # A Gaussian keeps this share of a row's deviation from its center.
        kept = own / variance
        return (weight @ self.centers).mul_(1 - kept).add_(kept * y)


class MemberStack(nn.Module):
    """Linear layers with an activation and dropout between them, for each member.

    Parameters
    ----------
    sizes : sequence of int
        Widths of the input, the hidden layers and the output.
    n_members : int
        Number of members.
    activation : str
        A key of ``ACTIVATIONS``.
    dropout : float
        Probability that a hidden unit is dropped in training.
    generator : torch.Generator or None, default=None
        Source of the initial weights.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        n_members: int,
        *,
        activation: str,
        dropout: float,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for n_in, n_out in pairwise(sizes):
            layers = [Linear(n_in, n_out, generator=generator) for _ in range(n_members)]
            self.weights.append(torch.stack([layer.weight.detach() for layer in layers]))
            self.biases.append(torch.stack([layer.bias.detach() for layer in layers]))
        self.activation, self.dropout = ACTIVATIONS[activation](), Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs ``(n_members, batch, n_in)``, or the same inputs for all members."""
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if number > 0:
                x = self.dropout(self.activation(x))
            x = x @ weight + bias
        return x


class Denoisers(nn.Module):
    """Denoising autoencoders: prototypes, and beside them encoder and decoder.

    Parameters
    ----------
    prototypes : Prototypes
        What the denoisers start at.
    encoder, decoder : MemberStack
        From rows to codes and back, in standard units.
    box : Tensor of shape (2, n_members, n_features)
        Smallest and largest values of the rows that each knows.
    """

    box: Tensor

    def __init__(
        self,
        prototypes: Prototypes,
        encoder: MemberStack,
        decoder: MemberStack,
        box: Tensor,
    ) -> None:
        super().__init__()
        self.prototypes = prototypes
        self.encoder = encoder
        self.decoder = decoder
        self.register_buffer("box", box)

    def clip(self, z: Tensor) -> Tensor:
        """Move rows into the boxes: ``(n_members, batch, n_features)``."""
        return torch.clamp(z, *self.box[:, :, None])

    def forward(self, y: Tensor, sigma: Tensor) -> Tensor:
        """Denoise rows ``(n_members, batch, n_features)`` with noise of levels ``(batch, 1)``."""
        similarities = self.prototypes.similarities(y)
        denoised = self.prototypes(y, similarities, sigma, is_cautious=False)
        return denoised + self._correction(y, sigma)

    def denoise(self, inside: Tensor, levels: Sequence[float]) -> Iterator[Tensor]:
        """Denoise rows in the boxes at each level, cautiously."""
        similarities = self.prototypes.similarities(inside)
        for level in levels:
            sigma = inside.new_full((1, 1), level)
            denoised = self.prototypes(inside, similarities, sigma, is_cautious=True)
            yield denoised + self._correction(inside, sigma)

    def energies(self, z: Tensor) -> Tensor:
        """Give the squared errors in units of the noise, summed over the levels.

        The part of a row outside the box is added in full: it cannot cancel the error inside.
        """
        inside = self.clip(z)
        beyond = (z - inside).square()
        total = torch.zeros_like(inside)
        for level, denoised in zip(LEVELS, self.denoise(inside, LEVELS), strict=True):
            total = total + ((inside - denoised).square() + beyond) / level**2
        return total

    def _correction(self, y: Tensor, sigma: Tensor) -> Tensor:
        root = (1 + sigma * sigma).sqrt()
        code = self.encoder(_BOUND * (y / (root * _BOUND)).tanh())
        return sigma / root * self.decoder(code)


class RowNoise(ContextModule):
    """Noise that belongs to rows: equal rows of a batch get equal numbers.

    A row of weight 2 is then the row twice, in training as well.
    """

    def forward(self, key: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Give noise ``(batch, n_features)`` and its level ``(batch, 1)``, for keys in [0, 1)."""
        assert self.context is not None, "there is noise in training alone"
        table = self.context.normal(like.new_empty(_TABLE_SIZE, like.shape[-1]))
        shift = self.context.uniform(key.new_empty(1))
        noise = table[(key * _TABLE_SIZE).long()]
        lowest, highest = LEVELS[0] / _BEYOND, LEVELS[-1] * _BEYOND
        # The digits of the key beyond those that chose the noise.
        place = (key * _TABLE_SIZE + shift).frac()
        sigma = lowest * (highest / lowest) ** place
        return noise, sigma.to(like.dtype)[:, None]


class DenoisingAutoencoder(Autoencoder):
    """Denoising autoencoders that leave out one part of the rows each, and a Gaussian for each.

    Parameters
    ----------
    denoisers : Denoisers
        One for each fold.
    gaussians : Gaussians
        One for each fold.
    direction : Tensor of shape (n_features,)
        Direction of the projection that gives each row its key.
    cuts : Tensor of shape (n_folds - 1,)
        Keys at which a fold ends and the next one begins. Empty: no row is left out.
    shift, scale, dtype
        See :class:`Autoencoder`.
    """

    direction: Tensor
    cuts: Tensor

    def __init__(
        self,
        denoisers: Denoisers,
        gaussians: Gaussians,
        *,
        direction: Tensor,
        cuts: Tensor,
        shift: Tensor,
        scale: Tensor,
        dtype: torch.dtype,
    ) -> None:
        super().__init__(
            denoisers.encoder, denoisers.decoder, shift=shift, scale=scale, dtype=dtype
        )
        self.denoisers, self.gaussians = denoisers, gaussians
        self.noise = RowNoise()
        self.register_buffer("direction", direction)
        self.register_buffer("cuts", cuts)

    @property
    def widest(self) -> int:
        """The most numbers that are computed for a row at once."""
        return max(self.denoisers.box[0].numel(), self.denoisers.prototypes.log_share.numel())

    @property
    def leaves_out(self) -> bool:
        """Whether every row is left out by a member of each kind."""
        return len(self.cuts) > 0

    def forward(self, x: Tensor) -> Output:
        """Denoise rows with noise added, by all members side by side.

        Rows and reconstructions are in units of the noise, and 0 for members that leave the row
        out, so the mean squared difference is the loss.
        """
        z = self.standardize_clipped(x)
        key = self.keys(z)
        noise, sigma = self.noise(key, z)
        takes_part = torch.ones(len(self.cuts) + 1, len(z), dtype=torch.bool, device=z.device)
        if self.leaves_out:
            takes_part.scatter_(0, self._fold(key)[None], False)
        unit = takes_part[..., None] / sigma
        inside = self.denoisers.clip(z)
        denoised = self.denoisers(inside + sigma * noise, sigma)
        target, raw = ((each * unit).swapaxes(0, 1).flatten(1) for each in (inside, denoised))
        nothing = z[:, :0]
        return Output(target, raw, nothing, nothing)

    def keys(self, z: Tensor) -> Tensor:
        """Give a number in [0, 1) for each row in standard units, the same for equal rows."""
        return row_keys(z, self.direction)

    def folds(self, x: Tensor) -> Tensor:
        """Give the number of the members that leave out each row in input units."""
        return self._fold(self.keys(self.standardize_clipped(x)))

    def standardize_clipped(self, x: Tensor) -> Tensor:
        """Take rows to standard units whose squares are finite."""
        return self.standardize(x).clamp(-_LARGEST, _LARGEST)

    def energies(self, x: Tensor) -> Tensor:
        """Give how unlikely rows are to the Gaussians and to the denoisers, the two views.

        Parameters
        ----------
        x : Tensor of shape (batch, n_features)
            Rows in input units.

        Returns
        -------
        energies : Tensor of shape (batch, 2, n_members)
        """
        return self._views(self.standardize_clipped(x)).sum(dim=-1).permute(2, 0, 1)

    def energies_by_column(self, x: Tensor) -> Tensor:
        """Give the parts of the energies: ``(batch, 2, n_members, n_features)``."""
        z = self.standardize_clipped(x)
        return self._views(z).permute(2, 0, 1, 3)

    def expected(self, x: Tensor) -> Tensor:
        """Give the values that each view expects of rows in input units, in standard units.

        Returns
        -------
        expected : Tensor of shape (batch, 2, n_features)
        """
        z = self.standardize_clipped(x)
        denoised = next(self.denoisers.denoise(self.denoisers.clip(z), [1.0]))
        return torch.stack([each.mean(dim=0) for each in (self.gaussians.expected(z), denoised)], 1)

    def hidden(self, standard: Tensor) -> Tensor:
        """Map rows ``(batch, n_features)`` in standard units to the codes of the first member."""
        return self.encoder(standard)[0]

    def residual(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        """Give rows less what the networks make of them at the lowest level, in standard units."""
        return self.standardize_clipped(x) - self._denoised(x)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Denoise rows in input units at the lowest level."""
        return self.to_input_units(self._denoised(x))

    def _views(self, z: Tensor) -> Tensor:
        """Give the energies: ``(2, n_members, batch, n_features)``."""
        parts = self.gaussians, self.denoisers
        return torch.stack([part.energies(z) for part in parts])

    def _denoised(self, x: Tensor) -> Tensor:
        inside = self.denoisers.clip(self.standardize_clipped(x))
        denoised = next(self.denoisers.denoise(inside, LEVELS[:1]))
        return self.denoisers.clip(denoised).mean(dim=0)

    def _fold(self, key: Tensor) -> Tensor:
        return torch.bucketize(key, self.cuts, right=True)


def row_keys(z: Tensor, direction: Tensor) -> Tensor:
    """Give a number in [0, 1) for each row ``(batch, n_features)``, the same for equal rows."""
    return ((z.double() * direction).sum(dim=-1) * 1e3).frac().abs()

"""Coordinates of the code in which its entries are like principal components."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

# Steps along a direction of the code, in its standard deviations.
_STEP = 0.1
# Entries that are held at once while the decoder's slopes are taken.
_MAX_ENTRIES = 2**18


class CodeBasis(nn.Module):
    """Coordinates of the code: centred, uncorrelated, those that matter most first.

    Encoder and decoder can turn and stretch the code between them as they like, and do, so
    that no entry of it means anything. This map from the code that they exchange to the
    one that is given away settles that without changing a reconstruction: its entries have
    mean zero and are uncorrelated, and a step of one unit along any of them moves the
    reconstruction by one unit, root mean square over the rows. The variance of an entry is
    then that of the reconstruction along it, and entries come in its order. Where encoder
    and decoder are those of PCA, the coordinates are the principal components.

    Parameters
    ----------
    n_components : int
        Size of the code.
    dtype : torch.dtype or None, default=None
        Type of the code.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.nn import CodeBasis
    >>> basis = CodeBasis(2)
    >>> code = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 3.0], [0.0, -3.0]])
    >>> basis.arrange(code, decode=lambda code: 2 * code)
    True
    >>> basis.encode(code)[2:].round().tolist()
    [[6.0, 0.0], [-6.0, 0.0]]
    >>> torch.allclose(basis.decode(basis.encode(code)), code)
    True
    """

    encoder_matrix: Tensor
    encoder_vector: Tensor
    decoder_matrix: Tensor
    decoder_vector: Tensor

    def __init__(self, n_components: int, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        # As in nn.Linear: matrices have a row for each entry of what they give.
        for part in ("encoder", "decoder"):
            self.register_buffer(f"{part}_matrix", torch.eye(n_components, dtype=dtype))
            self.register_buffer(f"{part}_vector", torch.zeros(n_components, dtype=dtype))

    def encode(self, code: Tensor) -> Tensor:
        """Go from the code that encoder and decoder exchange to these coordinates.

        Parameters
        ----------
        code : Tensor of shape (..., n_components)
            Codes.

        Returns
        -------
        arranged : Tensor of shape (..., n_components)
            Their coordinates.
        """
        return nn.functional.linear(code, self.encoder_matrix, self.encoder_vector)

    def decode(self, arranged: Tensor) -> Tensor:
        """Go back.

        Parameters
        ----------
        arranged : Tensor of shape (..., n_components)
            Coordinates.

        Returns
        -------
        code : Tensor of shape (..., n_components)
            The codes.
        """
        return nn.functional.linear(arranged, self.decoder_matrix, self.decoder_vector)

    def arrange(
        self,
        code: Tensor,
        decode: Callable[[Tensor], Tensor],
        weight: Tensor | None = None,
        n_slopes: int | None = None,
    ) -> bool:
        """Choose the coordinates by the codes of some rows.

        Parameters
        ----------
        code : Tensor of shape (n_rows, n_components)
            Their codes.
        decode : callable
            Maps codes to reconstructions of shape (n_codes, n_features).
        weight : Tensor of shape (n_rows,) or None, default=None
            Weights of the rows.
        n_slopes : int or None, default=None
            Number of rows, evenly spread, at which the slopes of the decoder are taken;
            None: all.

        Returns
        -------
        is_arranged : bool
            False where codes stay as they are: those that do not vary in all directions,
            as overcomplete ones do not, or of which the decoder takes no notice.
        """
        weight = torch.ones_like(code[:, 0]) if weight is None else weight
        weight = weight.double()[:, None]
        negligible = torch.finfo(code.dtype).eps ** 0.75
        origin, variance, axes = _uncorrelated(code.double(), weight)
        if not variance[0] > negligible * variance[-1]:
            return False
        spread = variance.sqrt()
        some = slice(None) if n_slopes is None else slice(None, None, -(-len(code) // n_slopes))
        steps = spread[:, None] * axes.T  # a row for each direction
        gram, mean_slope = _slopes(decode, code[some], weight[some], steps.to(code.dtype))
        effect, turn = torch.linalg.eigh(gram)
        effect, turn = effect.flip(0), turn.flip(1)
        if effect[0] <= 0:
            return False
        # A direction that the decoder takes no notice of would be lost in decoding.
        effect = effect.clamp(min=effect[0] * negligible).sqrt()
        # As svd_flip does for PCA: the largest entry of the mean slope is positive.
        along = turn.T @ mean_slope
        largest = along.gather(1, along.abs().argmax(1, keepdim=True)).T
        turn = torch.where(largest < 0, -turn, turn)
        to_basis = (turn * effect).T @ (axes / spread).T
        self._set(to_basis, steps.T @ (turn / effect), origin)
        return True

    def reorder(self, order: Tensor) -> None:
        """Put the coordinates in another order.

        Parameters
        ----------
        order : Tensor of int of shape (n_components,)
            The present place of each.
        """
        self._set(self.encoder_matrix[order], self.decoder_matrix[:, order], self.decoder_vector)

    def _set(self, to_basis: Tensor, from_basis: Tensor, center: Tensor) -> None:
        self.encoder_matrix.copy_(to_basis)
        self.encoder_vector.copy_(-to_basis @ center)
        self.decoder_matrix.copy_(from_basis)
        self.decoder_vector.copy_(center)


def _uncorrelated(code: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Give mean of codes, and variances, in ascending order, and axes, as columns."""
    origin = (weight * code).sum(0) / weight.sum()
    centred = code - origin
    variance, axes = torch.linalg.eigh((weight * centred).T @ centred / weight.sum())
    return origin, variance, axes


def _slopes(
    decode: Callable[[Tensor], Tensor], code: Tensor, weight: Tensor, steps: Tensor
) -> tuple[Tensor, Tensor]:
    """Give mean products and mean of the decoder's slopes along some steps."""
    n_steps, n_components = steps.shape
    gram: Tensor | float = 0.0
    mean: Tensor | float = 0.0
    n_features = decode(code[:1]).shape[1]
    n_at_once = max(1, _MAX_ENTRIES // (2 * n_steps * n_features))
    for part, its_weight in zip(code.split(n_at_once), weight.split(n_at_once), strict=True):
        ahead, behind = (
            decode((part[:, None] + sign * _STEP * steps).view(-1, n_components))
            for sign in (1, -1)
        )
        slope = (ahead - behind).view(len(part), n_steps, -1) / (2 * _STEP)
        mean = mean + torch.einsum("n,nkd->kd", its_weight[:, 0].to(slope.dtype), slope).double()
        weighted = slope * its_weight[:, :, None].sqrt().to(slope.dtype)
        weighted = weighted.transpose(0, 1).reshape(n_steps, -1)
        gram = gram + (weighted @ weighted.T).double()
    total = weight.sum()
    return gram / total, mean / total

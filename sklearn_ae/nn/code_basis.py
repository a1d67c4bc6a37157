"""Coordinates of the code in which its entries are like principal components."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

# Length of a step along a direction of the code, in standard deviations.
_STEP = 0.1
# Number of entries held at once for the slopes of the decoder.
_MAX_ENTRIES = 2**18


class CodeBasis(nn.Module):
    """Coordinates of the code: centred, uncorrelated, those that matter most first.

    Encoder and decoder may turn and stretch the code between them in any way, so its entries
    mean nothing. This affine map gives them a meaning and changes no reconstruction. In its
    coordinates, entries have mean zero and are uncorrelated. A step of one unit along an entry
    moves the reconstruction by one unit, root mean square over the rows. The variance of an entry
    is then that of the reconstruction along it, and entries come in the order of their variance.
    If encoder and decoder are those of PCA, the coordinates are the principal components.
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
        """Take codes ``(..., n_components)`` from the encoder to these coordinates."""
        return nn.functional.linear(code, self.encoder_matrix, self.encoder_vector)

    def decode(self, arranged: Tensor) -> Tensor:
        """Take codes ``(..., n_components)`` from these coordinates back to the decoder's."""
        return nn.functional.linear(arranged, self.decoder_matrix, self.decoder_vector)

    def arrange(
        self,
        code: Tensor,
        decode: Callable[[Tensor], Tensor],
        weight: Tensor | None = None,
        n_slopes: int | None = None,
    ) -> bool:
        """Choose the coordinates by codes ``(n_rows, n_components)`` with weights ``(n_rows,)``.

        `decode` maps codes to reconstructions ``(n_codes, n_features)``. Its slopes are taken at
        `n_slopes` rows, evenly spread, or at all rows if that is None.

        False means that the coordinates stay as they are: the codes do not vary in all
        directions, as with overcomplete ones, or the decoder ignores them.
        """
        weight = torch.ones_like(code[:, 0]) if weight is None else weight
        weight = weight.double()[:, None]
        negligible = torch.finfo(code.dtype).eps ** 0.75
        origin = (weight * code.double()).sum(0) / weight.sum()
        centred = code.double() - origin
        variance, axes = torch.linalg.eigh((weight * centred).T @ centred / weight.sum())
        if not variance[0] > negligible * variance[-1]:  # eigenvalues are in ascending order
            return False
        spread = variance.sqrt()
        steps = spread[:, None] * axes.T  # a row for each direction
        every = 1 if n_slopes is None else -(-len(code) // n_slopes)
        gram, mean_slope = _slopes(decode, code[::every], weight[::every], steps.to(code.dtype))
        effect, turn = torch.linalg.eigh(gram)
        effect, turn = effect.flip(0), turn.flip(1)
        if effect[0] <= 0:
            return False
        # At zero, decoding would lose a direction that the decoder ignores.
        effect = effect.clamp(min=effect[0] * negligible).sqrt()
        # The largest entry of each mean slope is positive, as svd_flip has it for PCA.
        along = turn.T @ mean_slope
        largest = along.gather(1, along.abs().argmax(1, keepdim=True)).T
        turn = torch.where(largest < 0, -turn, turn)
        to_basis = (turn * effect).T @ (axes / spread).T
        self._set(to_basis, steps.T @ (turn / effect), origin)
        return True

    def reorder(self, order: Tensor) -> None:
        """Reorder the coordinates: `order`, ``(n_components,)``, has the present place of each."""
        self._set(self.encoder_matrix[order], self.decoder_matrix[:, order], self.decoder_vector)

    def _set(self, to_basis: Tensor, from_basis: Tensor, center: Tensor) -> None:
        self.encoder_matrix.copy_(to_basis)
        self.encoder_vector.copy_(-to_basis @ center)
        self.decoder_matrix.copy_(from_basis)
        self.decoder_vector.copy_(center)


def _slopes(
    decode: Callable[[Tensor], Tensor], code: Tensor, weight: Tensor, steps: Tensor
) -> tuple[Tensor, Tensor]:
    """Give the mean products and the mean of the decoder's slopes along steps.

    Shapes: weight ``(n_rows, 1)``, steps ``(n_steps, n_components)``, products
    ``(n_steps, n_steps)``, mean ``(n_steps, n_features)``.
    """
    n_steps, n_components = steps.shape
    gram = mean = weight.new_zeros(())
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

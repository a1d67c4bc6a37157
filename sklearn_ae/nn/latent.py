"""What happens at the code: nothing, unless a subclass says otherwise."""

from typing import TYPE_CHECKING

from torch import Tensor

from sklearn_ae.nn.random import RandomModule

if TYPE_CHECKING:
    from sklearn_ae.nn.autoencoder import Autoencoder, Output


class Latent(RandomModule):
    """What stands between encoder and decoder.

    A subclass overrides ``forward``, which maps what the encoder gives to the code, or
    ``penalty``, or both. Neither may draw random numbers other than from `generator`.

    Notes
    -----
    Shapes: input and output ``(..., batch, n_components)``.
    """

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden

    def penalty(
        self,
        autoencoder: "Autoencoder",
        output: "Output",
        weight: Tensor | None,
    ) -> Tensor | None:
        """Give what is added to the mean loss of a batch.

        Parameters
        ----------
        autoencoder : Autoencoder
            The network.
        output : Output
            What it gave for the batch.
        weight : Tensor of shape (batch,) or None
            Sample weights of mean 1 over the training rows.

        Returns
        -------
        penalty : Tensor of shape () or None
            The penalty; None for none.
        """
        return None


def weighted_mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Average over the rows of a batch.

    Parameters
    ----------
    values : Tensor of shape (batch, n)
        A row of values for each row of the batch.
    weight : Tensor of shape (batch,) or None
        Sample weights.

    Returns
    -------
    mean : Tensor of shape (n,)
        The weighted mean.
    """
    if weight is None:
        return values.mean(dim=0)
    weight = weight.to(values.dtype)
    return weight @ values / weight.sum()

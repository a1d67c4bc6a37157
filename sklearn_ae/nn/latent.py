"""What happens at the code: nothing, unless a subclass says otherwise."""

from typing import TYPE_CHECKING

from torch import Tensor

from sklearn_ae.nn.random import ContextModule

if TYPE_CHECKING:
    from sklearn_ae.nn.autoencoder import Autoencoder, Output


class Latent(ContextModule):
    """What stands between encoder and decoder.

    A subclass overrides ``forward``, which maps what the encoder gives to the code, or
    ``penalty``, or the whole ``objective``. None of them may draw random numbers other
    than from `context`.

    Attributes
    ----------
    hidden_per_component : int
        How many numbers it takes from the encoder for each entry of the code.
    has_prior : bool
        Whether codes are asked to be distributed as independent standard normal numbers.

    Notes
    -----
    Shapes: input ``(..., batch, hidden_per_component * n_components)``, output
    ``(..., batch, n_components)``.
    """

    hidden_per_component = 1
    has_prior = False

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

    def objective(
        self,
        autoencoder: "Autoencoder",
        output: "Output",
        loss: Tensor,
        weight: Tensor | None,
    ) -> Tensor:
        """Give what training minimises: the mean loss of a batch and the penalty.

        Parameters
        ----------
        autoencoder : Autoencoder
            The network.
        output : Output
            What it gave for the batch.
        loss : Tensor of shape (batch,)
            Loss of each row, a mean over the columns.
        weight : Tensor of shape (batch,) or None
            Sample weights of mean 1 over the training rows.

        Returns
        -------
        objective : Tensor of shape ()
            The objective.
        """
        # Divided by the number of samples, not by the weights of the batch, so that every epoch
        # weighs every row alike wherever shuffling puts it.
        mean = (loss if weight is None else loss * weight).mean()
        penalty = self.penalty(autoencoder, output, weight)
        return mean if penalty is None else mean + penalty


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

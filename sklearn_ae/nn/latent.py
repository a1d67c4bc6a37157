"""What happens at the code: nothing, unless a subclass says otherwise."""

from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

from sklearn_ae.nn.random import ContextModule

if TYPE_CHECKING:
    from sklearn_ae.nn.autoencoder import Autoencoder, Output


class Objective(NamedTuple):
    """What training does with a batch.

    Attributes
    ----------
    loss : Tensor of shape ()
        What is minimised.
    value : Tensor of shape ()
        What epochs are judged by; the same, unless that changes in the course of training.
    """

    loss: Tensor
    value: Tensor


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
    trades_reconstruction : bool
        Whether worse reconstructions than those of PCA are in its nature.
    warm_up : int
        Number of epochs in which what is minimised still changes; training does not stop
        before.
    is_game : bool
        Whether the gradient is not that of any function, so that none can be searched.

    Notes
    -----
    Shapes: input ``(..., batch, hidden_per_component * n_components)``, output
    ``(..., batch, n_components)``.
    """

    hidden_per_component = 1
    has_prior = False
    trades_reconstruction = False
    warm_up = 0
    is_game = False

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
    ) -> Objective:
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
        objective : Objective
            The same to be minimised and to be judged by.
        """
        # Divided by the number of samples, not by the weights of the batch, so that every epoch
        # weighs every row alike wherever shuffling puts it.
        mean = (loss if weight is None else loss * weight).mean()
        penalty = self.penalty(autoencoder, output, weight)
        total = mean if penalty is None else mean + penalty
        return Objective(total, total)

    def divergence(self, hidden: Tensor) -> Tensor | None:
        """Give how far the distribution of each entry of a code is from the prior.

        Parameters
        ----------
        hidden : Tensor of shape (batch, hidden_per_component * n_components)
            What the encoder gives.

        Returns
        -------
        divergence : Tensor of shape (batch, n_components) or None
            In nats; None where codes are points.
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

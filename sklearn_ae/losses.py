"""Reconstruction losses: how far a reconstruction is from its input, per sample.

A loss maps input and reconstruction, both of shape ``(..., batch, n_features)``, to the
loss of each sample, of shape ``(..., batch)``: the mean over the columns, so that learning
rates and penalties mean the same for any number of columns.
"""

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from sklearn_ae.nn import Autoencoder, Output

PerSampleLoss = Callable[[Tensor, Tensor], Tensor]
Units = Literal["standard", "input", "logits"]


def squared_error(input: Tensor, reconstruction: Tensor) -> Tensor:
    """Compute the mean squared error of each sample.

    Parameters
    ----------
    input, reconstruction : Tensor of shape (..., batch, n_features)
        The samples and their reconstructions.

    Returns
    -------
    loss : Tensor of shape (..., batch)
        Mean over the columns.
    """
    return (reconstruction - input).square().mean(dim=-1)


def absolute_error(input: Tensor, reconstruction: Tensor) -> Tensor:
    """Compute the mean absolute error of each sample.

    Parameters
    ----------
    input, reconstruction : Tensor of shape (..., batch, n_features)
        The samples and their reconstructions.

    Returns
    -------
    loss : Tensor of shape (..., batch)
        Mean over the columns.
    """
    return (reconstruction - input).abs().mean(dim=-1)


def huber(input: Tensor, reconstruction: Tensor) -> Tensor:
    """Compute Huber's loss: half the square up to a residual of 1, linear beyond.

    Parameters
    ----------
    input, reconstruction : Tensor of shape (..., batch, n_features)
        The samples and their reconstructions.

    Returns
    -------
    loss : Tensor of shape (..., batch)
        Mean over the columns.

    References
    ----------
    Huber, "Robust estimation of a location parameter", Annals of Mathematical
    Statistics 35, 1964.
    """
    return functional.huber_loss(reconstruction, input, reduction="none").mean(dim=-1)


def binary_cross_entropy(input: Tensor, logits: Tensor) -> Tensor:
    """Compute the mean binary cross-entropy of each sample, for inputs in [0, 1].

    Parameters
    ----------
    input, logits : Tensor of shape (..., batch, n_features)
        The samples, and the logits of their reconstructions.

    Returns
    -------
    loss : Tensor of shape (..., batch)
        Mean over the columns.
    """
    loss = functional.binary_cross_entropy_with_logits(logits, input, reduction="none")
    return loss.mean(dim=-1)


# Each name with its function and what the function is applied to: input and reconstruction in
# standard units, or the input as it is and the logits of the reconstruction.
LOSSES: dict[str, tuple[PerSampleLoss, Units]] = {
    "squared_error": (squared_error, "standard"),
    "absolute_error": (absolute_error, "standard"),
    "huber": (huber, "standard"),
    "binary_cross_entropy": (binary_cross_entropy, "logits"),
}


class Criterion(nn.Module):
    """The loss as training sees it: applied in its own units, reduced over a batch.

    Parameters
    ----------
    loss : str or callable
        A key of ``LOSSES``, or a callable ``(input, reconstruction) -> per-sample loss``
        that is given tensors in input units.

    Attributes
    ----------
    logistic_output : bool
        Whether the reconstruction is the logistic function of the decoder's output.
    """

    def __init__(self, loss: str | PerSampleLoss) -> None:
        super().__init__()
        self.per_sample_loss: PerSampleLoss
        self.units: Units
        if callable(loss):
            self.per_sample_loss, self.units = loss, "input"
        else:
            self.per_sample_loss, self.units = LOSSES[loss]
        self.logistic_output = self.units == "logits"

    def forward(
        self, output: Output, x: Tensor, weight: Tensor | None, autoencoder: Autoencoder
    ) -> Tensor:
        """Give the mean loss of a batch, with the penalty of the latent.

        Parameters
        ----------
        output : Output
            What the autoencoder gave for the batch.
        x : Tensor of shape (..., batch, n_features)
            The batch in input units.
        weight : Tensor of shape (batch,) or None
            Sample weights whose mean over all training rows is 1. The mean loss is
            divided by the number of samples, not by the weights of the batch, so that
            every epoch weighs every row alike wherever shuffling puts it.
        autoencoder : Autoencoder
            The module that gave the output.

        Returns
        -------
        loss : Tensor of shape ()
            The mean loss.

        Raises
        ------
        ValueError
            If the loss is not one number a sample.
        """
        if self.units == "standard":
            loss = self.per_sample_loss(output.standard_input, output.raw)
        elif self.units == "logits":
            loss = self.per_sample_loss(x.to(output.raw.dtype), output.raw)
        else:
            loss = self.per_sample_loss(x, autoencoder.to_input_units(output.raw))
        if loss.shape != x.shape[:-1]:
            raise ValueError(
                f"The loss must be one number a sample, of shape {tuple(x.shape[:-1])}, but it has "
                f"the shape {tuple(loss.shape)}: reduce over the columns alone, for example by "
                ".mean(dim=-1); a loss of torch.nn.functional needs reduction='none' before that."
            )
        mean = (loss if weight is None else loss * weight).mean()
        penalty = autoencoder.latent.penalty(autoencoder, output, weight)
        return mean if penalty is None else mean + penalty

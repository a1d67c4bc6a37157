"""Reconstruction losses: how far a reconstruction is from its input, per sample.

A loss maps input and reconstruction, both of shape ``(..., batch, n_features)``, to the
loss of each sample, of shape ``(..., batch)``: the mean over the columns, so that learning
rates and penalties mean the same for any number of columns.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from sklearn_ae.nn import Autoencoder, Objective, Output

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


class _Loss(NamedTuple):
    function: PerSampleLoss
    units: Units  # of what the function is applied to
    likelihood: str | None  # a key of nn.LIKELIHOODS, if it is one


LOSSES: dict[str, _Loss] = {
    "squared_error": _Loss(squared_error, "standard", "gaussian"),
    "absolute_error": _Loss(absolute_error, "standard", "laplace"),
    "huber": _Loss(huber, "standard", None),
    "binary_cross_entropy": _Loss(binary_cross_entropy, "logits", "bernoulli"),
}
# Whose reconstruction they map the decoder's output to, in input units.
OUTPUT_ACTIVATIONS: dict[str, type[nn.Module]] = {"logistic": nn.Sigmoid, "tanh": nn.Tanh}


class Criterion(nn.Module):
    """The loss as training sees it: applied in its own units, reduced over a batch.

    Parameters
    ----------
    loss : str or callable
        A key of ``LOSSES``, or a callable ``(input, reconstruction) -> per-sample loss``
        that is given tensors in input units.

    Attributes
    ----------
    units : {"standard", "input", "logits"}
        What the loss is applied to: input and reconstruction in standard units, or in
        input units, or the input and the logits of its reconstruction.
    likelihood : str or None
        A key of ``nn.LIKELIHOODS``, if the loss has a meaning as a distribution.
    is_squared_error : bool
        Whether it is the squared error in standard units.
    """

    def __init__(self, loss: str | PerSampleLoss) -> None:
        super().__init__()
        self.function, self.units, self.likelihood = (
            _Loss(loss, "input", "own") if callable(loss) else LOSSES[loss]
        )
        self.is_squared_error = loss == "squared_error"

    def forward(
        self, output: Output, x: Tensor, weight: Tensor | None, autoencoder: Autoencoder
    ) -> Objective:
        """Give what training minimises for a batch: the latent's objective of the losses.

        Parameters
        ----------
        output : Output
            What the autoencoder gave for the batch.
        x : Tensor of shape (..., batch, n_features)
            The batch in input units.
        weight : Tensor of shape (batch,) or None
            Sample weights whose mean over all training rows is 1.
        autoencoder : Autoencoder
            The module that gave the output.

        Returns
        -------
        objective : Objective
            What is minimised, and what epochs are judged by.

        Raises
        ------
        ValueError
            If the loss is not one number a sample.
        """
        loss = self.per_sample(output, x, autoencoder)
        return autoencoder.latent.objective(autoencoder, output, loss, weight)

    def per_sample(self, output: Output, x: Tensor, autoencoder: Autoencoder) -> Tensor:
        """Give the loss of each row.

        Parameters
        ----------
        output : Output
            What the autoencoder gave for the batch; of `raw` there may be several copies.
        x : Tensor of shape (..., batch, n_features)
            The batch in input units.
        autoencoder : Autoencoder
            The module that gave the output.

        Returns
        -------
        loss : Tensor of shape (..., n_copies * batch)
            Means over the columns.

        Raises
        ------
        ValueError
            If the loss is not one number a sample.
        """
        raw = output.raw
        if self.units == "standard":
            target, reconstruction = output.standard_input, autoencoder.to_standard_units(raw)
        elif self.units == "logits":
            target, reconstruction = x.to(raw.dtype), raw
        else:
            target, reconstruction = x, autoencoder.to_input_units(raw)
        n_copies = len(raw) // len(target)
        if n_copies > 1:
            target = target.repeat(n_copies, 1)
        loss = self.function(target, reconstruction)
        if loss.shape != raw.shape[:-1]:
            raise ValueError(
                f"The loss must be one number a sample, of shape {tuple(raw.shape[:-1])}, but it "
                f"has the shape {tuple(loss.shape)}: reduce over the columns alone, for example by "
                ".mean(dim=-1); a loss of torch.nn.functional needs reduction='none' before that."
            )
        return loss

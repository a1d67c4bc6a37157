"""Reconstruction losses: the distance of a reconstruction from its input, for each sample.

A loss maps input and reconstruction, both of shape ``(..., batch, n_features)``, to the loss of
each sample, of shape ``(..., batch)``. It is a mean over the columns, so that learning rates and
penalties do not depend on the number of columns.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from sklearn_ae.nn import Autoencoder, Objective, Output

__all__ = ["absolute_error", "binary_cross_entropy", "huber", "squared_error"]

PerSampleLoss = Callable[[Tensor, Tensor], Tensor]


def squared_error(input: Tensor, reconstruction: Tensor) -> Tensor:  # numpydoc ignore=PR01,RT01
    """Compute the mean squared error of each sample."""
    return (reconstruction - input).square().mean(dim=-1)


def absolute_error(input: Tensor, reconstruction: Tensor) -> Tensor:  # numpydoc ignore=PR01,RT01
    """Compute the mean absolute error of each sample."""
    return (reconstruction - input).abs().mean(dim=-1)


def huber(input: Tensor, reconstruction: Tensor) -> Tensor:  # numpydoc ignore=PR01,RT01
    """Compute the mean Huber loss of each sample.

    It is half the squared residual up to a residual of 1, and linear beyond.

    References
    ----------
    Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964.
    """
    return functional.huber_loss(reconstruction, input, reduction="none").mean(dim=-1)


def binary_cross_entropy(input: Tensor, logits: Tensor) -> Tensor:  # numpydoc ignore=PR01,RT01
    """Compute the mean binary cross-entropy of each sample.

    The inputs are in [0, 1], and `logits` are the logits of their reconstructions.
    """
    loss = functional.binary_cross_entropy_with_logits(logits, input, reduction="none")
    return loss.mean(dim=-1)


class _Loss(NamedTuple):
    function: PerSampleLoss
    units: Literal["standard", "input", "logits"]  # of the arguments, see Criterion
    likelihood: str | None  # a key of nn.LIKELIHOODS


LOSSES: dict[str, _Loss] = {
    "squared_error": _Loss(squared_error, "standard", "gaussian"),
    "absolute_error": _Loss(absolute_error, "standard", "laplace"),
    "huber": _Loss(huber, "standard", None),
    "binary_cross_entropy": _Loss(binary_cross_entropy, "logits", "bernoulli"),
}
# They map the output of the decoder to the reconstruction in input units.
OUTPUT_ACTIVATIONS: dict[str, type[nn.Module]] = {"logistic": nn.Sigmoid, "tanh": nn.Tanh}


class Criterion(nn.Module):
    """The loss as training sees it: applied in its own units, reduced over a batch.

    Parameters
    ----------
    loss : str or callable
        A key of ``LOSSES``, or a callable ``(input, reconstruction) -> loss of each sample``
        of tensors in input units.

    Attributes
    ----------
    units : {"standard", "input", "logits"}
        Units of the arguments of the loss. "logits": the input in input units, and the logits
        of its reconstruction.
    likelihood : str or None
        The distribution that the loss stands for, a key of ``nn.LIKELIHOODS``.
    is_squared_error : bool
        Whether the loss is the squared error in standard units.
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
        """Compute the training objective of a batch: that of the latent, see `per_sample`."""
        loss = self.per_sample(output, x, autoencoder)
        return autoencoder.latent.objective(autoencoder, output, loss, weight)

    def per_sample(self, output: Output, x: Tensor, autoencoder: Autoencoder) -> Tensor:
        # numpydoc ignore=PR01,RT01
        """Compute the loss of each row of a batch, of shape ``(..., n_copies * batch)``.

        `x` is the batch in input units, and `output` is what the autoencoder makes of it. A loss
        that gives no tensor raises a TypeError. A loss that does not give one number for each
        sample raises a ValueError.
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
        if not isinstance(loss, Tensor):
            raise TypeError(
                f"The loss must give a tensor with one number for each sample, got {loss!r} of "
                f"type {type(loss).__name__}. Compute it with PyTorch."
            )
        if loss.shape != raw.shape[:-1]:
            raise ValueError(
                "The loss must give one number for each sample, a tensor of shape "
                f"{tuple(raw.shape[:-1])}, got shape {tuple(loss.shape)}. Reduce over the columns "
                "only, for example by .mean(dim=-1). A loss of torch.nn.functional needs "
                "reduction='none' before that."
            )
        return loss

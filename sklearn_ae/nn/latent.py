"""The latent, the module between encoder and decoder, and its interface to the autoencoder."""

from typing import Any, NamedTuple, Protocol

from torch import Tensor

from sklearn_ae.nn.random import ContextModule


class Output(NamedTuple):
    """The output of an autoencoder, as the training objective sees it.

    A latent may draw several codes for each row. `raw` and `code` then hold as many copies of
    the batch, one after the other.

    Attributes
    ----------
    standard_input : Tensor of shape (..., batch, n_features)
        The input in standard units, ``(x - shift) / scale``.
    raw : Tensor of shape (..., n_copies * batch, n_features)
        The output of the decoder: the reconstruction in standard units before clipping, or
        the argument of the output activation.
    code : Tensor of shape (..., n_copies * batch, n_components)
        The code.
    hidden : Tensor of shape (..., batch, n_hidden)
        The output of the encoder, which the latent maps to the code.
    """

    standard_input: Tensor
    raw: Tensor
    code: Tensor
    hidden: Tensor


class Objective(NamedTuple):
    """The training objective of a batch.

    Attributes
    ----------
    loss : Tensor of shape ()
        Training minimises it.
    value : Tensor of shape ()
        Training compares epochs by it. It differs from `loss` where `loss` changes from epoch to
        epoch.
    """

    loss: Tensor
    value: Tensor


class Network(Protocol):
    """The part of an autoencoder that a latent may use.

    Attributes
    ----------
    likelihood : str or None
        The distribution that the loss stands for, a key of ``LIKELIHOODS``.
    """

    likelihood: str | None

    def encode_standard(self, standard: Tensor) -> Tensor:
        """Encode rows.

        Parameters
        ----------
        standard : Tensor of shape (..., n_features)
            Rows in standard units.

        Returns
        -------
        code : Tensor of shape (..., n_components)
        """
        ...


class Latent(ContextModule):
    """Base class of the modules between encoder and decoder.

    A subclass overrides ``forward``, which maps the output of the encoder to the code, or
    ``penalty``, or the whole ``objective``. All random numbers come from `context`.

    Attributes
    ----------
    hidden_per_component : int, default=1
        Number of outputs of the encoder for each entry of the code.
    has_prior : bool, default=False
        Whether training brings the codes close to independent standard normal numbers.
    has_likelihood : bool, default=False
        Whether the module has a method ``log_likelihood``.
    trades_reconstruction : bool, default=False
        Whether reconstructions may be worse than those of PCA by design.
    warm_up : int, default=0
        Number of epochs in which the objective still changes. Training does not stop earlier.
    is_game : bool, default=False
        Whether no function has the gradient of the objective. A line search is impossible then.
    allows_linear_path : bool, default=False
        Whether the code may be that of PCA, so that a linear path can stand beside the network.
    has_targets : bool, default=False
        Whether ``targets`` tells, from all training rows, what their codes should be.
    is_identity : bool, default=False
        Whether the code is the output of the encoder and the loss has no penalty.

    Notes
    -----
    Shapes: input ``(..., batch, hidden_per_component * n_components)``, output
    ``(..., batch, n_components)``.
    """

    hidden_per_component: int = 1
    has_prior: bool = False
    has_likelihood: bool = False
    trades_reconstruction: bool = False
    warm_up: int = 0
    is_game: bool = False
    allows_linear_path: bool = False
    has_targets: bool = False
    is_identity: bool = False

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden

    def penalty(self, autoencoder: Network, output: Output, weight: Tensor | None) -> Tensor | None:
        """Compute the penalty that is added to the mean loss of a batch.

        Parameters
        ----------
        autoencoder : Network
            The autoencoder.
        output : Output
            Its output for the batch.
        weight : Tensor of shape (batch,) or None
            Sample weights. Their mean over the training rows is 1.

        Returns
        -------
        penalty : Tensor of shape () or None
        """
        return None

    def objective(
        self, autoencoder: Network, output: Output, loss: Tensor, weight: Tensor | None
    ) -> Objective:
        """Compute the training objective: the mean loss of a batch plus the penalty.

        Parameters
        ----------
        autoencoder : Network
            The autoencoder.
        output : Output
            Its output for the batch.
        loss : Tensor of shape (n_copies * batch,)
            Loss of each row, a mean over the columns.
        weight : Tensor of shape (batch,) or None
            Sample weights. Their mean over the training rows is 1.

        Returns
        -------
        objective : Objective
        """
        # Not divided by the sum of the weights: the share of a row in an epoch would then depend
        # on the other rows of its batch.
        mean = (loss if weight is None else loss * weight).mean()
        penalty = self.penalty(autoencoder, output, weight)
        total = mean if penalty is None else mean + penalty
        return Objective(total, total)

    def targets(self, X: Any, code: Any, n_components: int, seed: int) -> Any:
        """Compute what the codes of the training rows should be, before training.

        A penalty finds those of a batch in ``context.target``. They are not kept after training.

        Parameters
        ----------
        X : ndarray or CSR matrix or array of shape (n_samples, n_features)
            The training rows.
        code : ndarray of shape (n_samples, n_components) or None
            Their codes if the network is trained further; None if it is new.
        n_components : int
            Size of the code.
        seed : int
            Source of randomness.

        Returns
        -------
        targets : ndarray of shape (n_samples, n_components)
        """
        raise NotImplementedError

    def divergence(self, hidden: Tensor) -> Tensor | None:
        """Compute the divergence of each entry of the code from the prior.

        Parameters
        ----------
        hidden : Tensor of shape (batch, hidden_per_component * n_components)
            Output of the encoder.

        Returns
        -------
        divergence : Tensor of shape (batch, n_components) or None
            In nats. None if codes are points, not distributions.
        """
        return None


class IdentityLatent(Latent):
    """The plain latent: the code is the output of the encoder."""

    allows_linear_path = True
    is_identity = True


def weighted_mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Average over the rows of a batch.

    Parameters
    ----------
    values : Tensor of shape (batch, n)
        Values of each row.
    weight : Tensor of shape (batch,) or None
        Sample weights.

    Returns
    -------
    mean : Tensor of shape (n,)
    """
    if weight is None:
        return values.mean(dim=0)
    weight = weight.to(values.dtype)
    return weight @ values / weight.sum()

"""Codes that are distributions: the variational autoencoder."""

import math
from collections.abc import Callable
from numbers import Integral, Real

import torch
from sklearn.utils import check_scalar
from torch import Tensor

from sklearn_ae import nn
from sklearn_ae.parameters import ParameterObject

# How fast the scale of the noise follows the batches.
_MOMENTUM = 0.1
# In which the scale of the noise and the weights of several draws settle.
_N_STEPS = 5
# Entries of the reconstructions that are held at once to estimate a likelihood.
_MAX_ENTRIES = 2**23


class Variational(ParameterObject):
    """Let the code of a row be a normal distribution, as near to the standard one as possible.

    The encoder gives mean and variance of each entry of the code, the decoder is trained
    on draws, and the divergence of these distributions from the standard normal one, the
    prior, is added to minus the log likelihood of the row: together a bound on minus the
    log likelihood of the data [1]_. The code that `transform` gives is the mean.

    Parameters
    ----------
    beta : float, default=1.0
        What the divergence is multiplied by. More than 1 makes codes with fewer, more
        independent entries in use [2]_; less makes better reconstructions.
    warm_up : int, default=0
        Number of epochs in which the divergence gains its weight step by step, so that the
        decoder learns to use the code before it is pulled to the prior [3]_.
    free_bits : float, default=0.0
        Divergence of each entry, in nats and on average over a batch, that costs nothing:
        keeps entries in use [4]_.
    n_samples : int, default=1
        Draws from the code of each row. More than 1: the importance-weighted bound [5]_,
        which is the nearer to the likelihood the more there are, at as much more time.

    Notes
    -----
    The estimator's loss says what the likelihood is: squared error a normal distribution
    around the reconstruction, absolute error a Laplace one, binary cross-entropy a
    Bernoulli one; a callable is taken as minus the log likelihood, a mean over columns.
    The scale of the first two is that of the errors, and does not have to be chosen [6]_.
    The loss that is reported is the bound in nats a column, with the full divergence also
    in the warm-up.

    References
    ----------
    .. [1] Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014.
    .. [2] Higgins et al., "beta-VAE: learning basic visual concepts with a constrained
       variational framework", ICLR 2017.
    .. [3] Bowman et al., "Generating sentences from a continuous space", CoNLL 2016.
    .. [4] Kingma et al., "Improved variational inference with inverse autoregressive flow",
       NIPS 2016.
    .. [5] Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", ICLR 2016.
    .. [6] Rybkin, Daniilidis and Levine, "Simple and effective VAE training with calibrated
       decoders", ICML 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.latents import Variational
    >>> autoencoder = AutoencoderTransformer(
    ...     n_components=4, latent=Variational(beta=2.0), max_iter=5, random_state=0
    ... ).fit(load_digits().data)
    >>> autoencoder.sample(3).shape
    (3, 64)
    >>> autoencoder.log_likelihood(load_digits().data).shape
    (1797,)
    """

    has_linear_path = False
    has_likelihood = True

    def __init__(
        self, beta: float = 1.0, warm_up: int = 0, free_bits: float = 0.0, n_samples: int = 1
    ) -> None:
        self.beta = beta
        self.warm_up = warm_up
        self.free_bits = free_bits
        self.n_samples = n_samples

    def build(self, n_components: int) -> nn.Latent:
        """Build the module.

        Parameters
        ----------
        n_components : int
            Size of the code.

        Returns
        -------
        latent : nn.Latent
            The module.

        Raises
        ------
        ValueError
            If a parameter has a value that it can not have.
        """
        check_scalar(self.beta, "beta", Real, min_val=0)
        check_scalar(self.warm_up, "warm_up", Integral, min_val=0)
        check_scalar(self.free_bits, "free_bits", Real, min_val=0)
        check_scalar(self.n_samples, "n_samples", Integral, min_val=1)
        if self.n_samples > 1 and self.free_bits > 0:
            raise ValueError(
                f"free_bits={self.free_bits:g} has no meaning with n_samples={self.n_samples}: in "
                "the importance-weighted bound there is no divergence of single entries."
            )
        return _Variational(self.beta, self.warm_up, self.free_bits, self.n_samples)


class _Variational(nn.Latent):
    hidden_per_component = 2
    trades_reconstruction = True
    noise_scale: Tensor

    def __init__(self, beta: float, warm_up: int, free_bits: float, n_samples: int) -> None:
        super().__init__()
        self.has_prior = beta > 0
        self.beta = beta
        self.warm_up = warm_up
        self.free_bits = free_bits
        self.n_samples = n_samples
        self.register_buffer("noise_scale", torch.ones(()))

    def forward(self, hidden: Tensor) -> Tensor:
        mean, log_std = _moments(hidden)
        if self.context is None:
            return mean
        mean, log_std = (part.repeat(self.n_samples, 1) for part in (mean, log_std))
        return mean + log_std.exp() * self.context.normal(mean)

    def divergence(self, hidden: Tensor) -> Tensor:
        return divergence(hidden)

    def objective(
        self,
        autoencoder: nn.Autoencoder,
        output: nn.Output,
        loss: Tensor,
        weight: Tensor | None,
    ) -> nn.Objective:
        assert autoencoder.likelihood is not None, "checked where the network is built"
        assert self.context is not None, "objectives belong to training"
        likelihood, n_features = nn.LIKELIHOODS[autoencoder.likelihood], output.raw.shape[-1]
        loss = loss.unflatten(0, (self.n_samples, -1))
        code = output.code.unflatten(0, (self.n_samples, -1))
        ratio = _log_ratio(output.hidden, code) if self.n_samples > 1 else None
        # At its best the scale of the noise is the mean error, that of the batch in training:
        # of several draws, as they are weighted in the bound, which depends on the scale in turn.
        with torch.no_grad():
            scale = _positive(_mean(loss, weight))
            if ratio is not None:
                for _ in range(_N_STEPS):
                    draws = (ratio - likelihood(loss, scale) * n_features).softmax(dim=0)
                    scale = _positive(_mean((draws * loss).sum(dim=0), weight))
            if self.training and not self.context.is_trial:
                self.noise_scale.lerp_(scale.to(self.noise_scale.dtype), _MOMENTUM)
        nats = likelihood(loss, scale) * n_features
        value = self._bound(output.hidden, ratio, nats, weight, self.beta) / n_features
        share = (self.context.epoch + 1) / (self.warm_up + 1)
        if share >= 1:
            return nn.Objective(value, value)
        # Epochs are compared by the same bound.
        warming = self._bound(output.hidden, ratio, nats, weight, share * self.beta)
        return nn.Objective(warming / n_features, value)

    def _bound(
        self,
        hidden: Tensor,
        ratio: Tensor | None,
        nats: Tensor,
        weight: Tensor | None,
        beta: float,
    ) -> Tensor:
        if ratio is None:
            divergences = divergence(hidden)
            if weight is not None:
                divergences = divergences * weight[:, None]
            return _mean(nats, weight) + beta * divergences.mean(0).clamp(self.free_bits).sum()
        bound = (beta * ratio - nats).logsumexp(dim=0) - math.log(self.n_samples)
        return -_mean(bound, weight)

    def log_likelihood(
        self,
        autoencoder: nn.Autoencoder,
        per_sample_loss: Callable[[nn.Output, Tensor, nn.Autoencoder], Tensor],
        x: Tensor,
        noise: Tensor,
    ) -> Tensor:
        """Estimate the log likelihood of rows by importance sampling.

        Parameters
        ----------
        autoencoder : Autoencoder
            The network.
        per_sample_loss : callable
            ``(output, x, autoencoder) -> loss`` of each row.
        x : Tensor of shape (batch, n_features)
            Rows in input units.
        noise : Tensor of shape (n_samples, n_components)
            Standard normal numbers, the same for each row.

        Returns
        -------
        log_likelihood : Tensor of shape (batch,)
            In nats, standard units.
        """
        assert autoencoder.likelihood is not None, "checked where the network is built"
        likelihood = nn.LIKELIHOODS[autoencoder.likelihood]
        standard = autoencoder.standardize(x)
        hidden = autoencoder.hidden(standard)
        mean, log_std = _moments(hidden)
        total = mean.new_full(mean.shape[:1], -math.inf)
        for part in noise.split(max(1, _MAX_ENTRIES // x.numel())):
            code = mean + log_std.exp() * part[:, None]
            raw = autoencoder.decode_raw(code.flatten(0, 1))
            output = nn.Output(standard, raw, code, hidden)
            loss = per_sample_loss(output, x, autoencoder).unflatten(0, (len(part), -1))
            ratio = ((part.square()[:, None] - code.square()) / 2 + log_std).sum(dim=-1)
            log_weight = ratio - likelihood(loss, self.noise_scale) * x.shape[-1]
            # Rows so far out that the network overflows are impossible, not undefined.
            log_weight = log_weight.nan_to_num(-math.inf, -math.inf, -math.inf)
            total = total.logaddexp(log_weight.logsumexp(dim=0))
        return total - math.log(len(noise))


def divergence(hidden: Tensor) -> Tensor:
    """Compute the Kullback-Leibler divergence of normal distributions from the standard one.

    Parameters
    ----------
    hidden : Tensor of shape (..., 2 * n_components)
        Means and log variances.

    Returns
    -------
    divergence : Tensor of shape (..., n_components)
        In nats.
    """
    mean, log_std = _moments(hidden)
    return (mean.square() + (2 * log_std).exp() - 1) / 2 - log_std


def _moments(hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Split what the encoder gives into mean and log standard deviation."""
    mean, log_variance = hidden.chunk(2, dim=-1)
    return mean, log_variance / 2


def _log_ratio(hidden: Tensor, code: Tensor) -> Tensor:
    """Give the log density of a code under the prior minus that under its own distribution."""
    mean, log_std = _moments(hidden)
    standard = (code - mean) * (-log_std).exp()
    return ((standard.square() - code.square()) / 2 + log_std).sum(dim=-1)


def _positive(scale: Tensor) -> Tensor:
    return scale.clamp(min=torch.finfo(scale.dtype).eps)


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    return (values if weight is None else values * weight).mean()

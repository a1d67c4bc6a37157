"""Codes that are distributions: the variational autoencoder."""

import math
from collections.abc import Callable
from numbers import Integral, Real

import torch
from sklearn.utils import check_scalar
from torch import Tensor

from sklearn_ae import nn
from sklearn_ae.latents.base import LatentParameters
from sklearn_ae.nn.latent import Network

_MOMENTUM = 0.1  # of the running scale of the noise
_N_STEPS = 5  # fixed-point steps for the scale of the noise and the weights of several draws
_MAX_ENTRIES = 2**23  # entries of reconstructions in memory at once, for a likelihood


class Variational(LatentParameters):
    """Make the code of each row a normal distribution, close to the standard normal one.

    The encoder gives the mean and the variance of each entry of the code. The decoder is
    trained on draws from this distribution. The objective is minus the log likelihood of the
    row plus the divergence of the distribution from the standard normal one, the prior. It
    bounds minus the log likelihood of the data [1]_. `transform` gives the mean.

    Parameters
    ----------
    beta : float, default=1.0
        Factor of the divergence. With more than 1, the code uses fewer and more independent
        entries [2]_. With less than 1, reconstructions are better.
    warm_up : int, default=0
        Number of epochs in which the factor of the divergence rises to `beta`, so that the
        decoder first learns to use the code [3]_.
    free_bits : float, default=0.0
        Divergence of each entry that costs nothing, in nats, as a mean over a batch. It keeps
        entries in use [4]_.
    n_samples : int, default=1
        Number of draws from the code of each row. More than 1 gives the importance-weighted
        bound [5]_. More draws give a tighter bound and take proportionally more time.

    Notes
    -----
    The loss of the estimator sets the likelihood: a normal distribution around the
    reconstruction for the squared error, a Laplace distribution for the absolute error, a
    Bernoulli distribution for the binary cross-entropy. A callable stands for minus the log
    likelihood, as a mean over columns. Training estimates the scale of the normal and the
    Laplace distribution [6]_. The reported loss is the bound in nats per column. It contains
    the full divergence, also in the warm-up.

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
    >>> X = load_digits().data
    >>> autoencoder = AutoencoderTransformer(4, latent=Variational(beta=2.0), max_iter=5).fit(X)
    >>> autoencoder.sample(3).shape
    (3, 64)
    >>> autoencoder.log_likelihood(X).shape
    (1797,)
    """

    has_likelihood = True

    def __init__(
        self, beta: float = 1.0, warm_up: int = 0, free_bits: float = 0.0, n_samples: int = 1
    ) -> None:
        self.beta = beta
        self.warm_up = warm_up
        self.free_bits = free_bits
        self.n_samples = n_samples

    def _build(self, n_components: int, generator: torch.Generator | None) -> nn.Latent:
        check_scalar(self.beta, "beta", Real, min_val=0)
        check_scalar(self.warm_up, "warm_up", Integral, min_val=0)
        check_scalar(self.free_bits, "free_bits", Real, min_val=0)
        check_scalar(self.n_samples, "n_samples", Integral, min_val=1)
        if self.n_samples > 1 and self.free_bits > 0:
            raise ValueError(
                f"free_bits={self.free_bits:g} is not supported with n_samples={self.n_samples}: "
                "the importance-weighted bound has no divergence of single entries."
            )
        return _Variational(self.beta, self.warm_up, self.free_bits, self.n_samples)


class _Variational(nn.Latent):
    hidden_per_component = 2
    trades_reconstruction = True
    has_likelihood = True
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
        mean, log_std = _moments(hidden)
        return (mean.square() + (2 * log_std).exp() - 1) / 2 - log_std

    def objective(
        self, autoencoder: Network, output: nn.Output, loss: Tensor, weight: Tensor | None
    ) -> nn.Objective:
        assert autoencoder.likelihood is not None, "checked where the network is built"
        assert self.context is not None, "objectives are computed in training only"
        likelihood, n_features = nn.LIKELIHOODS[autoencoder.likelihood], output.raw.shape[-1]
        loss = loss.unflatten(0, (self.n_samples, -1))
        code = output.code.unflatten(0, (self.n_samples, -1))
        ratio = _log_ratio(output.hidden, code) if self.n_samples > 1 else None
        # The best scale of the noise is the mean error of the batch. With several draws, the bound
        # weights them, and the weights depend on the scale in turn.
        with torch.no_grad():
            scale = _positive(_mean(loss, weight))
            if ratio is not None:
                for _ in range(_N_STEPS):
                    draws = (ratio - likelihood(loss, scale) * n_features).softmax(dim=0)
                    scale = _positive(_mean((draws * loss).sum(dim=0), weight))
            if self.training and not self.context.is_trial:
                self.noise_scale.lerp_(scale.to(self.noise_scale.dtype), _MOMENTUM)
        nats = likelihood(loss, scale) * n_features

        def bound(beta: float) -> Tensor:
            if ratio is not None:
                each = (beta * ratio - nats).logsumexp(dim=0) - math.log(self.n_samples)
                return -_mean(each, weight) / n_features
            each = self.divergence(output.hidden)
            if weight is not None:
                each = each * weight[:, None]
            divergences = each.mean(0).clamp(self.free_bits).sum()
            return (_mean(nats, weight) + beta * divergences) / n_features

        value = bound(self.beta)
        share = (self.context.epoch + 1) / (self.warm_up + 1)
        # The value has the full divergence: epochs are compared by the same bound.
        return nn.Objective(value if share >= 1 else bound(share * self.beta), value)

    def log_likelihood(
        self,
        autoencoder: nn.Autoencoder,
        per_sample_loss: Callable[[nn.Output, Tensor, nn.Autoencoder], Tensor],
        x: Tensor,
        noise: Tensor,
    ) -> Tensor:
        """Estimate the log likelihood of rows in nats, standard units, by importance sampling.

        All rows use the same `noise`, standard normal of shape (n_samples, n_components).
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
            # If the network overflows for a row, the row is impossible, not undefined.
            log_weight = log_weight.nan_to_num(-math.inf, -math.inf, -math.inf)
            total = total.logaddexp(log_weight.logsumexp(dim=0))
        return total - math.log(len(noise))


def _moments(hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Split the output of the encoder into mean and log standard deviation."""
    mean, log_variance = hidden.chunk(2, dim=-1)
    return mean, log_variance / 2


def _log_ratio(hidden: Tensor, code: Tensor) -> Tensor:
    """Compute the log density of codes under the prior minus that under their distribution."""
    mean, log_std = _moments(hidden)
    standard = (code - mean) * (-log_std).exp()
    return ((standard.square() - code.square()) / 2 + log_std).sum(dim=-1)


def _positive(scale: Tensor) -> Tensor:
    return scale.clamp(min=torch.finfo(scale.dtype).eps)


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    return (values if weight is None else values * weight).mean()

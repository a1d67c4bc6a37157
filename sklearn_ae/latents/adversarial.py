"""Codes that a discriminator can not tell from normal numbers."""

from numbers import Real

import torch
from sklearn.utils import check_scalar
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import softplus

from sklearn_ae import nn
from sklearn_ae.latents.base import LatentParameters, mean_over_rows
from sklearn_ae.latents.wasserstein import squared_discrepancy
from sklearn_ae.nn.latent import Network

_HIDDEN_SIZES = (128, 128)
# Draws from the prior per batch. A constant, so that repeating rows changes nothing.
_N_PRIOR = 256


class Adversarial(LatentParameters):
    """Match the distribution of the codes to a normal distribution, by a discriminator.

    A second network, the discriminator, learns to tell codes from draws of the standard
    normal distribution, the prior. The encoder learns to deceive it [1]_. The same optimizer
    steps train both. You can then sample new rows, as with
    :class:`~sklearn_ae.latents.Wasserstein`. A discriminator sees more differences than a
    kernel, but the training may fail to converge.

    Parameters
    ----------
    weight : float, default=3.0
        Factor of the loss by which the encoder learns to deceive the discriminator.

    Notes
    -----
    A penalty keeps the gradient of the discriminator small at the codes and at the draws.
    This helps the training to converge [2]_. The losses of encoder and discriminator say
    little about the result, so the reported loss, by which epochs are compared, has the
    squared maximum mean discrepancy in their place.

    References
    ----------
    .. [1] Makhzani, Shlens, Jaitly, Goodfellow and Frey, "Adversarial autoencoders", 2015.
    .. [2] Mescheder, Geiger and Nowozin, "Which training methods for GANs do actually
       converge?", ICML 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.latents import Adversarial
    >>> autoencoder = AutoencoderTransformer(n_components=8, latent=Adversarial(), max_iter=5)
    >>> autoencoder.fit(load_digits().data).sample(3).shape
    (3, 64)
    """

    def __init__(self, weight: float = 3.0) -> None:
        self.weight = weight

    def _build(self, n_components: int, generator: torch.Generator | None) -> nn.Latent:
        check_scalar(self.weight, "weight", Real, min_val=0)
        return _Adversarial(n_components, self.weight, generator)


class _Adversarial(nn.Latent):
    trades_reconstruction = True
    is_game = True

    def __init__(self, n_components: int, weight: float, generator: torch.Generator | None) -> None:
        super().__init__()
        self.has_prior = weight > 0
        self.weight = weight
        self.discriminator = nn.Stack(
            [n_components, *_HIDDEN_SIZES, 1], activation="leaky_relu", generator=generator
        )

    def objective(
        self, autoencoder: Network, output: nn.Output, loss: Tensor, weight: Tensor | None
    ) -> nn.Objective:
        mean, _ = super().objective(autoencoder, output, loss, weight)
        with torch.no_grad():
            value = mean + self.weight * squared_discrepancy(output.code, weight)
        if not torch.is_grad_enabled():
            return nn.Objective(value, value)
        frozen = {name: p.detach() for name, p in self.discriminator.named_parameters()}
        judged = functional_call(self.discriminator, frozen, (output.code,)).squeeze(-1)
        game = self.weight * mean_over_rows(softplus(-judged), weight)
        game = game + self._discriminator_loss(output.code.detach(), weight)
        return nn.Objective(mean + game, value)

    def _discriminator_loss(self, code: Tensor, weight: Tensor | None) -> Tensor:
        assert self.context is not None, "penalties are computed in training only"
        prior = self.context.normal(code.new_empty(_N_PRIOR, code.shape[-1])).requires_grad_()
        code = code.requires_grad_()
        of_prior = self.discriminator(prior).squeeze(-1)
        of_code = self.discriminator(code).squeeze(-1)
        loss = softplus(-of_prior).mean() + mean_over_rows(softplus(of_code), weight)
        gradients = torch.autograd.grad(
            (of_prior.sum(), of_code.sum()), (prior, code), create_graph=True
        )
        at_prior, at_code = (gradient.square().sum(dim=-1) for gradient in gradients)
        gradient_penalty = at_prior.mean() + mean_over_rows(at_code, weight)
        return loss + gradient_penalty

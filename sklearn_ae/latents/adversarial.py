"""Codes that a discriminator can not tell from normal ones."""

from numbers import Real

import torch
from sklearn.utils import check_scalar
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import softplus

from sklearn_ae import nn
from sklearn_ae.latents.wasserstein import squared_discrepancy
from sklearn_ae.parameters import ParameterObject

_HIDDEN_SIZES = (128, 128)
# A constant number: the same however often a row is repeated.
_N_PRIOR = 256
_SLOPE_WEIGHT = 1.0


class Adversarial(ParameterObject):
    """Match the distribution of the codes to a normal one by a game against a discriminator.

    A second network, the discriminator, learns to tell codes of rows from draws of the
    standard normal distribution, the prior; the encoder learns to deceive it [1]_. Both are
    trained by the same steps. As with :class:`~sklearn_ae.latents.Wasserstein`, new rows
    can be made by decoding such draws; a discriminator sees more of the difference than a
    kernel does, but a game need not settle.

    Parameters
    ----------
    weight : float, default=3.0
        What the encoder's part in the game is multiplied by, beside the reconstruction.

    Notes
    -----
    The discriminator's slope is kept small at the codes and at the draws, which makes such
    games settle [2]_. Losses of a game say little about its result: in the loss that is
    reported, and by which epochs are judged, the squared maximum mean discrepancy stands
    in their place.

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
    >>> autoencoder = AutoencoderTransformer(
    ...     n_components=8, latent=Adversarial(), max_iter=5, random_state=0
    ... )
    >>> autoencoder.fit(load_digits().data).sample(3).shape
    (3, 64)
    """

    has_linear_path = False

    def __init__(self, weight: float = 3.0) -> None:
        self.weight = weight

    def build(self, n_components: int, *, generator: torch.Generator | None = None) -> nn.Latent:
        """Build the module.

        Parameters
        ----------
        n_components : int
            Size of the code.
        generator : torch.Generator or None, default=None
            Source of the discriminator's initial weights.

        Returns
        -------
        latent : nn.Latent
            The module.

        Raises
        ------
        ValueError
            If a parameter has a value that it can not have.
        """
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
        self,
        autoencoder: nn.Autoencoder,
        output: nn.Output,
        loss: Tensor,
        weight: Tensor | None,
    ) -> nn.Objective:
        code = output.code
        mean, _ = super().objective(autoencoder, output, loss, weight)
        # How a game stands says little about how near the codes are to the prior.
        with torch.no_grad():
            value = mean + self.weight * squared_discrepancy(code, weight)
        if not torch.is_grad_enabled():
            return nn.Objective(value, value)
        frozen = {name: p.detach() for name, p in self.discriminator.named_parameters()}
        deceived = softplus(-functional_call(self.discriminator, frozen, (code,)))
        game = self.weight * nn.weighted_mean(deceived, weight).squeeze(-1)
        game = game + self._discriminator_loss(code.detach(), weight)
        return nn.Objective(mean + game, value)

    def _discriminator_loss(self, code: Tensor, weight: Tensor | None) -> Tensor:
        assert self.context is not None, "penalties belong to training"
        prior = code.new_empty((_N_PRIOR, code.shape[-1]))
        prior.normal_(generator=self.context.generator).requires_grad_()
        code = code.requires_grad_()
        of_prior, of_code = self.discriminator(prior), self.discriminator(code)
        loss = softplus(-of_prior).mean() + nn.weighted_mean(softplus(of_code), weight).squeeze(-1)
        slopes = torch.autograd.grad(
            (of_prior.sum(), of_code.sum()), (prior, code), create_graph=True
        )
        squares = [slope.square().sum(dim=-1, keepdim=True) for slope in slopes]
        steepness = squares[0].mean() + nn.weighted_mean(squares[1], weight).squeeze(-1)
        return loss + _SLOPE_WEIGHT * steepness

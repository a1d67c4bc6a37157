"""Contractive codes: they change little where the input does."""

from numbers import Real

import torch
from sklearn.utils import check_scalar
from torch import Tensor

from sklearn_ae import nn
from sklearn_ae.parameters import ParameterObject


class Contractive(ParameterObject):
    """Let the code change little where the input does, by a penalty on the encoder's slope.

    The penalty is the squared norm of the Jacobian of the code with respect to the input,
    in standard units and divided by the size of the code: 1 for PCA.

    Parameters
    ----------
    weight : float, default=0.01
        What the penalty is multiplied by.

    Notes
    -----
    The norm is estimated by the gradient of one random projection of the code a batch,
    whose expectation it is; computing it exactly would take as many passes as the code has
    entries.

    References
    ----------
    Rifai, Vincent, Muller, Glorot and Bengio, "Contractive auto-encoders: explicit
    invariance during feature extraction", ICML 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.latents import Contractive
    >>> autoencoder = AutoencoderTransformer(n_components=8, latent=Contractive(0.1), max_iter=5)
    >>> autoencoder.fit_transform(load_digits().data).shape
    (1797, 8)
    """

    def __init__(self, weight: float = 0.01) -> None:
        self.weight = weight

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
            If the weight is negative.
        """
        check_scalar(self.weight, "weight", Real, min_val=0)
        return _Contractive(self.weight)


class _Contractive(nn.Latent):
    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def penalty(
        self, autoencoder: nn.Autoencoder, output: nn.Output, weight: Tensor | None
    ) -> Tensor:
        assert self.context is not None, "penalties belong to training"
        to_differentiate = torch.is_grad_enabled()
        with torch.enable_grad():
            standard = output.standard_input.detach().requires_grad_()
            code = autoencoder.encode_standard(standard)
            # One projection for the whole batch: it does not depend on how many rows there are.
            projection = torch.empty_like(code[0]).normal_(generator=self.context.generator)
            (slope,) = torch.autograd.grad(
                (code @ projection).sum(), standard, create_graph=to_differentiate
            )
        squares = slope.square().sum(dim=-1, keepdim=True) / code.shape[-1]
        return self.weight * nn.weighted_mean(squares, weight).squeeze(-1)

"""Contractive codes: a small change of the input changes them little."""

from numbers import Real

import torch
from sklearn.utils import check_scalar
from torch import Tensor

from sklearn_ae import nn
from sklearn_ae.latents.base import LatentParameters, mean_over_rows
from sklearn_ae.nn.latent import Network


class Contractive(LatentParameters):
    """Make the code robust to small changes of the input, by a penalty on its Jacobian.

    The penalty is the squared norm of the Jacobian of the code with respect to the input in
    standard units, divided by the size of the code. It is 1 for PCA.

    Parameters
    ----------
    weight : float, default=0.01
        Factor of the penalty.

    Notes
    -----
    One random projection of the code per batch estimates the norm without bias. The exact
    norm would take one backward pass for each entry of the code.

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

    def _build(self, n_components: int, generator: torch.Generator | None) -> nn.Latent:
        check_scalar(self.weight, "weight", Real, min_val=0)
        return _Contractive(self.weight)


class _Contractive(nn.Latent):
    allows_linear_path = True

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def penalty(self, autoencoder: Network, output: nn.Output, weight: Tensor | None) -> Tensor:
        assert self.context is not None, "penalties are computed in training only"
        to_differentiate = torch.is_grad_enabled()
        with torch.enable_grad():
            standard = output.standard_input.detach().requires_grad_()
            code = autoencoder.encode_standard(standard)
            # One projection for the whole batch: the noise does not depend on the batch size.
            projection = self.context.normal(code[0])
            (gradient,) = torch.autograd.grad(
                (code @ projection).sum(), standard, create_graph=to_differentiate
            )
        squares = gradient.square().sum(dim=-1) / code.shape[-1]
        return self.weight * mean_over_rows(squares, weight)

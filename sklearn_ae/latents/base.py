"""Base class of the latents."""

import torch

from sklearn_ae import nn
from sklearn_ae.parameters import ParameterObject


class LatentParameters(ParameterObject):
    """Base class of the latents of this package.

    A subclass defines ``_build(n_components, generator)``, which checks the parameters and
    returns the module. A latent of your own needs only a method ``build(n_components)``.
    """

    has_likelihood = False  # whether the estimator has `log_likelihood`, known before fit

    def build(self, n_components: int, *, generator: torch.Generator | None = None) -> nn.Latent:
        """Build the module.

        Parameters
        ----------
        n_components : int
            Size of the code.
        generator : torch.Generator or None, default=None
            Source of initial weights. None: the global one.

        Returns
        -------
        latent : nn.Latent
            The module.

        Raises
        ------
        ValueError
            If a parameter has an invalid value.
        """
        return self._build(n_components, generator)

    def _build(self, n_components: int, generator: torch.Generator | None) -> nn.Latent:
        raise NotImplementedError

"""What the latents share."""

import torch
from torch import Tensor

from sklearn_ae import nn
from sklearn_ae.parameters import ParameterObject


class LatentParameters(ParameterObject):
    """Base class of the latents of this package.

    A subclass defines ``_build``. A latent of your own needs only ``build(n_components)``.
    """

    has_likelihood = False  # whether the estimator has `log_likelihood`, known before fit
    # What hidden_layer_sizes="auto" stands for; None: the size of the data decides.
    hidden_layer_sizes: tuple[int, ...] | None = None
    # What corruption=None stands for.
    corruption: ParameterObject | None = None
    # Wider rows are trained on as many principal components; None: the plan decides.
    max_columns: int | None = None

    def build(self, n_components: int, *, generator: torch.Generator | None = None) -> nn.Latent:
        # numpydoc ignore=PR01,RT01
        """Check the parameters, and build the module for codes of size `n_components`.

        `generator` gives the initial weights. None: the global random state gives them.
        """
        return self._build(n_components, generator)

    def _build(self, n_components: int, generator: torch.Generator | None) -> nn.Latent:
        raise NotImplementedError


def mean_over_rows(values: Tensor, weight: Tensor | None) -> Tensor:  # numpydoc ignore=PR01,RT01
    """Average values of shape ``(batch,)``, weighted by `weight` of the same shape or None."""
    return nn.weighted_mean(values[:, None], weight)[0]

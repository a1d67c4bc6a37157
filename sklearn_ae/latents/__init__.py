"""Latents: properties of the code that training aims at, such as sparsity or a distribution.

A latent is any object with ``build(n_components)`` that returns a :class:`~sklearn_ae.nn.Latent`.
This module maps the output of the encoder to the code, and may add a penalty to the loss. Its
attributes tell the training what it needs to know, for example ``allows_linear_path = True`` if
the code may be that of PCA.

Each file holds a parameter object and the module that it builds.
"""

from sklearn_ae.latents.adversarial import Adversarial
from sklearn_ae.latents.base import LatentParameters
from sklearn_ae.latents.contractive import Contractive
from sklearn_ae.latents.neighbors import Neighbors
from sklearn_ae.latents.noisy import Noisy
from sklearn_ae.latents.sparse import Sparse, TopK
from sklearn_ae.latents.variational import Variational
from sklearn_ae.latents.wasserstein import Wasserstein

__all__ = [
    "LATENTS",
    "Adversarial",
    "Contractive",
    "Neighbors",
    "Noisy",
    "Sparse",
    "TopK",
    "Variational",
    "Wasserstein",
]

LATENTS: dict[str, type[LatentParameters]] = {
    "adversarial": Adversarial,
    "contractive": Contractive,
    "neighbors": Neighbors,
    "noisy": Noisy,
    "sparse": Sparse,
    "top_k": TopK,
    "variational": Variational,
    "wasserstein": Wasserstein,
}

"""Latents: what is asked of the code.

A latent is any object with ``build(n_components)`` that gives a :class:`~sklearn_ae.nn.Latent`: it
maps what the encoder gives to the code, and may add a penalty to the loss. Where the code can not
be that of PCA, it says so by an attribute ``has_linear_path = False``.

Each is a file of its own: the parameters, and the module that they build.
"""

from sklearn_ae.latents.adversarial import Adversarial
from sklearn_ae.latents.contractive import Contractive
from sklearn_ae.latents.noisy import Noisy
from sklearn_ae.latents.sparse import Sparse, TopK
from sklearn_ae.latents.variational import Variational
from sklearn_ae.latents.wasserstein import Wasserstein
from sklearn_ae.parameters import ParameterObject

__all__ = [
    "LATENTS",
    "Adversarial",
    "Contractive",
    "Noisy",
    "Sparse",
    "TopK",
    "Variational",
    "Wasserstein",
]

LATENTS: dict[str, type[ParameterObject]] = {
    "adversarial": Adversarial,
    "contractive": Contractive,
    "noisy": Noisy,
    "sparse": Sparse,
    "top_k": TopK,
    "variational": Variational,
    "wasserstein": Wasserstein,
}

"""Lay out rows in a few dimensions, so that neighbours stay together."""

import math

import numpy as np
import torch
from torch import Tensor

_N_STEPS, _LEARNING_RATE, _BETAS = 400, 1.0, (0.9, 0.99)
# Attraction, relative to what makes the distribution of neighbours most likely: groups get
# tighter, as with the exaggeration of t-SNE.
_EXAGGERATION = 2.5
_N_EDGES = 3  # neighbours of each row that attract it in a step
_N_OTHERS = 64  # other rows that repel it
_MAX_ENTRIES = 2**21  # pairs of rows at once: their distances stay in the cache


def lay_out(neighbors: np.ndarray, start: np.ndarray, seed: int) -> np.ndarray:
    """Lay out rows so that each is close to its neighbours and far from most others.

    For each row, the layout makes its neighbours likely among other rows, where the likelihood of
    a row falls with the squared distance as ``1 / (1 + distance**2)``. This is the contrastive
    form of t-SNE: Damrich, Boehm, Hamprecht and Kobak, "From t-SNE to UMAP with contrastive
    learning", ICLR 2023. Each step draws some neighbours of each row, and other rows at random.

    Parameters
    ----------
    neighbors : ndarray of shape (n_rows, n_neighbors)
        Places of the neighbours of each row.
    start : ndarray of shape (n_rows, n_components)
        Where the rows begin.
    seed : int
        Source of randomness.

    Returns
    -------
    layout : ndarray of shape (n_rows, n_components)
        Float32, centred, with a mean variance of 1.
    """
    generator = torch.Generator().manual_seed(seed)
    edges = torch.from_numpy(neighbors.astype(np.int64))
    place = torch.from_numpy(_standardized(start))
    mean, square = torch.zeros_like(place), torch.zeros_like(place)
    for step in range(1, _N_STEPS + 1):
        gradient = _repulsion(place, generator)
        _add_attraction(gradient, place, edges, generator)
        # Adam, with a rate that falls to zero.
        mean.lerp_(gradient, 1 - _BETAS[0])
        square.lerp_(gradient.square(), 1 - _BETAS[1])
        rate = _LEARNING_RATE * (1 + math.cos(math.pi * step / _N_STEPS)) / 2
        size = (square / (1 - _BETAS[1] ** step)).sqrt_().add_(1e-8)
        place.addcdiv_(mean, size, value=-rate / (1 - _BETAS[0] ** step))
    return _standardized(place.numpy())


def _standardized(place: np.ndarray) -> np.ndarray:
    centred = place.astype(np.float32) - place.mean(0, dtype=np.float64).astype(np.float32)
    spread = float(np.sqrt(np.square(centred).mean(dtype=np.float64)))
    return centred / spread if spread > 0 else centred


def _repulsion(place: Tensor, generator: torch.Generator) -> Tensor:
    """Give the gradient of the log of each row's summed likelihoods, among random other rows."""
    n_rows = len(place)
    n_groups = max(1, n_rows // _N_OTHERS)
    size = n_rows // n_groups
    order = torch.randperm(n_rows, generator=generator)
    gradient = torch.zeros_like(place)
    for groups in order[: n_groups * size].view(n_groups, size).split(_MAX_ENTRIES // size**2 + 1):
        x = place[groups]
        squares = x.square().sum(-1)
        distances = squares[:, :, None] + squares[:, None, :]
        likelihood = distances.baddbmm_(x, x.mT, alpha=-2).clamp_(min=0).add_(1).reciprocal_()
        likelihood.diagonal(dim1=1, dim2=2).zero_()
        total = likelihood.sum(-1, keepdim=True).clamp_(min=1e-30)
        force = likelihood.square_().div_(total)
        force = force + force.mT
        pull = torch.bmm(force, x) - force.sum(-1, keepdim=True) * x
        gradient[groups.flatten()] = 2 * pull.flatten(0, 1)
    return gradient


def _add_attraction(
    gradient: Tensor, place: Tensor, edges: Tensor, generator: torch.Generator
) -> None:
    n_rows, n_neighbors = edges.shape
    rows = torch.arange(n_rows)
    for _ in range(_N_EDGES):
        others = edges[rows, torch.randint(n_neighbors, (n_rows,), generator=generator)]
        difference = place - place[others]
        likelihood = 1 / (1 + difference.square().sum(1, keepdim=True))
        force = difference.mul_(likelihood).mul_(2 * _EXAGGERATION / _N_EDGES)
        gradient += force
        gradient.index_add_(0, others, force, alpha=-1)

"""Networks of the same shape as the members of one, which computes them all at once."""

import copy
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import torch
from torch import nn

from sklearn_ae.nn.autoencoder import Autoencoder
from sklearn_ae.nn.inspection import list_tensors


def are_stackable(autoencoders: Sequence[Autoencoder]) -> bool:
    """Tell whether autoencoders have the same layers, of the same shape.

    Parameters
    ----------
    autoencoders : sequence of Autoencoder
        The autoencoders.

    Returns
    -------
    are_stackable : bool
    """
    first, *others = (_shapes(each) for each in autoencoders)
    return all(shapes == first for shapes in others)


def stack_members(autoencoders: Sequence[Autoencoder]) -> Autoencoder:
    """Make one autoencoder of several, of which each becomes a member.

    It maps rows of shape ``(n_members, batch, n_features)``. A small matrix product costs
    little more than its dispatch, so that this takes little more time than one of them.

    Parameters
    ----------
    autoencoders : sequence of Autoencoder
        Autoencoders of fully connected layers that are stackable.

    Returns
    -------
    stacked : Autoencoder
        Has memory of its own.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.nn import Autoencoder, Stack, stack_members
    >>> members = [
    ...     Autoencoder(
    ...         Stack([4, 2]), Stack([2, 4]), shift=torch.zeros(4), scale=torch.ones(())
    ...     )
    ...     for _ in range(3)
    ... ]
    >>> stacked = stack_members(members)
    >>> x = torch.rand(3, 5, 4)
    >>> torch.allclose(stacked.reconstruct(x)[1], members[1].reconstruct(x[1]))
    True
    """
    stacked = copy.deepcopy(autoencoders[0])
    if stacked.basis is not None:
        bases: list[Any] = [each.basis for each in autoencoders]
        for name, buffer in stacked.basis.named_buffers():
            joined = torch.stack([getattr(basis, name) for basis in bases])
            setattr(stacked.basis, name, joined if buffer.dim() == 2 else joined[:, None])
    stacked.shift = torch.stack([each.shift for each in autoencoders])[:, None]
    stacked.scale = torch.stack([each.scale for each in autoencoders]).view(
        len(autoencoders), 1, -1
    )
    if stacked.bounds is not None:
        bounds: list[Any] = [each.bounds for each in autoencoders]
        stacked.bounds = torch.stack(bounds, 1)[:, :, None]
    for whole, *parts in _parameters(stacked, autoencoders):
        # Fully connected layers have the dimension already.
        join: Any = torch.cat if whole.dim() == 3 else torch.stack
        whole.data = join([part.detach() for part in parts])
    return stacked


def share_memory(stacked: Autoencoder, autoencoders: Sequence[Autoencoder]) -> None:
    """Make the parameters of members views of those of the autoencoder that they are part of.

    Parameters
    ----------
    stacked : Autoencoder
        What `stack_members` made.
    autoencoders : sequence of Autoencoder
        The members.
    """
    for whole, *parts in _parameters(stacked, autoencoders):
        for value, part in zip(whole.detach(), parts, strict=True):
            part.data = value.view_as(part)


def own_memory(autoencoder: Autoencoder) -> None:
    """Give the parameters of a member memory of their own.

    Parameters
    ----------
    autoencoder : Autoencoder
        The member.
    """
    for parameter in list_tensors(autoencoder)[0]:
        parameter.data = parameter.data.clone()


def _parameters(
    stacked: Autoencoder, autoencoders: Sequence[Autoencoder]
) -> Iterator[tuple[nn.Parameter, ...]]:
    return zip(*(list_tensors(each)[0] for each in (stacked, *autoencoders)), strict=True)


def _shapes(autoencoder: Autoencoder) -> list[torch.Size]:
    return [tensor.shape for tensor in chain(*list_tensors(autoencoder))]

"""Rows and optimizer of nets that are members of one."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn, optim

from sklearn_ae._data.rows import Rows, to_tensor
from sklearn_ae.nn import Autoencoder
from sklearn_ae.nn.inspection import list_tensors
from sklearn_ae.training.net import AutoencoderNet


class StackedRows:
    """Rows of several nets, each in standard units of its own.

    Where a net has fewer rows than others, rows of weight zero fill up what is missing.

    Parameters
    ----------
    nets : sequence of AutoencoderNet
        The nets.
    parts : sequence of Rows
        The rows of each.
    batch_size : int or None, default=None
        Rows in a batch, at the most; all have as many batches as the net with most rows
        needs. None: all rows.

    Attributes
    ----------
    x : Tensor of shape (n_nets, n_filled_up, n_features)
        The rows.
    weight : Tensor of shape (n_nets, n_filled_up)
        Their weights.
    n_rows : Tensor of shape (n_nets,)
        How many each net has.
    n_batches : int
        Number of batches.
    width : int
        Rows in the largest of them.
    share : Tensor of shape (n_batches, n_nets)
        What the errors of a batch, as weighted there, are multiplied by for their sum to
        be the mean over the rows.
    """

    def __init__(
        self,
        nets: Sequence[AutoencoderNet],
        parts: Sequence[Rows],
        batch_size: int | None = None,
    ) -> None:
        self._generators = [net.generator for net in nets]
        self._sizes = list(map(len, parts))
        self.x, self.weight = _fill_up(nets, parts)
        self.n_rows = torch.tensor(self._sizes).to(self.weight)
        most = max(self._sizes)
        self.n_batches = 1 if batch_size is None else -(-most // batch_size)
        cuts = torch.tensor(
            [[n * i // self.n_batches for n in self._sizes] for i in range(self.n_batches + 1)]
        )
        sizes = cuts.diff(dim=0)
        self.width = int(sizes.max())
        column = torch.arange(self.width)
        # Which rows of an order are those of each batch.
        self._places = torch.where(column < sizes[:, :, None], cuts[:-1, :, None] + column, most)
        sizes = sizes.to(self.weight)
        # The mean over a batch is to be that over its own rows, not those that fill it up.
        self._scale = torch.where(sizes > 0, self.width / sizes, 0)[:, :, None]
        self.share = sizes / (self.width * self.n_rows)
        self._only_batch: tuple[Tensor, Tensor, Tensor] | None = None

    def batches(self) -> tuple[Tensor, Tensor, Tensor]:
        """Divide the rows into batches, in another order each time.

        Returns
        -------
        x : Tensor of shape (n_batches, n_nets, width, n_features)
            Rows.
        weight : Tensor of shape (n_batches, n_nets, width)
            Their weights.
        index : Tensor of int of shape (n_batches, n_nets, width)
            Their places among all rows of all nets.
        """
        if self._only_batch is not None:
            return self._only_batch
        n_nets, n_rows, _ = self.x.shape
        order = torch.arange(n_rows).repeat(n_nets, 1)
        if self.n_batches > 1:
            for row, n, generator in zip(order, self._sizes, self._generators, strict=True):
                row[:n] = torch.randperm(n, generator=generator)
        net = torch.arange(n_nets)[:, None]
        index = (order[net, self._places] + n_rows * net).to(self.x.device)
        batches = take(self.x, index), take(self.weight, index) * self._scale, index
        if self.n_batches == 1:
            self._only_batch = batches
        return batches


def take(stacked: Tensor, index: Tensor) -> Tensor:
    """Take rows by their places among all rows of all nets.

    Parameters
    ----------
    stacked : Tensor of shape (n_nets, n_rows, ...)
        The rows of each net.
    index : Tensor of int
        Places.

    Returns
    -------
    taken : Tensor of shape (*index.shape, ...)
    """
    taken = stacked.flatten(0, 1).index_select(0, index.flatten())
    return taken.view(*index.shape, *stacked.shape[2:])


def optimizer_for(stacked: Autoencoder, nets: Sequence[AutoencoderNet]) -> optim.Optimizer:
    """Make an optimizer like those of the members of a network.

    Parameters
    ----------
    stacked : Autoencoder
        What `stack_members` made of them.
    nets : sequence of AutoencoderNet
        The members, with optimizers that treat every entry for itself.

    Returns
    -------
    optimizer : torch.optim.Optimizer
        New.
    """
    optimizers = [net.optimizer_ for net in nets]
    of = dict(zip(list_tensors(nets[0].module_)[0], list_tensors(stacked)[0], strict=True))
    groups = []
    for same in zip(*(optimizer.param_groups for optimizer in optimizers), strict=True):
        group = same[0] | {"params": [of[parameter] for parameter in same[0]["params"]]}
        if "weight_decay" in group:
            # It depends on the number of rows, which differ by little.
            group["weight_decay"] = sum(each["weight_decay"] for each in same) / len(same)
        groups.append(group)
    return type(optimizers[0])(groups)


def clip_each(parameters: Iterable[nn.Parameter], max_norm: float) -> None:
    """Scale the gradients of each member of a network down to a norm.

    Parameters
    ----------
    parameters : iterable of nn.Parameter
        Parameters of what `stack_members` made, with gradients.
    max_norm : float
        The largest norm.
    """
    gradients: list[Any] = [parameter.grad for parameter in parameters]
    squares: Any = sum(gradient.square().sum((1, 2)) for gradient in gradients)
    factor = (max_norm / (squares.sqrt() + 1e-6)).clamp(max=1)[:, None, None]
    for gradient in gradients:
        gradient.mul_(factor)


def _fill_up(nets: Sequence[AutoencoderNet], parts: Sequence[Rows]) -> tuple[Tensor, Tensor]:
    """Give rows in standard units, and their weights, with at least one of weight zero each."""
    n_rows, n_features = 1 + max(map(len, parts)), parts[0].X.shape[1]
    like = nets[0].module_.shift.to(nets[0].dtype)
    x = like.new_zeros(len(nets), n_rows, n_features)
    weight = like.new_zeros(len(nets), n_rows)
    for i, (net, rows) in enumerate(zip(nets, parts, strict=True)):
        its_rows, its_weight = rows[:]
        x[i, : len(rows)] = net.module_.standardize(to_tensor(its_rows, net.device, net.data_dtype))
        weight[i, : len(rows)] = (
            1 if its_weight is None else to_tensor(its_weight, net.device, net.dtype)
        )
    return x, weight

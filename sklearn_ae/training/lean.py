"""Epochs of plain autoencoders, with nothing in them but arithmetic."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn, optim

from sklearn_ae._data.rows import Batches, Rows
from sklearn_ae.nn import Chain
from sklearn_ae.nn.inspection import list_tensors
from sklearn_ae.training.flat import FlatParameters

if TYPE_CHECKING:
    from sklearn_ae.training.net import AutoencoderNet

# Their update of an entry depends on that entry alone.
_ELEMENTWISE = (
    optim.ASGD,
    optim.Adadelta,
    optim.Adagrad,
    optim.Adam,
    optim.AdamW,
    optim.Adamax,
    optim.NAdam,
    optim.RAdam,
    optim.RMSprop,
    optim.Rprop,
    optim.SGD,
)


def is_elementwise(optimizer: optim.Optimizer, module: nn.Module) -> bool:
    """Tell whether an optimizer may be given all parameters of a module as one vector.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        The optimizer.
    module : nn.Module
        The module.

    Returns
    -------
    is_elementwise : bool
        Whether it changes all parameters, each entry by what it knows of that entry alone,
        and nobody looks on.
    """
    return (
        type(optimizer) in _ELEMENTWISE
        and not optimizer._optimizer_step_pre_hooks
        and not optimizer._optimizer_step_post_hooks
        and {each for group in optimizer.param_groups for each in group["params"]}
        == set(list_tensors(module)[0])
    )


class LeanEpochs:
    """Runs epochs by :class:`~sklearn_ae.nn.Chain` over one vector of parameters.

    Parameters
    ----------
    net : AutoencoderNet
        The net that is trained.
    """

    def __init__(self, net: "AutoencoderNet") -> None:
        self._net = net
        self._flat: FlatParameters | None = None
        self._chain: Chain | None = None
        self._judge: tuple[Rows, Batches, Chain | None] | None = None

    def fits(self) -> bool:
        """Tell whether the net can be trained so, now.

        Returns
        -------
        fits : bool
            False where anything asks for more: another loss, a penalty, noise, layers other
            than fully connected ones, layers that are not trained, hooks, or an optimizer
            that treats weights as matrices.
        """
        # A callback may have frozen a layer or registered a hook since the last epoch.
        return self._is_asked_for_no_more() and Chain.fits(self._net.module_)

    def _is_asked_for_no_more(self) -> bool:
        net = self._net
        optimizer = net.optimizer_
        return (
            net.criterion_.is_squared_error
            and net.l1_penalty == 0
            and is_elementwise(optimizer, net.module_)
            and FlatParameters.fits(optimizer)
        )

    def train(self, batches: Batches) -> float:
        """Train for an epoch.

        Parameters
        ----------
        batches : Batches
            The batches.

        Returns
        -------
        loss : float
            Mean over the rows, while the weights moved.
        """
        net = self._net
        flat, chain = self._prepare(batches)
        # Summed on the device and read once: reading a loss waits for the device.
        total = torch.zeros((), dtype=net.dtype, device=net.device)
        with flat.in_use() as vectors:
            for x, weight in batches.iterate(self._standardize, reuse=True):
                net.follow_schedule()
                total += chain.backward(x, weight)
                if net.max_grad_norm is not None:
                    nn.utils.clip_grad_norm_(vectors, net.max_grad_norm)
                net.optimizer_.step()
        return self._mean(total, batches)

    def judge(self, rows: Rows, n_steps: int) -> float:
        """Compute the loss of rows, in full precision.

        Parameters
        ----------
        rows : Rows
            The rows.
        n_steps : int
            Number of steps from the encoder's codes towards the nearest ones.

        Returns
        -------
        loss : float
            Their mean.
        """
        net = self._net
        if self._judge is None or self._judge[0] is not rows:
            batches = net.get_iterator(rows, training=True)
            batches.generator = None
            self._judge = rows, batches, None
        _, batches, chain = judge = self._judge
        _, trained = self._prepare(batches)
        if not net.in_bfloat16_:
            chain = trained
        elif chain is None or self._judge is not judge:
            chain = Chain(net.module_, min(net.batch_size, len(rows)))
        self._judge = rows, batches, chain
        total = torch.zeros((), dtype=net.dtype, device=net.device)
        for x, weight in batches.iterate(self._standardize, reuse=True):
            total += chain.loss(x, weight, n_steps)
        return self._mean(total, batches)

    def release(self) -> None:
        """Give the parameters memory of their own again."""
        if self._flat is not None:
            self._flat.release()
            self._flat = self._chain = self._judge = None

    def _prepare(self, batches: Batches) -> tuple[FlatParameters, Chain]:
        net = self._net
        if self._flat is not None and not self._flat.is_intact(net.optimizer_):
            # A callback has replaced weights or optimizer.
            self.release()
        if self._flat is None:
            self._flat = FlatParameters(net.optimizer_)
        self._flat.give_gradients()
        if self._chain is None:
            dtype = torch.bfloat16 if net.in_bfloat16_ else None
            self._chain = Chain(net.module_, min(net.batch_size, len(batches.rows)), dtype)
        return self._flat, self._chain

    def _mean(self, total: Tensor, batches: Batches) -> float:
        rows = batches.rows
        return float(total) / (len(rows) * rows.X.shape[1])

    def _standardize(self, x: Tensor) -> Tensor:
        # As the module does, but a block at a time, and in place.
        module: Any = self._net.module_
        return x.sub_(module.shift).div_(module.scale).to(module.dtype)

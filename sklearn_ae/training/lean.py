"""Epochs of plain autoencoders, with nothing in them but arithmetic."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn, optim

from sklearn_ae.nn import Chain
from sklearn_ae.training.flat import FlatParameters
from sklearn_ae.training.rows import Batches

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

    def fit(self) -> bool:
        """Tell whether the net can be trained so.

        Returns
        -------
        fit : bool
            False where anything asks for more: a callback that looks at batches, another
            loss, a penalty, noise, layers other than fully connected ones, or an
            optimizer that treats weights as matrices.
        """
        net = self._net
        groups = net.optimizer_.param_groups
        return (
            net.criterion_.is_squared_error
            and net.l1_penalty == 0
            and type(net.optimizer_) in _ELEMENTWISE
            and len(groups) == 1
            and Chain.fits(net.module_)
            and set(groups[0]["params"]) == set(net.module_.parameters())
        )

    def run(self, batches: Batches) -> float:
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
        if self._flat is None:
            self._flat = FlatParameters(net.optimizer_)
            dtype = torch.bfloat16 if net.autocast else None
            self._chain = Chain(net.module_, batches.batch_size, dtype)
        assert self._chain is not None, "made together"
        # Summed on the device and read once: reading a loss waits for the device.
        total = torch.zeros((), dtype=net.dtype, device=net.device)
        with self._flat.in_use() as vector:
            for x, weight in batches.iterate(self._standardize, reuse=True):
                net.follow_schedule()
                total += self._chain.backward(x, weight)
                if net.max_grad_norm is not None:
                    nn.utils.clip_grad_norm_(vector, net.max_grad_norm)
                net.optimizer_.step()
        rows = batches.rows
        return float(total) / (len(rows) * rows.X.shape[1])

    def end(self) -> None:
        """Give the parameters memory of their own again."""
        if self._flat is not None:
            self._flat.release()

    def _standardize(self, x: Tensor) -> Tensor:
        # As the module does, but a block at a time, and in place.
        module: Any = self._net.module_
        return x.sub_(module.shift).div_(module.scale).to(module.dtype)

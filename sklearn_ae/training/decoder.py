"""Fit the decoder alone, to the codes whose reconstructions are nearest to the rows."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_ae._data.rows import Rows, to_tensor
from sklearn_ae.nn import Autoencoder, Chain, stack_members
from sklearn_ae.nn.inspection import list_tensors
from sklearn_ae.nn.nearest_code import descend, pull
from sklearn_ae.training.flat import FlatParameters
from sklearn_ae.training.lean import is_elementwise
from sklearn_ae.training.net import AutoencoderNet
from sklearn_ae.training.schedules import one_cycle
from sklearn_ae.training.stacked import StackedRows, clip_each, optimizer_for, take
from sklearn_ae.training.threads import count_operations, threads_by_size

# Rows, and slopes of the decoder, by which the length of steps is found.
_N_ROWS, _N_SLOPES = 2048, 512
# Rows that are moved at once, and entries of a matrix that is kept in standard units.
_N_AT_ONCE, _MAX_ENTRIES = 2048, 2**22


def fit_decoder(
    net: AutoencoderNet,
    rows: Rows,
    held_out: Rows | None,
    *,
    learning_rate: float,
    batch_size: int,
    n_epochs: int,
    n_steps: int,
) -> tuple[float, float]:
    """Train the decoder on, each row having its nearest code instead of the encoder's.

    After each epoch the codes make one step towards what is nearest then. So principal curves
    are found: project the rows, fit the curve, and again [1]_. Dropout is off.

    Parameters
    ----------
    net : AutoencoderNet
        The net, trained. Its weights stay as they were where the held-out loss does not
        fall, or the user interrupts.
    rows : Rows
        What to train on.
    held_out : Rows or None
        Rows to judge by. None: the decoder is taken as it comes.
    learning_rate : float
        The highest learning rate.
    batch_size : int
        Rows in a batch.
    n_epochs : int
        Number of passes over the rows.
    n_steps : int
        How many steps lead to the nearest code in use.

    Returns
    -------
    before, after : float
        Loss of the held-out rows at their nearest codes; NaN without them, or where the
        user interrupts.

    References
    ----------
    .. [1] Hastie and Stuetzle, "Principal curves", Journal of the American Statistical
       Association 84, 1989.
    """
    module = net.module_
    kept = [weights.clone() for weights in net.weights()]
    before = after = math.nan
    try:
        standard = _StandardRows(net, rows, batch_size)
        others = None if held_out is None else _StandardRows(net, held_out)
        with threads_by_size(count_operations(module, batch_size)):
            _find_length_of_steps(net, rows)
            with _decoder_of(net) as decoder:
                if others is not None:
                    before = float(decoder.nearest_loss(others, n_steps))
                decoder.train(standard, learning_rate, n_epochs, n_steps)
                if others is not None:
                    after = float(decoder.nearest_loss(others, n_steps))
    except KeyboardInterrupt:
        net.interrupted_ = True
        net.set_weights(kept)
        return math.nan, math.nan
    is_sound = all(bool(weights.isfinite().all()) for weights in net.weights())
    if not is_sound or (held_out is not None and not after < before):
        net.set_weights(kept)
    return before, after


def try_decoders(
    nets: Sequence[AutoencoderNet],
    parts: Sequence[tuple[Rows, Rows]],
    *,
    learning_rate: float,
    batch_size: int,
    n_epochs: int,
    n_steps: int,
) -> list[tuple[float, float]]:
    """Tell what `fit_decoder` would do to each of several nets, which stay as they are.

    Parameters
    ----------
    nets : sequence of AutoencoderNet
        Nets that can be trained together.
    parts : sequence of (Rows, Rows)
        For each what to train on, and what to judge by.
    learning_rate, batch_size, n_epochs, n_steps : float or int
        As for `fit_decoder`.

    Returns
    -------
    losses : list of (float, float)
        Loss of the held-out rows of each, at their nearest codes, before and after; NaN
        where the user interrupts.
    """
    training, held_out = zip(*parts, strict=True)
    try:
        for net, rows in zip(nets, training, strict=True):
            _find_length_of_steps(net, rows)
        stacked = stack_members([net.module_ for net in nets])
        standard, others = _RowsOfAll(nets, training, batch_size), _RowsOfAll(nets, held_out)
        optimizer, max_norm = optimizer_for(stacked, nets), nets[0].max_grad_norm
        with (
            threads_by_size(count_operations(nets[0].module_, batch_size)),
            _alone(stacked, optimizer) as trained,
        ):
            clip = None if max_norm is None else partial(clip_each, trained, max_norm)
            decoder = _DecoderChain(stacked, optimizer, clip)
            before = decoder.nearest_loss(others, n_steps)
            decoder.train(standard, learning_rate, n_epochs, n_steps)
            after = decoder.nearest_loss(others, n_steps)
    except KeyboardInterrupt:
        for net in nets:
            net.interrupted_ = True
        return [(math.nan, math.nan)] * len(nets)
    return list(zip(before.tolist(), after.tolist(), strict=True))


class _StandardRows:
    """Rows in standard units, kept as such where they are few."""

    def __init__(self, net: AutoencoderNet, rows: Rows, batch_size: int | None = None) -> None:
        self._net, self._rows = net, rows
        self.n_rows = len(rows)
        self.n_batches = 1 if batch_size is None else -(-self.n_rows // batch_size)
        self._kept = None
        if self.n_rows * rows.X.shape[1] <= _MAX_ENTRIES:
            self._kept = self._take(slice(None))

    def __getitem__(self, which: Any) -> tuple[Tensor, Tensor | None]:
        if self._kept is None:
            return self._take(which if isinstance(which, slice) else which.cpu().numpy())
        x, weight = self._kept
        return x[which], None if weight is None else weight[which]

    def blocks(self) -> Iterator[slice]:
        """Give the places of as many rows as are moved at once, in turn."""
        for start in range(0, self.n_rows, _N_AT_ONCE):
            yield slice(start, start + _N_AT_ONCE)

    def epoch(self, code: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Give codes, rows and weights of each batch, in another order each time."""
        batches: Any = [slice(None)]
        if self.n_batches > 1:
            order = torch.randperm(self.n_rows, generator=self._net.generator).to(code.device)
            cuts = [self.n_rows * i // self.n_batches for i in range(1, self.n_batches)]
            batches = order.tensor_split(cuts)
        for batch in batches:
            yield code[batch], *self[batch]

    def _take(self, which: Any) -> tuple[Tensor, Tensor | None]:
        net = self._net
        x, weight = (
            None if part is None else to_tensor(part, net.device, net.data_dtype)
            for part in self._rows[which]
        )
        assert x is not None, "only weights may be missing"
        x = net.module_.standardize(x)
        return x, None if weight is None else weight.to(x.dtype)


class _RowsOfAll(StackedRows):
    """The same of several nets, all of them moved at once."""

    def __getitem__(self, which: Any) -> tuple[Tensor, Tensor]:
        return self.x[:, which], self.weight[:, which]

    def blocks(self) -> Iterator[slice]:
        yield slice(None)

    def epoch(self, code: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        x, weight, index = self.batches()
        return zip(take(code, index), x, weight, strict=True)


class _Decoder:
    """A decoder that is trained alone. Codes are in the coordinates of the basis."""

    def __init__(
        self,
        module: Autoencoder,
        optimizer: torch.optim.Optimizer,
        clip: Callable[[], Any] | None,
    ) -> None:
        assert module.basis is not None, "the transformer's has one"
        self._module, self._basis = module, module.basis
        self._optimizer, self._clip = optimizer, clip

    def train(self, rows: Any, learning_rate: float, n_epochs: int, n_steps: int) -> None:
        """Train for some epochs, the codes following."""
        code = self.nearest_codes(rows, n_steps)
        for epoch in range(n_epochs):
            for i, batch in enumerate(rows.epoch(code)):
                share = one_cycle((epoch + i / rows.n_batches) / n_epochs)
                for group in self._optimizer.param_groups:
                    group["lr"] = learning_rate * share
                self._backward(*batch)
                if self._clip is not None:
                    self._clip()
                self._optimizer.step()
            code = self.nearest_codes(rows, 1, code)

    def nearest_loss(self, rows: Any, n_steps: int) -> Tensor:
        """Give the mean squared error of rows at their nearest codes."""
        code = self.nearest_codes(rows, n_steps)
        total: Any = 0.0
        for block in rows.blocks():
            x, weight = rows[block]
            error, _ = self._pull(x, code[..., block, :], with_slope=False)
            total = total + (error if weight is None else weight * error).sum(-1)
        return 2 * total / (rows.n_rows * x.shape[-1])

    def nearest_codes(self, rows: Any, n_steps: int, code: Tensor | None = None) -> Tensor:
        """Give codes after steps towards the nearest, from those of the encoder if not given."""
        parts = []
        for block in rows.blocks():
            x, _ = rows[block]
            start = self._encode(x) if code is None else code[..., block, :]
            parts.append(descend(partial(self._pull, x), start, n_steps)[0])
        return torch.cat(parts, -2)

    def _encode(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self._basis.encode(self._module.encode_standard(x))

    def _backward(self, code: Tensor, x: Tensor, weight: Tensor | None) -> None:
        self._optimizer.zero_grad()
        errors = (self._module.decode_to_standard(code) - x).square().mean(-1)
        (errors if weight is None else weight * errors).mean().backward()

    def _pull(self, x: Tensor, code: Tensor, with_slope: bool) -> tuple[Tensor, Tensor | None]:
        return pull(self._module.decode_to_standard, code, x, with_slope)


class _DecoderChain(_Decoder):
    """One that is a chain of linear maps and activations."""

    def __init__(self, module: Autoencoder, *args: Any) -> None:
        super().__init__(module, *args)
        self._chain = Chain(module, _N_AT_ONCE, with_encoder=False)

    def _backward(self, code: Tensor, x: Tensor, weight: Tensor | None) -> None:
        self._chain.backward_decoder(self._basis.decode(code), x, weight)

    def _pull(self, x: Tensor, code: Tensor, with_slope: bool) -> tuple[Tensor, Tensor | None]:
        error, slope = self._chain.pull(self._basis.decode(code), x, with_slope=with_slope)
        return error, None if slope is None else slope @ self._basis.back


@contextmanager
def _decoder_of(net: AutoencoderNet) -> Iterator[_Decoder]:
    module, optimizer, max_norm = net.module_, net.optimizer_, net.max_grad_norm
    clip = None
    if Chain.fits(module) and is_elementwise(optimizer, module):
        with _alone(module, optimizer) as trained:
            if max_norm is not None:
                clip = partial(nn.utils.clip_grad_norm_, trained, max_norm)
            yield _DecoderChain(module, optimizer, clip)
        return
    # What has no gradient, as the encoder has none, is left alone by optimizers.
    if max_norm is not None:
        clip = partial(nn.utils.clip_grad_norm_, list_tensors(module)[0], max_norm)
    try:
        yield _Decoder(module, optimizer, clip)
    finally:
        optimizer.zero_grad()


@contextmanager
def _alone(module: Autoencoder, optimizer: torch.optim.Optimizer) -> Iterator[list[nn.Parameter]]:
    """Let the optimizer, without what it remembers, see nothing but the decoder, as vectors."""
    groups, state = optimizer.param_groups, optimizer.state
    of_decoder = {*module.decoder.parameters()}
    if module.linear_path is not None:
        of_decoder.add(module.linear_path.decoder_weight)
    restricted = [
        group | {"params": [each for each in group["params"] if each in of_decoder]}
        for group in groups
    ]
    optimizer.param_groups = [group for group in restricted if group["params"]]
    optimizer.state = defaultdict(dict)
    flat = FlatParameters(optimizer)
    try:
        with flat.in_use():
            yield [each for each in list_tensors(module)[0] if each in of_decoder]
    finally:
        flat.release()
        optimizer.param_groups, optimizer.state = groups, state


def _find_length_of_steps(net: AutoencoderNet, rows: Rows) -> None:
    """Choose coordinates of the code in which a step of one unit is right."""
    module = net.module_
    assert module.basis is not None, "the transformer's has one"
    with torch.no_grad():
        x, weight = _StandardRows(net, rows.thin_out(_N_ROWS))[:]
        code = module.encode_standard(x)
        module.basis.arrange(code, module.decode_raw, weight, max(1, _N_SLOPES // net.n_components))

"""Fit the decoder alone, to the codes whose reconstructions are nearest to the rows."""

import math
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_ae.nn import Autoencoder, Chain
from sklearn_ae.nn.nearest_code import descend, pull
from sklearn_ae.training.flat import FlatParameters
from sklearn_ae.training.lean import is_elementwise
from sklearn_ae.training.net import AutoencoderNet
from sklearn_ae.training.rows import Rows, to_tensor
from sklearn_ae.training.schedules import one_cycle
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
    kept = [weights.clone() for weights in net.weights()]
    before = after = math.nan
    standard = _StandardRows(net, rows)
    others = None if held_out is None else _StandardRows(net, held_out)
    try:
        with threads_by_size(count_operations(net.module_, batch_size)):
            _find_length_of_steps(net.module_, standard)
            with _decoder_alone(net) as decoder:
                if others is not None:
                    before = decoder.nearest_loss(others, n_steps)
                code = decoder.nearest_codes(standard, n_steps)
                n_batches = -(-len(rows) // batch_size)
                for epoch in range(n_epochs):
                    for i, batch in enumerate(standard.batches(n_batches)):
                        share = one_cycle((epoch + i / n_batches) / n_epochs)
                        decoder.step(code[batch], *standard[batch], learning_rate * share)
                    code = decoder.nearest_codes(standard, 1, code)
                if others is not None:
                    after = decoder.nearest_loss(others, n_steps)
    except KeyboardInterrupt:
        net.interrupted_ = True
        net.set_weights(kept)
        return math.nan, math.nan
    is_sound = all(bool(weights.isfinite().all()) for weights in net.weights())
    if not is_sound or (held_out is not None and not after < before):
        net.set_weights(kept)
    return before, after


class _StandardRows:
    """Rows in standard units, kept as such where they are few."""

    def __init__(self, net: AutoencoderNet, rows: Rows) -> None:
        self._net, self._rows = net, rows
        self._kept = None
        if len(rows) * rows.X.shape[1] <= _MAX_ENTRIES:
            self._kept = self._take(slice(None))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, which: Any) -> tuple[Tensor, Tensor | None]:
        if self._kept is None:
            return self._take(which if isinstance(which, slice) else which.cpu().numpy())
        x, weight = self._kept
        return x[which], None if weight is None else weight[which]

    def batches(self, n_batches: int) -> Iterator[Any]:
        """Give the places of the rows of each batch, in another order each time."""
        if n_batches == 1:
            yield slice(None)
            return
        order = torch.randperm(len(self), generator=self._net.generator).to(self._net.device)
        cuts = [len(self) * i // n_batches for i in range(1, n_batches)]
        yield from order.tensor_split(cuts)

    def blocks(self) -> Iterator[slice]:
        """Give the places of as many rows as are moved at once, in turn."""
        for start in range(0, len(self), _N_AT_ONCE):
            yield slice(start, start + _N_AT_ONCE)

    def thin_out(self, n_rows: int) -> "_StandardRows":
        return _StandardRows(self._net, self._rows.thin_out(n_rows))

    def _take(self, which: Any) -> tuple[Tensor, Tensor | None]:
        x, weight = (
            None if part is None else to_tensor(part, self._net.device, self._net.data_dtype)
            for part in self._rows[which]
        )
        x = self._net.module_.standardize(x)
        return x, None if weight is None else weight.to(x.dtype)


class _Decoder:
    """A decoder that is trained alone. Codes are in the coordinates of the basis."""

    def __init__(self, net: AutoencoderNet) -> None:
        self._module, self._optimizer = net.module_, net.optimizer_
        self._max_grad_norm = net.max_grad_norm

    def nearest_loss(self, rows: _StandardRows, n_steps: int) -> float:
        """Give the mean squared error of rows at their nearest codes."""
        code, total = self.nearest_codes(rows, n_steps), 0.0
        for block in rows.blocks():
            x, weight = rows[block]
            error, _ = self._pull(x, code[block], with_slope=False)
            total += float((error if weight is None else weight * error).sum())
        return 2 * total / (len(rows) * x.shape[-1])

    def nearest_codes(
        self, rows: _StandardRows, n_steps: int, code: Tensor | None = None
    ) -> Tensor:
        """Give codes after steps towards the nearest, from those of the encoder if not given."""
        parts = []
        for block in rows.blocks():
            x, _ = rows[block]
            start = self._encode(x) if code is None else code[block]
            parts.append(descend(partial(self._pull, x), start, n_steps))
        return torch.cat(parts)

    def step(self, code: Tensor, x: Tensor, weight: Tensor | None, learning_rate: float) -> None:
        """Make a step of the optimizer."""
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._backward(code, x, weight)
        if self._max_grad_norm is not None:
            trained = [each for group in self._optimizer.param_groups for each in group["params"]]
            nn.utils.clip_grad_norm_(trained, self._max_grad_norm)
        self._optimizer.step()

    def _encode(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self._module.basis.encode(self._module.encode_standard(x))

    def _backward(self, code: Tensor, x: Tensor, weight: Tensor | None) -> None:
        self._optimizer.zero_grad()
        errors = (self._module.decode_to_standard(code) - x).square().mean(-1)
        (errors if weight is None else weight * errors).mean().backward()

    def _pull(self, x: Tensor, code: Tensor, with_slope: bool) -> tuple[Tensor, Tensor | None]:
        return pull(self._module.decode_to_standard, code, x, with_slope)


class _DecoderChain(_Decoder):
    """One that is a chain of linear maps and activations."""

    def __init__(self, net: AutoencoderNet) -> None:
        super().__init__(net)
        self._chain = Chain(net.module_, _N_AT_ONCE, with_encoder=False)

    def _backward(self, code: Tensor, x: Tensor, weight: Tensor | None) -> None:
        self._chain.backward_decoder(self._module.basis.decode(code), x, weight)

    def _pull(self, x: Tensor, code: Tensor, with_slope: bool) -> tuple[Tensor, Tensor | None]:
        basis = self._module.basis
        error, slope = self._chain.pull(basis.decode(code), x, with_slope=with_slope)
        return error, None if slope is None else slope @ basis.back


@contextmanager
def _decoder_alone(net: AutoencoderNet) -> Iterator[_Decoder]:
    """Let the optimizer, without what it remembers, see nothing but the decoder."""
    module, optimizer = net.module_, net.optimizer_
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
    try:
        if not (Chain.fits(module) and is_elementwise(optimizer)):
            yield _Decoder(net)
            return
        flat = FlatParameters(optimizer)
        try:
            with flat.in_use():
                yield _DecoderChain(net)
        finally:
            flat.release()
    finally:
        optimizer.zero_grad()
        optimizer.param_groups, optimizer.state = groups, state


def _find_length_of_steps(module: Autoencoder, rows: _StandardRows) -> None:
    """Choose coordinates of the code in which a step of one unit is right."""
    assert module.basis is not None, "the transformer's has one"
    with torch.no_grad():
        x, weight = rows.thin_out(_N_ROWS)[:]
        code = module.encode_standard(x)
        n_slopes = max(1, _N_SLOPES // code.shape[-1])
        module.basis.arrange(code, module.decode_raw, weight, n_slopes)

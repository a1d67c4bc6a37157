"""Fit the decoder alone, to the codes whose reconstructions are nearest to the rows."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_ae.nn import Autoencoder, nearest_code
from sklearn_ae.training.net import AutoencoderNet
from sklearn_ae.training.rows import Rows, to_tensor
from sklearn_ae.training.schedules import one_cycle
from sklearn_ae.training.threads import count_operations, threads_by_size

# Rows, and slopes of the decoder, by which the length of steps is found.
_N_ROWS, _N_SLOPES = 2048, 512


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
    try:
        with threads_by_size(count_operations(net.module_, batch_size)):
            _find_length_of_steps(net, rows)
            if held_out is not None:
                before = nearest_loss(net, held_out, n_steps)
            _train(net, rows, learning_rate, batch_size, n_epochs, n_steps)
            if held_out is not None:
                after = nearest_loss(net, held_out, n_steps)
    except KeyboardInterrupt:
        net.interrupted_ = True
        net.set_weights(kept)
        return math.nan, math.nan
    is_sound = all(bool(weights.isfinite().all()) for weights in net.weights())
    if not is_sound or (held_out is not None and not after < before):
        net.set_weights(kept)
    return before, after


def nearest_loss(net: AutoencoderNet, rows: Rows, n_steps: int) -> float:
    """Give the mean squared error of rows at their nearest codes, in standard units.

    Parameters
    ----------
    net : AutoencoderNet
        The net.
    rows : Rows
        The rows.
    n_steps : int
        How many steps lead there.

    Returns
    -------
    loss : float
    """
    module, total = net.module_, 0.0
    with torch.no_grad():
        for x, weight in net.get_iterator(rows):
            loss = _loss(module, module.encode_nearest(x, n_steps), x, weight)
            total += loss.item() * len(x)
    return total / len(rows)


def _train(
    net: AutoencoderNet,
    rows: Rows,
    learning_rate: float,
    batch_size: int,
    n_epochs: int,
    n_steps: int,
) -> None:
    module, optimizer = net.module_, net.optimizer_
    with torch.no_grad():
        code = torch.cat([module.encode_nearest(x, n_steps) for x, _ in net.get_iterator(rows)])
    n_batches = -(-len(rows) // batch_size)
    cuts = [len(rows) * i // n_batches for i in range(1, n_batches)]
    order = torch.arange(len(rows))
    for epoch in range(n_epochs):
        if n_batches > 1:
            order = torch.randperm(len(rows), generator=net.generator)
        for i, batch in enumerate(order.tensor_split(cuts)):
            share = one_cycle((epoch + i / n_batches) / n_epochs)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * share
            x, weight = _take(net, rows, batch)
            # The encoder has no gradient, and stays.
            optimizer.zero_grad()
            _loss(module, code[batch.to(code.device)], x, weight).backward()
            if net.max_grad_norm is not None:
                nn.utils.clip_grad_norm_(module.parameters(), net.max_grad_norm)
            optimizer.step()
        code = _one_step_nearer(net, rows, code)
    optimizer.zero_grad()


def _one_step_nearer(net: AutoencoderNet, rows: Rows, code: Tensor) -> Tensor:
    module, parts, start = net.module_, [], 0
    for x, _ in net.get_iterator(rows):
        part = code[start : start + len(x)]
        parts.append(nearest_code(module.decode_to_standard, part, module.standardize(x), 1))
        start += len(x)
    return torch.cat(parts)


def _find_length_of_steps(net: AutoencoderNet, rows: Rows) -> None:
    """Choose coordinates of the code in which a step of one unit is right."""
    module = net.module_
    with torch.no_grad():
        x, weight = _take(net, rows.thin_out(_N_ROWS), slice(None))
        code = module.encode_standard(module.standardize(x))
        n_slopes = max(1, _N_SLOPES // net.n_components)
        module.basis.arrange(code, module.decode_raw, weight, n_slopes)


def _take(net: AutoencoderNet, rows: Rows, which: Any) -> tuple[Tensor, Tensor | None]:
    x, weight = rows[which if isinstance(which, slice) else which.numpy()]
    return (
        to_tensor(x, net.device, net.data_dtype),
        None if weight is None else to_tensor(weight, net.device, net.data_dtype),
    )


def _loss(module: Autoencoder, code: Tensor, x: Tensor, weight: Tensor | None) -> Tensor:
    errors = (module.decode_to_standard(code) - module.standardize(x)).square().mean(1)
    return errors.mean() if weight is None else (weight.to(errors.dtype) * errors).mean()

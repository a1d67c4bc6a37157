"""Make rows and judge them: samples, paths between rows, likelihoods. Functions of a fitted net."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_ae._inspection.density import CodeDensity
from sklearn_ae.training import AutoencoderNet


def sample(
    net: AutoencoderNet,
    density: CodeDensity | None,
    n_samples: int,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """Draw codes from their density, or from the prior if that is None, and decode them."""
    module = net.module_
    if density is None:
        return net.compute(module.decode, random_state.normal(size=(n_samples, net.n_components)))

    def decode(hidden: Tensor) -> Tensor:
        return module.to_input_units(module.decode_raw(module.latent(hidden.to(module.dtype))))

    return net.compute(decode, density.sample(n_samples, random_state))


def interpolate(
    net: AutoencoderNet, encode: Callable[[Tensor], Tensor], ends: np.ndarray, n: int
) -> np.ndarray:
    """Decode `n` steps of the straight line between the codes of two rows."""
    first, last = net.compute(encode, ends)
    share = np.linspace(0, 1, n, dtype=first.dtype)[:, None]
    return net.compute(net.module_.decode, (1 - share) * first + share * last)


def log_likelihood(net: AutoencoderNet, X: Any, n_samples: int) -> np.ndarray:
    """Estimate the log likelihood of rows by importance sampling, in nats, input units.

    The latent is variational, and draws `n_samples` codes for each row.
    """
    module, criterion = net.module_, net.criterion_
    # The same numbers for every row: its estimate does not depend on the rows beside it.
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(n_samples, net.n_components, generator=generator, dtype=module.dtype)
    noise = noise.to(net.device)
    nats = net.compute(
        lambda x: module.latent.log_likelihood(module, criterion.per_sample, x, noise), X
    )
    if criterion.units == "standard":
        scale = module.scale.double().cpu().numpy()
        nats = nats - np.log(np.broadcast_to(scale, module.shift.shape)).sum()
    return nats

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
    """Draw codes from the prior, or from their density, and decode them.

    Parameters
    ----------
    net : AutoencoderNet
        The net, trained.
    density : CodeDensity or None
        The density of what the encoder gives; None: the latent has a prior.
    n_samples : int
        Number of rows.
    random_state : RandomState instance
        Source of randomness.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
    """
    module = net.module_
    if density is None:
        codes = random_state.normal(size=(n_samples, net.n_components))
        return net.compute(module.decode, codes)

    def decode(hidden: Tensor) -> Tensor:
        return module.to_input_units(module.decode_raw(module.latent(hidden.to(module.dtype))))

    return net.compute(decode, density.sample(n_samples, random_state))


def interpolate(
    net: AutoencoderNet, encode: Callable[[Tensor], Tensor], ends: np.ndarray, n: int
) -> np.ndarray:
    """Decode the straight line between the codes of two rows.

    Parameters
    ----------
    net : AutoencoderNet
        The net, trained.
    encode : callable
        Gives the codes of rows.
    ends : ndarray of shape (2, n_features)
        The rows.
    n : int
        Number of steps.

    Returns
    -------
    X : ndarray of shape (n, n_features)
    """
    first, last = net.compute(encode, ends)
    share = np.linspace(0, 1, n, dtype=first.dtype)[:, None]
    return net.compute(net.module_.decode, (1 - share) * first + share * last)


def log_likelihood(net: AutoencoderNet, X: Any, n_samples: int) -> np.ndarray:
    """Estimate the log likelihood of rows by importance sampling.

    Parameters
    ----------
    net : AutoencoderNet
        The net, trained, with a variational latent.
    X : ndarray or CSR matrix or array of shape (n_rows, n_features)
        The rows.
    n_samples : int
        Number of codes for each row.

    Returns
    -------
    log_likelihood : ndarray of shape (n_rows,)
        In nats, input units.
    """
    module, criterion = net.module_, net.criterion_
    # The same numbers for every row: its estimate does not depend on the rows beside it.
    noise = torch.empty(n_samples, net.n_components, dtype=module.dtype)
    noise = noise.normal_(generator=torch.Generator().manual_seed(0)).to(net.device)
    nats = net.compute(
        lambda x: module.latent.log_likelihood(module, criterion.per_sample, x, noise), X
    )
    if criterion.units == "standard":
        scale = module.scale.double().cpu().numpy()
        nats = nats - np.log(np.broadcast_to(scale, module.shift.shape)).sum()
    return nats

"""From scikit-learn's `random_state` to a generator of PyTorch."""

import numpy as np
import torch
from sklearn.utils import check_random_state


def make_generators(
    random_state: int | np.random.RandomState | None,
) -> tuple[torch.Generator, np.random.RandomState]:
    """Make generators that are independent of all global random state.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        The estimator's parameter. None draws a seed from the operating system, not from
        NumPy's global state.

    Returns
    -------
    generator : torch.Generator
        On the CPU.
    random_state : RandomState instance
        For what is drawn in NumPy.
    """
    if random_state is None:
        random_state = np.random.RandomState(np.random.MT19937(np.random.SeedSequence()))
    seeds = check_random_state(random_state).randint(2**31 - 1, size=2)
    return torch.Generator().manual_seed(int(seeds[0])), np.random.RandomState(seeds[1])

"""From scikit-learn's `random_state` to a generator of PyTorch."""

import numpy as np
import torch
from sklearn.utils import check_random_state


def draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """Draw the seed that several networks start from alike.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        The estimator's parameter. None draws a seed from the operating system, not from
        NumPy's global state.

    Returns
    -------
    seed : int
    """
    if random_state is None:
        random_state = np.random.RandomState(np.random.MT19937(np.random.SeedSequence()))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    return int(random_state)


def make_generators(
    random_state: int | np.random.RandomState | None,
) -> tuple[torch.Generator, np.random.RandomState]:
    """Make generators that are independent of all global random state.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        The estimator's parameter, see :func:`draw_seed`.

    Returns
    -------
    generator : torch.Generator
        On the CPU.
    random_state : RandomState instance
        For what is drawn in NumPy.
    """
    seeds = check_random_state(draw_seed(random_state)).randint(2**31 - 1, size=2)
    return torch.Generator().manual_seed(int(seeds[0])), np.random.RandomState(seeds[1])

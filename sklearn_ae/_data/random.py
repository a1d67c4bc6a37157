"""From scikit-learn's `random_state` to a generator of PyTorch."""

import numpy as np
import torch


def draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """Draw the seed that several networks start from alike."""
    if random_state is None:  # a seed from the operating system, not from NumPy's global state
        random_state = np.random.RandomState()
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    return int(random_state)


def make_generators(
    random_state: int | np.random.RandomState | None,
) -> tuple[torch.Generator, np.random.RandomState]:
    """Make generators, for PyTorch on the CPU and for NumPy, apart from all global random state."""
    seeds = np.random.RandomState(draw_seed(random_state)).randint(2**31 - 1, size=2)
    return torch.Generator().manual_seed(int(seeds[0])), np.random.RandomState(seeds[1])

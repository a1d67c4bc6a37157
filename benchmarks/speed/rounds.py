"""Measuring side by side: rounds in which every contender runs, and the ratios of a round."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from threadpoolctl import threadpool_limits

T = TypeVar("T")


class Ratio(NamedTuple):
    """A ratio of two contenders over the rounds.

    Attributes
    ----------
    median, low, high : float
        Of the ratios of the single rounds.
    """

    median: float
    low: float
    high: float


def interleave(
    contenders: dict[str, Callable[[int], T]],
    repetitions: int,
    tick: Callable[[], None] = lambda: None,
) -> dict[str, list[T]]:
    """Run all contenders in every round, so that a busy machine slows them all alike.

    Parameters
    ----------
    contenders : dict of str to callable
        Called with the number of the round.
    repetitions : int
        How many rounds.
    tick : callable, optional
        Called after each run.

    Returns
    -------
    found : dict of str to list
        What each contender gave in each round.
    """
    names = list(contenders)
    found: dict[str, list[T]] = {name: [] for name in names}
    for i in range(repetitions):
        first = i % len(names)  # nobody is always the first, or always after the same one
        for name in names[first:] + names[:first]:
            found[name].append(contenders[name](i))
            tick()
    return found


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Ratio:
    """Compare two contenders round by round.

    Not the ratio of their medians: what slows the machine for a while slows both runs of a
    round, and their ratio hardly at all.

    Parameters
    ----------
    numerators, denominators : sequence of float
        One number a round.

    Returns
    -------
    ratio : Ratio
    """
    ratios = np.divide(numerators, denominators)
    return Ratio(float(np.median(ratios)), float(ratios.min()), float(ratios.max()))


def now(device: torch.device) -> float:
    """Read the clock once the device has done what it was asked to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter()


def seconds(function: Callable[[], object], device: torch.device, n_calls: int = 1) -> float:
    """Time a call, or give the mean of several."""
    start = now(device)
    for _ in range(n_calls):
        function()
    return (now(device) - start) / n_calls


@contextmanager
def use_threads(threads: int) -> Iterator[None]:
    """Compute on so many threads, in PyTorch and in NumPy."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)

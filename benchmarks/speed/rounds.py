"""Measuring side by side: rounds in which every contender runs, and the ratios of a round."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple, TypeVar

import numpy as np
import torch

T = TypeVar("T")


def interleave(contenders: dict[str, Callable[[int], T]], repetitions: int) -> dict[str, list[T]]:
    """Run all contenders in every round, so that a busy machine slows them all alike."""
    names = list(contenders)
    found: dict[str, list[T]] = {name: [] for name in names}
    for i in range(repetitions):
        first = i % len(names)  # nobody is always the first, or always after the same one
        for name in names[first:] + names[:first]:
            found[name].append(contenders[name](i))
    return found


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> "Ratio":
    """Compare two contenders round by round: noise slows both runs of a round alike."""
    ratios = np.divide(numerators, denominators)
    return Ratio(float(np.median(ratios)), float(ratios.min()), float(ratios.max()))


def now(device: torch.device) -> float:
    """Read the clock once the device has done what it was asked to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter()


def time_epochs(epoch: Callable[[], object], n_epochs: int, device: torch.device) -> list[float]:
    """Run epochs, and give the time of each."""
    times = [now(device)]
    for _ in range(n_epochs):
        epoch()
        times.append(now(device))
    return np.diff(times).tolist()


@dataclass(frozen=True)
class Settings:
    """Where and how often to measure; the most rows, and whether to fit a million."""

    device: torch.device
    threads: int
    repetitions: int
    max_rows: int | None = None
    large: bool = False


class Ratio(NamedTuple):
    """Median and range of the ratios of two contenders over the rounds."""

    median: float
    low: float
    high: float

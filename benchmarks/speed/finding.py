"""What the parts of the benchmark share: settings of a run, and what a part gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from benchmarks.variants.study import Result


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes
    ----------
    device : torch.device
        Where to train.
    threads : int
        Number of threads.
    repetitions : int
        Number of rounds.
    activation : str
        Activation of the networks.
    max_rows : int or None
        Most training rows, for a quick look.
    tick : callable
        Called after each run of a contender.
    """

    device: torch.device
    threads: int
    repetitions: int
    activation: str = "relu"
    max_rows: int | None = None
    tick: Callable[[], None] = lambda: None


@dataclass
class Finding(Result):
    """What a part found: lines of its table, and the bars it has to clear.

    Attributes
    ----------
    notes : list of str
        What one has to know to read the lines.
    raw : dict
        All that was measured.
    """

    notes: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return super().to_json() | {"notes": self.notes, "raw": self.raw}

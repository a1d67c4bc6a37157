"""What is trained: networks, and the rows they are trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise

import numpy as np
from torch import nn

from benchmarks.data import BenchmarkError, load
from sklearn_ae.architectures import Convolutional

# Enough to tell one loss from another to a percent.
_JUDGED_ROWS = 10_000
_N_PIXELS = 784


@dataclass(frozen=True)
class Case:
    """A network, its batches and its data."""

    dataset: str
    n_rows: int
    hidden_layer_sizes: tuple[int, ...]
    n_components: int
    batch_size: int
    contenders: tuple[str, ...]
    n_timed_epochs: int = 2
    n_features: int = _N_PIXELS

    @property
    def is_convolutional(self) -> bool:
        return not self.hidden_layer_sizes

    @property
    def title(self) -> str:
        sizes = [self.n_features, *self.hidden_layer_sizes, self.n_components]
        network = "-".join(map(str, sizes))
        if self.is_convolutional:
            network = f"convolutional, code of {self.n_components}"
        return f"{network}, batches of {self.batch_size}"


_IN_SHORT = ("hand-written", "ours", "ours, linear path")
_PEERS = ("tutorial", "skorch", "PyOD", "Keras", "MLPRegressor")

CASES = {
    "A": Case("mnist", 60_000, (128, 64), 32, 128, (*_IN_SHORT, *_PEERS)),
    "B256": Case("mnist", 60_000, (1000, 500, 250), 30, 256, _IN_SHORT),
    "B1024": Case("mnist", 60_000, (1000, 500, 250), 30, 1024, (*_IN_SHORT, "ours, bfloat16")),
    "C": Case(
        "synthetic",
        5_000,
        (16, 8),
        4,
        32,
        ("hand-written", "ours", "skorch", "MLPRegressor"),
        n_timed_epochs=20,
        n_features=20,
    ),
    "D": Case("synthetic", 500_000, (64, 32), 8, 1024, _IN_SHORT, n_features=30),
    "E": Case("mnist", 10_000, (), 32, 128, ("hand-written", "ours")),
}


@dataclass
class Problem:
    """A case with its data."""

    case: Case
    X: np.ndarray
    source: str

    @cached_property
    def shift(self) -> np.ndarray:
        return self.X.mean(axis=0)

    @cached_property
    def scale(self) -> np.float32:
        """Give the scale at which the columns have a mean variance of 1."""
        return np.float32(np.sqrt(self.X.var(axis=0, dtype=np.float64).mean()))

    @cached_property
    def standard(self) -> np.ndarray:
        """Give the training rows in the units that ours trains in, for those who have no units."""
        return self.standardize(self.X)

    def standardize(self, X: np.ndarray) -> np.ndarray:
        return (X - self.shift) / self.scale

    @property
    def judged(self) -> np.ndarray:
        """Give the training rows on which losses are compared, in standard units."""
        return self.standard[:_JUDGED_ROWS]

    def network(self) -> nn.Sequential:
        """Build the network with PyTorch's own layers and initial weights."""
        n_features, case = self.X.shape[1], self.case
        if case.is_convolutional:
            return nn.Sequential(*Convolutional().build(n_features, case.n_components))
        sizes = [n_features, *case.hidden_layer_sizes, case.n_components]
        return nn.Sequential(_stack(sizes), _stack(sizes[::-1]))


def make_problem(case: Case, max_rows: int | None = None) -> Problem:
    """Load or draw the data of a case."""
    n_rows = case.n_rows if max_rows is None else min(max_rows, case.n_rows)
    if case.dataset == "synthetic":
        X, source = synthetic(n_rows, case.n_features), "synthetic rows"
    else:
        X, source = images()
    return Problem(case, X[:n_rows], source)


@cache
def images() -> tuple[np.ndarray, str]:
    """Give training images, and what they are: MNIST where it is at hand."""
    try:
        return load("mnist").X_train, "images of MNIST"
    except BenchmarkError:
        rows = np.round(255 / (1 + np.exp(-synthetic(60_000, _N_PIXELS))))
        source = "random rows in place of MNIST, which is not at hand"
        return rows.astype(np.float32) / np.float32(255), source


def synthetic(n_rows: int, n_features: int, *, seed: int = 0) -> np.ndarray:
    """Draw rows near a curved surface, in noise that keeps losses of several seeds alike."""
    rng = np.random.default_rng(seed)
    rank = min(32, max(1, 2 * n_features // 5))
    draws, first, second, noise = (
        rng.standard_normal(shape, dtype=np.float32)
        for shape in (
            (n_rows, rank),
            (rank, 4 * rank),
            (4 * rank, n_features),
            (n_rows, n_features),
        )
    )
    bent = np.tanh(draws @ first / np.float32(rank**0.5))
    return bent @ second / np.float32((4 * rank) ** 0.5) + np.float32(0.3) * noise


def _stack(sizes: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])

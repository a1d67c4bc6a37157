"""What was measured: errors of one table at one code size, and how they compare."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from benchmarks.reconstruction.contenders import OURS, PCA

# Share of the variance that counts as nothing. PCA takes the eigenvalues of a covariance matrix in
# float32, where those below 1e-7 of the largest one are rounding: what it leaves of a table that it
# could reconstruct exactly is of that size, and to be a multiple of it has no meaning.
ZERO = 1e-6
# Two ways to compute the same reconstruction in float32 differ by less than this share of its
# error. Where ours is PCA, all splits agree so well that the standard error is smaller still.
ROUNDING = 1e-5


class Ratio(NamedTuple):
    """A ratio to the error of PCA, over the splits."""

    mean: float
    error: float

    @property
    def is_worse(self) -> bool:
        """Tell whether the mean is above 1 by more than the standard error."""
        return bool(self.mean - 1 > self.error + ROUNDING)


@dataclass
class Case:
    """A table at one code size."""

    table: str
    n_rows: int
    n_features: int
    n_components: int
    variance: list[float]
    mse: dict[str, list[float]]
    seconds: dict[str, list[float]]

    @classmethod
    def empty(
        cls, table: str, n_rows: int, n_features: int, n_components: int, names: list[str]
    ) -> "Case":
        """Make a case of no split so far."""
        mse: dict[str, list[float]] = {name: [] for name in names}
        return cls(table, n_rows, n_features, n_components, [], mse, {name: [] for name in names})

    @property
    def others(self) -> list[str]:
        """Name the contenders beside PCA and ours."""
        return [name for name in self.mse if name not in (PCA, OURS)]

    @property
    def is_exact(self) -> bool:
        """Tell whether PCA leaves nothing, so that there are no ratios."""
        return self.share_left(PCA) < ZERO

    def share_left(self, contender: str) -> float:
        """Give the share of the variance that is not reconstructed, mean over the splits."""
        return float(np.divide(self.mse[contender], self.variance).mean())

    def largest_share_left(self, contender: str) -> float:
        """Give the same for the worst of the splits."""
        return float(np.divide(self.mse[contender], self.variance).max())

    def ratio(self, contender: str) -> Ratio:
        """Compare a contender with PCA, split by split."""
        ratios = np.divide(self.mse[contender], self.mse[PCA])
        # One split tells nothing of the spread: then it has to be as good without tolerance.
        error = ratios.std(ddof=1) / np.sqrt(len(ratios)) if len(ratios) > 1 else 0.0
        return Ratio(float(ratios.mean()), float(error))

    def best(self, contenders: list[str]) -> float:
        """Give the lowest mean ratio to PCA of some contenders."""
        return min(self.ratio(name).mean for name in contenders)

    def to_json(self) -> dict[str, Any]:
        """Give what was measured, and the ratios for the eye."""
        ratios = {} if self.is_exact else {name: list(self.ratio(name)) for name in self.mse}
        return asdict(self) | {"ratio": ratios}

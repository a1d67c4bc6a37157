"""What the results say together."""

from typing import Any

import numpy as np

from benchmarks import ranks
from benchmarks.outliers.contenders import NEIGHBORS, OURS, PYOD_AUTOENCODER, WITHOUT_NETWORK
from benchmarks.outliers.measuring import Job, Judged
from benchmarks.outliers.tables import SEMI_SUPERVISED, UNSUPERVISED
from benchmarks.report import Aim

_MEASURES = {"auroc": "AUROC", "ap": "AP"}
_FEW_ROWS = 1000


def aims(results: "Results") -> list[Aim]:
    """Compare with what the detector is for, as far as the contenders took part."""
    others = [name for name in results.contenders if name not in (OURS, WITHOUT_NETWORK)]
    semi, un = (results.summary(setting) for setting in (SEMI_SUPERVISED, UNSUPERVISED))
    found = []
    if WITHOUT_NETWORK in results.contenders:
        for setting, given, gains in ((SEMI_SUPERVISED, semi, (2, 4)), (UNSUPERVISED, un, (0, 0))):
            for (measure, named), gain in zip(_MEASURES.items(), gains, strict=True):
                worth = given[OURS][measure] - given[WITHOUT_NETWORK][measure]
                found.append(Aim(f"worth of the network, {setting} {named}", worth, ">=", gain))
    if NEIGHBORS in others:
        for (measure, named), gain in zip(_MEASURES.items(), (1, 2), strict=True):
            text = f"semi-supervised {named}, {NEIGHBORS}'s + {gain}"
            found.append(Aim(text, semi[OURS][measure], ">=", semi[NEIGHBORS][measure] + gain))
        found += _aims_by_size(results)
    for measure, named in _MEASURES.items() if others else ():
        best = max(un[name][measure] for name in others)
        text = f"unsupervised {named}, best of the others"
        found.append(Aim(text, un[OURS][measure], ">=", best))
    if PYOD_AUTOENCODER in others:
        ours, theirs = (
            semi[name]["seconds"] + un[name]["seconds"] for name in (OURS, PYOD_AUTOENCODER)
        )
        text = f"time of fit and score, {PYOD_AUTOENCODER}'s being 1"
        found.append(Aim(text, ours / theirs, "<=", 1.0))
    return found


def _aims_by_size(results: "Results") -> list[Aim]:
    """Compare with neighbours on small and on large tables."""
    is_small = results.n_rows <= _FEW_ROWS
    found = []
    for which, title in ((is_small, f"up to {_FEW_ROWS:,} rows"), (~is_small, "more rows")):
        for measure, named in _MEASURES.items() if which.any() else ():
            ours, theirs = (
                float(results.of(SEMI_SUPERVISED, name, measure)[which].mean())
                for name in (OURS, NEIGHBORS)
            )
            text = f"semi-supervised {named}, {title}, {NEIGHBORS}'s"
            found.append(Aim(text, ours, ">=", theirs))
    return found


class Results:
    """Figures of all contenders on all tables."""

    def __init__(
        self, measured: list[tuple[Job, dict[str, Judged]]], n_rows: dict[str, int]
    ) -> None:
        self.tables = list(dict.fromkeys(job.table for job, _ in measured))
        self.contenders = list(measured[0][1])
        self.n_rows = np.array([n_rows[name] for name in self.tables])
        self._measured = measured

    def of(self, setting: str, contender: str, measure: str) -> np.ndarray:
        """Give the figure of each table, mean over the seeds."""
        figures: dict[str, list[float]] = {name: [] for name in self.tables}
        for job, judged in self._measured:
            if job.setting == setting:
                figures[job.table].append(getattr(judged[contender], measure))
        return np.array([np.mean(figures[name]) for name in self.tables])

    def ranks(self, setting: str) -> np.ndarray:
        """Give the rank by AUROC of each contender on each table, 1 for the best."""
        return ranks.rank(np.array([self.of(setting, name, "auroc") for name in self.contenders]))

    def summary(self, setting: str) -> dict[str, dict[str, float]]:
        """Give the means of each contender over the tables, and the seconds of all."""
        means = self.ranks(setting).mean(axis=1)
        return {
            name: {
                **{key: float(self.of(setting, name, key).mean()) for key in _MEASURES},
                "rank": float(rank),
                "seconds": float(self.of(setting, name, "seconds").sum()),
            }
            for name, rank in zip(self.contenders, means, strict=True)
        }

    def to_json(self) -> list[dict[str, Any]]:
        """Give everything, for a file."""
        return [
            {"table": job.table, "setting": job.setting, "seed": job.seed}
            | {name: np.round(figures, 3).tolist() for name, figures in judged.items()}
            for job, judged in self._measured
        ]

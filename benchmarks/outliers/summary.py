"""What the results say together."""

from typing import Any

import numpy as np
from scipy.stats import rankdata, studentized_range

from benchmarks.outliers.contenders import NEIGHBORS, OURS, PYOD_AUTOENCODER
from benchmarks.outliers.measuring import Job, Judged
from benchmarks.outliers.tables import SEMI_SUPERVISED, SETTINGS, UNSUPERVISED
from benchmarks.report import Aim

_MEASURES = {"auroc": "AUROC", "ap": "AP"}


def critical_difference(n_contenders: int, n_tables: int) -> float:
    """Give the difference of mean ranks above which it is hardly chance: Nemenyi's test at 5 %."""
    # Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006.
    quantile = studentized_range.ppf(0.95, n_contenders, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(n_contenders * (n_contenders + 1) / (6 * n_tables)))


def aims(results: "Results") -> list[Aim]:
    """Compare with what the detector is for, as far as the contenders took part."""
    others = [name for name in results.contenders if name != OURS]
    semi, un = (results.summary(setting) for setting in (SEMI_SUPERVISED, UNSUPERVISED))
    found = []
    gains = {(NEIGHBORS, "auroc"): 2, (NEIGHBORS, "ap"): 3}
    gains |= {(PYOD_AUTOENCODER, measure): 5 for measure in _MEASURES}
    for (name, measure), gain in gains.items():
        if name in others:
            text = f"semi-supervised {_MEASURES[measure]}, {name}'s + {gain}"
            found.append(Aim(text, semi[OURS][measure], ">=", semi[name][measure] + gain))
    for measure, named in _MEASURES.items() if others else ():
        best = max(un[name][measure] for name in others)
        text = f"unsupervised {named}, best of the others"
        found.append(Aim(text, un[OURS][measure], ">", best))
    if PYOD_AUTOENCODER in others:
        differences = [
            results.of(setting, OURS, "auroc") - results.of(setting, PYOD_AUTOENCODER, "auroc")
            for setting in SETTINGS
        ]
        share = float(np.mean(np.concatenate(differences) >= -2))
        ours, theirs = (
            semi[name]["seconds"] + un[name]["seconds"] for name in (OURS, PYOD_AUTOENCODER)
        )
        text = f"time of fit and score, {PYOD_AUTOENCODER}'s being 1"
        found += [
            Aim(f"share of tables within 2 AUROC of {PYOD_AUTOENCODER}", share, ">=", 0.9),
            Aim(text, ours / theirs, "<=", 1.0),
        ]
    return found


class Results:
    """Figures of all contenders on all tables."""

    def __init__(self, measured: list[tuple[Job, dict[str, Judged]]]) -> None:
        self.tables = list(dict.fromkeys(job.table for job, _ in measured))
        self.contenders = list(measured[0][1])
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
        return rankdata([-self.of(setting, name, "auroc") for name in self.contenders], axis=0)

    def summary(self, setting: str) -> dict[str, dict[str, float]]:
        """Give the means of each contender over the tables, and the seconds of all."""
        ranks = self.ranks(setting).mean(axis=1)
        return {
            name: {
                **{key: float(self.of(setting, name, key).mean()) for key in _MEASURES},
                "rank": float(rank),
                "seconds": float(self.of(setting, name, "seconds").sum()),
            }
            for name, rank in zip(self.contenders, ranks, strict=True)
        }

    def to_json(self) -> list[dict[str, Any]]:
        """Give everything, for a file."""
        return [
            {"table": job.table, "setting": job.setting, "seed": job.seed}
            | {name: np.round(figures, 3).tolist() for name, figures in judged.items()}
            for job, judged in self._measured
        ]

"""What the results say together."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from rich.table import Table
from scipy.stats import rankdata, studentized_range

from benchmarks.outliers.contenders import NEIGHBORS, OURS, PYOD_AUTOENCODER
from benchmarks.outliers.measuring import Job, Judged
from benchmarks.outliers.tables import SEMI_SUPERVISED, SETTINGS, UNSUPERVISED
from benchmarks.variants.study import Aim

MEASURES = ("auroc", "ap")
_NAMES = {"auroc": "AUROC", "ap": "AP"}


class Results:
    """Figures of all contenders on all tables.

    Parameters
    ----------
    measured : list of (Job, dict of str to Judged)
        What was found.

    Attributes
    ----------
    tables, contenders : list of str
        Of what, and of whom.
    """

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

    def ranks(self, setting: str, measure: str = "auroc") -> np.ndarray:
        """Give the rank of each contender on each table, 1 for the best."""
        figures = np.array([self.of(setting, name, measure) for name in self.contenders])
        return rankdata(-figures, axis=0)

    def to_json(self) -> list[dict[str, Any]]:
        """Give everything, for a file."""
        return [
            {
                "table": job.table,
                "setting": job.setting,
                "seed": job.seed,
                **{
                    name: [round(figure, 3) for figure in figures]
                    for name, figures in judged.items()
                },
            }
            for job, judged in self._measured
        ]


def summary(results: Results, setting: str) -> dict[str, dict[str, float]]:
    """Give the means of each contender over the tables.

    Parameters
    ----------
    results : Results
        The results.
    setting : str
        One of ``SETTINGS``.

    Returns
    -------
    summary : dict of str to dict
        AUROC, AP, mean rank by AUROC, and seconds of all tables, by contender.
    """
    ranks = results.ranks(setting).mean(axis=1)
    return {
        name: {
            **{measure: float(results.of(setting, name, measure).mean()) for measure in MEASURES},
            "rank": float(rank),
            "seconds": float(results.of(setting, name, "seconds").sum()),
        }
        for name, rank in zip(results.contenders, ranks, strict=True)
    }


def critical_difference(n_contenders: int, n_tables: int) -> float:
    """Give the difference of mean ranks above which it is hardly chance.

    By the test of Nemenyi at 5 %; see Demšar, "Statistical comparisons of classifiers over
    multiple data sets", JMLR 7, 2006.

    Parameters
    ----------
    n_contenders, n_tables : int
        How many there are.

    Returns
    -------
    difference : float
    """
    quantile = studentized_range.ppf(0.95, n_contenders, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(n_contenders * (n_contenders + 1) / (6 * n_tables)))


def table(results: Results, setting: str) -> Table:
    """Make the table of a setting."""
    made = Table(
        title=f"\n{setting}: means over {len(results.tables)} tables",
        title_justify="left",
        title_style="bold",
    )
    for column in ("", "AUROC", "AP", "rank", "seconds"):
        made.add_column(column, justify="right" if column else "left")
    found = summary(results, setting)
    for name in sorted(found, key=lambda name: -found[name]["auroc"]):
        figures = found[name]
        made.add_row(
            name,
            *(f"{figures[key]:.1f}" for key in ("auroc", "ap", "rank", "seconds")),
            style="bold" if name == OURS else "",
        )
    return made


def aims(results: Results) -> list[Aim]:
    """Compare with what the detector is for, as far as the contenders took part.

    Parameters
    ----------
    results : Results
        The results.

    Returns
    -------
    aims : list of Aim
    """
    return list(_aims(results))


def lines(aims: list[Aim]) -> Iterator[str]:
    """Give a line for each aim."""
    for aim in aims:
        met = "met" if aim.is_met else "missed"
        yield f"{aim.text}: {aim.value:.2f} ({aim.relation} {aim.bound:.2f}: {met})"


def _aims(results: Results) -> Iterator[Aim]:
    others = [name for name in results.contenders if name != OURS]
    semi, un = (summary(results, setting) for setting in (SEMI_SUPERVISED, UNSUPERVISED))
    if NEIGHBORS in others:
        for measure, gain in (("auroc", 2.0), ("ap", 3.0)):
            bound = semi[NEIGHBORS][measure] + gain
            yield Aim(
                f"semi-supervised {_NAMES[measure]}, k-NN's + {gain:g}",
                semi[OURS][measure],
                ">=",
                bound,
            )
    if PYOD_AUTOENCODER in others:
        for measure in MEASURES:
            bound = semi[PYOD_AUTOENCODER][measure] + 5
            yield Aim(
                f"semi-supervised {_NAMES[measure]}, PyOD's AutoEncoder's + 5",
                semi[OURS][measure],
                ">=",
                bound,
            )
    if others:
        for measure in MEASURES:
            best = max(un[name][measure] for name in others)
            yield Aim(
                f"unsupervised {_NAMES[measure]}, best of the others",
                un[OURS][measure],
                ">",
                best,
            )
    if PYOD_AUTOENCODER in others:
        gains = np.concatenate(
            [
                results.of(setting, OURS, "auroc") - results.of(setting, PYOD_AUTOENCODER, "auroc")
                for setting in SETTINGS
            ]
        )
        share = float(np.mean(gains >= -2))
        yield Aim("share of tables within 2 AUROC of PyOD's AutoEncoder", share, ">=", 0.9)
        seconds = {name: semi[name]["seconds"] + un[name]["seconds"] for name in results.contenders}
        ratio = seconds[OURS] / seconds[PYOD_AUTOENCODER]
        yield Aim("time of fit and score, PyOD's AutoEncoder's being 1", ratio, "<=", 1.0)
